import { canonicalJson } from "../audit/canonical-json.ts";
import type { Action } from "../governance/action.ts";
import type { Json } from "../json/json.ts";
import { formatHost } from "../wire/host.ts";

/** SHA-256 of a text's UTF-8, in 64 hex digits. */
export type Sha256 = (text: string) => string;

/**
 * Everything of an action that a grant binds to, as one text that no other action has: RFC 8785 JSON, a tool's arguments
 * as their digest. Undefined: not all of it is known, so that nothing could be bound. Octet counts are no part: a grant is
 * for an action, not for its size.
 */
export function actionForm(action: Action, sha256: Sha256): string | undefined {
  if (action.kind !== "tool") return formOf(action);
  const digest = action.arguments.state === "known" ? argumentsDigest(action.arguments.value, sha256) : undefined;
  return digest === undefined ? undefined : toolForm(action, digest);
}

/** The same of a call whose arguments are named by their digest only. */
export function toolForm(
  { server, tool }: { readonly server: string | undefined; readonly tool: string | undefined },
  digest: string,
): string | undefined {
  if (server === undefined || tool === undefined) return undefined;
  return canonicalJson({ kind: "tool", server, tool, arguments: digest });
}

/**
 * `sha256:` and 64 hex digits, of the arguments' RFC 8785 form. Undefined: they have none, or hold a number beyond
 * 2^53-1, where two texts that a server may tell apart are one number to us.
 */
export function argumentsDigest(value: Json, sha256: Sha256): string | undefined {
  const form = canonicalJson(value);
  return form === undefined || !isExact(value) ? undefined : `sha256:${sha256(form)}`;
}

function formOf(action: Exclude<Action, { kind: "tool" }>): string | undefined {
  switch (action.kind) {
    case "inference": {
      const { kind, model } = action;
      return model === undefined ? undefined : canonicalJson({ kind, model });
    }
    case "egress": {
      const { kind, host, port, protocol, method, path } = action;
      if (host === undefined || port === undefined || protocol === undefined) return undefined;
      // Of plain HTTP each request is judged, and of a tunnel none.
      const isHttp = protocol === "http";
      if ((method !== undefined) !== isHttp || (path !== undefined) !== isHttp) return undefined;
      return canonicalJson({
        kind,
        host: formatHost(host),
        port,
        protocol,
        method: method ?? null,
        path: path ?? null,
      });
    }
    case "exec": {
      const { kind, program, argv, directory } = action;
      if (program === undefined || argv === undefined) return undefined;
      return canonicalJson({ kind, program, argv, directory: directory ?? null });
    }
    case "spawn": {
      const { kind, agent, image, depth } = action;
      if (agent === undefined) return undefined;
      return canonicalJson({ kind, agent, image: image ?? null, depth: depth ?? null });
    }
    case "mesh.send": {
      const { kind, peer, topic } = action;
      return peer === undefined ? undefined : canonicalJson({ kind, peer, topic: topic ?? null });
    }
    case "admin": {
      const { kind, operation, target } = action;
      return operation === undefined ? undefined : canonicalJson({ kind, operation, target: target ?? null });
    }
    default:
      return action satisfies never;
  }
}

/** Asked only of what has a canonical form, and so is of bounded depth. */
function isExact(value: Json): boolean {
  if (typeof value === "number") return Math.abs(value) <= Number.MAX_SAFE_INTEGER;
  return typeof value !== "object" || value === null || Object.values(value).every((item: Json) => isExact(item));
}
