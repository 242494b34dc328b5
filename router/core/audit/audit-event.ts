import type { EpochMillis } from "../base/quantity.ts";
import type { Reason } from "../base/reason.ts";
import type { PolicyIdentity } from "../policy/permit.ts";

/** JSON without surprises: what a record may hold. Numbers are finite; a 64-bit count beyond 2^53 is a string. */
export type AuditValue =
  | null
  | boolean
  | number
  | string
  | readonly AuditValue[]
  | { readonly [key: string]: AuditValue };

export type AuditKind =
  | "start"
  | "stop"
  | "recovery"
  | "gap"
  | "segment"
  | "clock"
  | "heartbeat"
  | "egress.decision"
  | "egress.end"
  | "dns"
  | "inference.decision"
  | "inference.end"
  | "budget"
  | "governance.decision"
  | "governance.end"
  | "governance.alert"
  | "approval"
  | "policy.load"
  | "policy.refused"
  | "guard";

/**
 * What happened, before it becomes a record: the writer adds `v stream seq uptime prev actor`. Text that an agent
 * chose must have passed `safeText` (bounded, no control characters, no lone surrogates).
 */
export interface AuditEvent {
  readonly time: EpochMillis;
  readonly kind: AuditKind;
  /** What was attempted: `connect`, `http.GET`, `policy.load`, ... */
  readonly action: string;
  /** Where to: `host:port`, a file name, a rule set. */
  readonly target: string;
  readonly decision: "allow" | "deny" | "none";
  readonly reason: Reason | null;
  readonly rule: string | null;
  readonly policy: PolicyIdentity | null;
  /** The request id, the same as in `Sluice-Request-Id`; null for what no request caused. */
  readonly request: string | null;
  /** Kind-specific facts: pinned address, bytes, durations. */
  readonly detail?: { readonly [key: string]: AuditValue };
}
