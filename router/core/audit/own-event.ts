import type { AuditEvent, AuditKind, AuditValue } from "./audit-event.ts";
import type { EpochMillis } from "../base/quantity.ts";

/** An event of the router itself: no request caused it, and no policy was asked. */
export function ownEvent(
  time: EpochMillis,
  kind: AuditKind,
  action: string,
  target: string,
  detail: { readonly [key: string]: AuditValue },
): AuditEvent {
  return {
    time,
    kind,
    action,
    target,
    decision: "none",
    reason: null,
    rule: null,
    policy: null,
    request: null,
    detail,
  };
}
