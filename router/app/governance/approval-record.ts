import type { AccessRequest } from "../../core/approval/approval.ts";
import type { AuditEvent } from "../../core/audit/audit-event.ts";
import { ownEvent } from "../../core/audit/own-event.ts";
import type { EpochMillis } from "../../core/base/quantity.ts";
import type { Reason } from "../../core/base/reason.ts";
import type { Action } from "../../core/governance/action.ts";
import { actionTarget } from "../../core/governance/action-target.ts";
import type { GrantNews } from "./grant-book.ts";

/** What became of an approval. */
export function newsRecord({ kind, id, digest, approval }: GrantNews, at: EpochMillis): AuditEvent {
  const { action, requestedBy = null, uses = null } = approval;
  const detail = { approval: id, digest, for: action.kind, requestedBy, uses };
  const event = ownEvent(at, "approval", kind, actionTarget(action), detail);
  if (kind === "granted" || kind === "used") return { ...event, decision: "allow" };
  return kind === "denied" ? { ...event, decision: "deny" } : event;
}

/** What became of a request for access; `request`: the id of the exchange in which it was asked for. */
export function requestRecord(
  { action, digest, reason }: AccessRequest,
  at: EpochMillis,
  what: string,
  request: string | null,
): AuditEvent {
  const detail = { digest, for: action.kind, why: reason };
  return { ...ownEvent(at, "approval", what, actionTarget(action), detail), request };
}

/** A request for access that was not taken; `about`: undefined where it could not be read. */
export function refusalRecord(reason: Reason, about: Action | undefined, at: EpochMillis, request: string): AuditEvent {
  const target = about === undefined ? "?" : actionTarget(about);
  const detail = about === undefined ? {} : { for: about.kind };
  return { ...ownEvent(at, "approval", "refused", target, detail), decision: "deny", reason, request };
}
