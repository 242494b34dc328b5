import type { AuditEvent, AuditValue } from "../audit/audit-event.ts";
import type { EpochMillis } from "../base/quantity.ts";
import type { PolicyIdentity } from "../policy/permit.ts";
import type { CallOutcome, CallStart } from "./inference-outcome.ts";

/** What is on record before anything of a call is sent to a provider. */
export interface AdmittedCall {
  readonly start: CallStart;
  readonly policy: PolicyIdentity;
  readonly model: string;
  readonly provider: string;
  readonly target: string;
  readonly stream: boolean;
  /** Tokens that are held for it until it ends. */
  readonly reserved: number;
}

/** The record that must be durable before a call goes on. */
export function admittedCallEvent(call: AdmittedCall): AuditEvent {
  const { start, provider, target, stream, reserved } = call;
  return {
    time: start.at,
    kind: "inference.decision",
    action: actionOf(start),
    target: call.model,
    decision: "allow",
    reason: null,
    rule: null,
    policy: call.policy,
    request: start.request,
    detail: { provider, providerModel: target, stream, reserved, ...start.trace },
  };
}

/** The record of an end. A refusal is a decision of its own; after an admission it says what became of the call. */
export function endedCallEvent(outcome: CallOutcome, admitted: boolean, at: EpochMillis): AuditEvent {
  const { start, facts } = outcome;
  const detail: Record<string, AuditValue> = { outcome: outcome.kind, ...start.trace };
  const put = (name: string, value: AuditValue | undefined): void => {
    if (value !== undefined) detail[name] = value;
  };
  if (outcome.kind !== "completed") put("detail", outcome.detail);
  put("provider", facts.provider);
  put("providerModel", facts.target);
  put("address", facts.address);
  put("status", facts.status);
  if (facts.signals.length > 0) put("contentFilter", facts.signals);
  if (admitted) {
    const { usage, charged } = facts;
    put("stream", facts.stream);
    put("attempts", facts.attempts);
    if (usage !== undefined) put("usage", { ...usage });
    if (charged !== undefined) {
      put("tokens", charged.tokens);
      // Billionths of a dollar, as text where the number would be too large for JSON's readers.
      put("costNanoUsd", charged.cost);
      put("estimated", charged.estimated);
    }
    put("finish", facts.finishReasons.length > 0 ? facts.finishReasons : undefined);
    put("bytesOut", facts.bytesOut);
    put("bytesIn", facts.bytesIn);
    put("firstTokenMillis", facts.firstToken === undefined ? undefined : Math.round(facts.firstToken));
    put("millis", Math.round(facts.total));
  }
  return {
    time: at,
    kind: admitted ? "inference.end" : "inference.decision",
    action: actionOf(start),
    target: facts.model ?? "-",
    decision: outcome.kind === "refused" ? "deny" : admitted ? "allow" : "none",
    reason: outcome.kind === "completed" ? null : (outcome.reason ?? null),
    rule: outcome.rule ?? null,
    policy: outcome.policy ?? null,
    request: start.request,
    detail,
  };
}

function actionOf({ api }: CallStart): string {
  return api === undefined ? "inference" : `inference.${api}`;
}
