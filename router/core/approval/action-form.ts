import { canonicalJson } from "../audit/canonical-json.ts";
import type { Action } from "../governance/action.ts";
import { formatHost } from "../wire/host.ts";

/**
 * Everything of an action that a grant binds to, as one text that no other action has: RFC 8785 JSON. Undefined: not all
 * of it is known, so that nothing could be bound. Octet counts are no part: a grant is for an action, not for its size.
 */
export function actionForm(action: Action): string | undefined {
  switch (action.kind) {
    case "inference": {
      const { kind, model } = action;
      return model === undefined ? undefined : canonicalJson({ kind, model });
    }
    case "egress": {
      const { kind, host, port, protocol, method, path } = action;
      if (host === undefined || port === undefined || protocol === undefined) return undefined;
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
    case "tool": {
      const { kind, server, tool } = action;
      if (server === undefined || tool === undefined || action.arguments.state !== "known") return undefined;
      return canonicalJson({ kind, server, tool, arguments: action.arguments.value });
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
      return undefined;
  }
}
