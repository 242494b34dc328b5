import type { AuditEvent, AuditKind, AuditValue } from "../../core/audit/audit-event.ts";
import type { EpochMillis } from "../../core/base/quantity.ts";

/** An event that the writer itself makes: no request caused it and no policy was asked. */
export function writerEvent(
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
