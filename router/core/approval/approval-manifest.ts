import type { Action } from "../governance/action.ts";
import type { Json } from "../json/json.ts";
import { API_VERSION } from "../document/document-kind.ts";
import { formatHost } from "../wire/host.ts";
import { argumentsDigest, type Sha256 } from "./action-form.ts";
import type { AccessRequest } from "./approval.ts";
import type { Identity } from "./approved-digest.ts";

export interface ManifestOptions {
  readonly sha256: Sha256;
  /** `full`: only where nothing in them has to be hidden. */
  readonly arguments: "digest" | "full";
}

/**
 * The `EgressApproval` that a request asks for, unapproved: for its one pod, once, for as long as the policy lets any
 * grant last. What an operator adds is the condition, or other bounds.
 */
export function approvalManifest(
  request: Pick<AccessRequest, "digest" | "action" | "reason">,
  identity: Identity,
  options: ManifestOptions,
): Json {
  const { namespace, agent, pod } = identity;
  return {
    apiVersion: API_VERSION,
    kind: "EgressApproval",
    metadata: { name: `request-${request.digest.slice(0, 20)}` },
    spec: {
      action: statedAction(request.action, options),
      reason: request.reason,
      target: { namespace, agent, pod },
      uses: 1,
    },
  };
}

/** Only what is bound, and only what is there. */
function statedAction(action: Action, { sha256, arguments: shown }: ManifestOptions): Json {
  switch (action.kind) {
    case "inference":
      return present({ kind: action.kind, model: action.model });
    case "egress": {
      const { kind, host, port, protocol, method, path } = action;
      return present({ kind, host: host === undefined ? undefined : formatHost(host), port, protocol, method, path });
    }
    case "exec": {
      const { kind, program, argv, directory } = action;
      return present({ kind, program, argv, directory });
    }
    case "spawn": {
      const { kind, agent, image, depth } = action;
      return present({ kind, agent, image, depth });
    }
    case "tool": {
      const { kind, server, tool } = action;
      const value = action.arguments.state === "known" ? action.arguments.value : undefined;
      if (shown === "full") return present({ kind, server, tool, arguments: value });
      const digest = value === undefined ? undefined : argumentsDigest(value, sha256);
      return present({ kind, server, tool, argumentsDigest: digest });
    }
    case "mesh.send": {
      const { kind, peer, topic } = action;
      return present({ kind, peer, topic });
    }
    case "admin": {
      const { kind, operation, target } = action;
      return present({ kind, operation, target });
    }
    default:
      return action satisfies never;
  }
}

function present(members: Readonly<Record<string, Json | undefined>>): Json {
  return Object.fromEntries(
    Object.entries(members).filter((member): member is [string, Json] => member[1] !== undefined),
  );
}
