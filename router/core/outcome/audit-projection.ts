import type { AuditEvent, AuditValue } from "../audit/audit-event.ts";
import type { EpochMillis } from "../base/quantity.ts";
import type { NamePermit } from "../policy/permit.ts";
import type { IpAddress } from "../wire/ip-address.ts";
import type { ExchangeStart, Outcome } from "./outcome.ts";
import { targetText } from "./target.ts";

/** What a record says of a request besides its action and target, as far as it is known. */
export interface RecordedStart extends ExchangeStart {
  /** The way it came in: `connect`, `forward`, `socks`, `tls`, `http`, `inspection`, `fetch`. */
  readonly via?: string | undefined;
  /** A request inside TLS that ends at this router. */
  readonly secure?: boolean | undefined;
  /** The shape of a request's path (core/learning), never the path; null: it can be read in several ways. */
  readonly path?: string | null | undefined;
}

/**
 * The record that must be durable before a permitted exchange goes on. `addresses` are those that may be dialled; none
 * for a tunnel whose inner requests are judged one by one.
 */
export function admittedEvent(
  start: RecordedStart,
  permit: NamePermit,
  addresses: readonly IpAddress[],
  refusedAddresses: readonly IpAddress[],
): AuditEvent {
  return {
    time: start.at,
    kind: "egress.decision",
    action: start.action,
    target: targetText(start),
    decision: "allow",
    reason: null,
    rule: permit.rule ?? null,
    policy: permit.policy,
    request: start.request,
    detail: {
      addresses,
      ...(refusedAddresses.length > 0 ? { refusedAddresses } : {}),
      ...requestDetail(start),
      protocol: permit.obligations.protocol,
      ...(permit.obligations.inspect ? { inspect: true } : {}),
      ...(permit.unlisted === undefined ? {} : { unlisted: permit.unlisted }),
      ...start.trace,
    },
  };
}

function requestDetail({ via, secure, path }: RecordedStart): Readonly<Record<string, AuditValue>> {
  return {
    ...(via === undefined ? {} : { via }),
    ...(secure === true ? { secure } : {}),
    ...(path === undefined ? {} : { path }),
  };
}

/**
 * The record of an end. A refusal is a decision of its own; where the exchange had been admitted already (its
 * `egress.decision` says allow), the end says what became of it.
 */
export function endedEvent(outcome: Outcome, admitted: boolean, at: EpochMillis): AuditEvent {
  const { facts } = outcome;
  const start: RecordedStart = outcome.start;
  const reason = outcome.kind === "completed" ? null : (outcome.reason ?? null);
  const detail: Record<string, AuditValue> = {
    outcome: outcome.kind,
    ...requestDetail(start),
    ...start.trace,
  };
  if (outcome.kind !== "completed" && outcome.detail !== undefined) detail["detail"] = outcome.detail;
  if (facts.address !== undefined) detail["address"] = facts.address;
  if (facts.status !== undefined) detail["status"] = facts.status;
  if (admitted) {
    detail["bytesOut"] = facts.bytesOut;
    detail["bytesIn"] = facts.bytesIn;
    detail["millis"] = Math.round(facts.total);
  }
  return {
    time: at,
    kind: admitted ? "egress.end" : "egress.decision",
    action: start.action,
    target: targetText(start),
    decision: outcome.kind === "refused" ? "deny" : admitted ? "allow" : "none",
    reason,
    rule: outcome.rule ?? null,
    policy: outcome.policy ?? null,
    request: start.request,
    detail,
  };
}
