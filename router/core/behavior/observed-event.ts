import { REASONS, type Reason } from "../base/reason.ts";
import { ACTION_KINDS, type ActionKind } from "../governance/action-kind.ts";
import type { Observation } from "./detector.ts";
import type { Moment } from "./standing.ts";

/** What an audit event and its record have in common. */
export interface ObservedEvent {
  readonly kind: string;
  readonly action: string;
  readonly target: string;
  readonly decision: string;
  readonly reason: string | null;
  readonly rule: string | null;
  readonly detail?: { readonly [key: string]: unknown } | undefined;
}

/**
 * What a refusal says of the agent. `denied`: it asked for what it must not. `limited`: not now. `failed`: it was allowed,
 * and the world did not do it. `own`: the router's own trouble, which says nothing.
 */
const MEANING: Readonly<Record<Reason, "denied" | "limited" | "failed" | "own">> = {
  malformed_request: "denied",
  host_not_allowed: "denied",
  port_not_allowed: "denied",
  method_not_allowed: "denied",
  path_not_allowed: "denied",
  denied_by_rule: "denied",
  blocklisted: "denied",
  inference_only: "denied",
  address_not_allowed: "denied",
  sni_missing: "denied",
  sni_mismatch: "denied",
  ech_not_allowed: "denied",
  not_tls: "denied",
  host_mismatch: "denied",
  policy_missing: "own",
  policy_expired: "own",
  approval_expired: "denied",
  rate_limited: "limited",
  connection_limit: "limited",
  byte_limit: "limited",
  lifetime_limit: "limited",
  idle_timeout: "limited",
  budget_exhausted: "limited",
  request_too_large: "denied",
  model_not_allowed: "denied",
  guardrail_blocked: "denied",
  governance_denied: "denied",
  approval_required: "denied",
  dns_failure: "failed",
  upstream_unreachable: "failed",
  upstream_invalid: "failed",
  overloaded: "own",
  draining: "own",
  audit_unavailable: "own",
  internal: "own",
};

/** Which kinds of event begin an action, and which end one. */
const EVENTS: ReadonlyMap<string, { readonly action: ActionKind | undefined; readonly begins: boolean }> = new Map([
  ["egress.decision", { action: "egress", begins: true }],
  ["egress.end", { action: "egress", begins: false }],
  ["inference.decision", { action: "inference", begins: true }],
  ["inference.end", { action: "inference", begins: false }],
  ["governance.decision", { action: undefined, begins: true }],
  ["governance.end", { action: undefined, begins: false }],
]);

/**
 * What the monitor sees of an audit event, live or read from a log: so both see the same. What was refused for the monitor's
 * own sake says so in its rule (`BY_BEHAVIOR`). A `governance.decision` about egress or inference is only a question:
 * what is done about them has events of its own. So is one that says of itself that it is a preview.
 */
export function observationsOf(event: ObservedEvent, { at, steady }: Moment): readonly Observation[] {
  const known = EVENTS.get(event.kind);
  const action = known?.action ?? governed(event.action);
  if (known === undefined || action === undefined || event.detail?.["preview"] === true) return [];
  const bytes = known.begins ? 0 : octetsOf(event.detail?.["bytesOut"]);
  const results = known.begins ? beginning(event) : [ending(event)];
  const isSaid = NEVER_PASS.has(action) || event.detail?.[SAID] === true;
  return results.map((result) => ({ at, steady, action, target: event.target, result, bytes, isSaid }));
}

/** Kinds that an agent asks for and reports, and that never pass the router. */
export const NEVER_PASS: ReadonlySet<ActionKind> = new Set(["exec", "spawn", "admin"]);

/** In the detail of an event, true: of the other kinds it says that the agent asked or reported, and nothing passed. */
export const SAID = "said";

function governed(action: string): ActionKind | undefined {
  return ACTION_KINDS.find((kind) => kind === action && kind !== "egress" && kind !== "inference");
}

/** What the rule of a refusal begins with that the monitor asked for; the detector's id follows. No rule has such an id. */
export const BY_BEHAVIOR = "behavior/";

function beginning({ decision, reason, rule }: ObservedEvent): readonly Observation["result"][] {
  if (rule?.startsWith(BY_BEHAVIOR) === true) return ["withheld"];
  if (decision === "allow") return ["allowed"];
  if (decision !== "deny") return [];
  const meaning = meaningOf(reason);
  if (meaning === "own") return [];
  // What failed before it was on record as allowed, a name without an address, was allowed all the same.
  return meaning === "failed" ? ["allowed", "failed"] : [meaning];
}

/** An end is never a denial: the action was allowed, and what then was refused came to nothing. */
function ending({ reason, detail }: ObservedEvent): Observation["result"] {
  if (reason !== null) {
    const meaning = meaningOf(reason);
    return meaning === "denied" || meaning === "failed" ? "failed" : "ended";
  }
  if (detail?.["outcome"] === "failed") return "failed";
  if (detail?.["outcome"] !== "completed") return "ended";
  const status = detail["status"];
  return typeof status === "number" && status >= 400 ? "failed" : "succeeded";
}

/** A reason of a version to come is a denial. */
function meaningOf(reason: string | null): (typeof MEANING)[Reason] {
  return reason !== null && isReason(reason) ? MEANING[reason] : "denied";
}

function isReason(text: string): text is Reason {
  return Object.hasOwn(REASONS, text);
}

function octetsOf(value: unknown): number {
  return typeof value === "number" && value > 0 ? value : 0;
}
