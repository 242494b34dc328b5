import { isApprovable } from "../../core/approval/approvable.ts";
import type { Reason } from "../../core/base/reason.ts";
import type { Action, EgressAction } from "../../core/governance/action.ts";
import type { Decision } from "../../core/policy/decision.ts";
import type { EgressRequest } from "../../core/policy/egress-request.ts";
import { ASKABLE } from "./egress-governance.ts";
import type { Governed } from "./governor.ts";

/** Whether an action can be asked for now. */
export type AccessStanding =
  /** It is allowed as it is; `by`: the rule, or the approval. */
  | { readonly kind: "not_needed"; readonly by: string | undefined }
  | {
      readonly kind: "refused";
      readonly reason: Reason;
      readonly message: string | undefined;
      readonly retryAfter: number | undefined;
    }
  /** `action`: as it would be judged. */
  | { readonly kind: "askable"; readonly action: Action };

export interface AccessStandingRooms {
  /** The egress policy's word, without any approval. */
  egress(request: EgressRequest): Decision;
  /** The approval that covers it. */
  granted(action: Action): string | undefined;
  preview(action: Action): Governed;
}

/** Nothing is taken, and nobody is told. Every part of the action that is judged is known. */
export function accessStanding(rooms: AccessStandingRooms, asked: Action): AccessStanding {
  if (asked.kind !== "egress") return governedStanding(rooms, asked, undefined);
  const request = requestOf(asked);
  if (request === undefined) return refusal("malformed_request", "Not all of the action is there.");
  if (!isApprovable(request.host)) {
    return refusal("address_not_allowed", "A special-use address is allowed by the signed policy or not at all.");
  }
  const decision = rooms.egress(request);
  if (decision.effect === "deny") {
    if (!ASKABLE.has(decision.reason)) return refusal(decision.reason, undefined);
    return governedStanding(rooms, asked, rooms.granted(asked) ?? "none");
  }
  const { protocol } = decision.permit.obligations;
  // A tunnel in which each request is judged by itself is nothing to ask for.
  if (request.via === "tunnel" && protocol === "http") return { kind: "not_needed", by: decision.permit.rule };
  const standing = governedStanding(rooms, { ...asked, protocol }, undefined);
  return standing.kind === "not_needed" ? { kind: "not_needed", by: standing.by ?? decision.permit.rule } : standing;
}

/** `grant`: the approval without which another policy refuses it; `none`: there is none. */
function governedStanding(rooms: AccessStandingRooms, action: Action, grant: string | undefined): AccessStanding {
  const governed = rooms.preview(action);
  if (governed.kind === "refused" && !governed.askable) {
    return refusal(governed.reason, governed.message, governed.retryAfter);
  }
  if (governed.kind === "refused" || grant === "none") return { kind: "askable", action };
  return { kind: "not_needed", by: grant ?? governed.approval ?? governed.rule };
}

/** Undefined: not all that the egress policy judges is there. */
export function requestOf({ host, port, protocol, method, path }: EgressAction): EgressRequest | undefined {
  if (host === undefined || port === undefined || protocol === undefined) return undefined;
  if (protocol !== "http") return { via: "tunnel", host, port };
  return method === undefined || path === undefined ? undefined : { via: "http", host, port, method, path };
}

function refusal(reason: Reason, message: string | undefined, retryAfter?: number): AccessStanding {
  return { kind: "refused", reason, message, retryAfter };
}
