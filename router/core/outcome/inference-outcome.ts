import type { EpochMillis, Millis } from "../base/quantity.ts";
import type { Reason } from "../base/reason.ts";
import type { Api, Family } from "../inference/api.ts";
import type { Usage } from "../inference/usage.ts";
import type { PolicyIdentity } from "../policy/permit.ts";
import type { IpAddress } from "../wire/ip-address.ts";
import type { TraceContext } from "../wire/traceparent.ts";

/** What is known of a call before anything is decided. */
export interface CallStart {
  /** The request id. */
  readonly request: string;
  /** Undefined where the request was not read so far. */
  readonly api: Api | undefined;
  readonly family: Family;
  readonly at: EpochMillis;
  /** As the agent says. */
  readonly trace: TraceContext | undefined;
}

/** What was taken from the budgets for a call. */
export interface Charged {
  readonly tokens: number;
  /** Billionths of a US dollar; undefined: the model has no price. */
  readonly cost: number | undefined;
  /** Not what the provider said, since it did not, or not to the end. */
  readonly estimated: boolean;
}

/** What the steps of a call learnt; undefined where they were not reached. */
export interface CallFacts {
  /** The policy's name of the model, never the caller's own text. */
  readonly model: string | undefined;
  readonly provider: string | undefined;
  /** The provider's name of the model. */
  readonly target: string | undefined;
  readonly address: IpAddress | undefined;
  /** Of the provider's last answer. */
  readonly status: number | undefined;
  readonly stream: boolean;
  /** Targets that were tried. */
  readonly attempts: number;
  readonly usage: Usage | undefined;
  readonly charged: Charged | undefined;
  readonly finishReasons: readonly string[];
  readonly responseId: string | undefined;
  readonly responseModel: string | undefined;
  /** Octets of bodies. */
  readonly bytesOut: number;
  readonly bytesIn: number;
  /** From the request's last octet to the first content. */
  readonly firstToken: Millis | undefined;
  /** From the request body's last octet until it left for a provider: what the router adds, the durable record included. */
  readonly overhead: Millis | undefined;
  readonly total: Millis;
  /** Severities that the provider's own content filter reported: `hate.high`. */
  readonly signals: readonly string[];
}

/**
 * How one call ended; every call ends in exactly one. Audit, metrics, span, log line and the reply to the agent are
 * projections of it.
 * - `refused`: nothing was sent to a provider.
 * - `completed`: the provider's answer, whatever its status, reached the agent whole.
 * - `aborted`: something was sent, and it ended otherwise: by a peer (`reason` undefined) or by us.
 */
export type CallOutcome = {
  readonly start: CallStart;
  readonly policy: PolicyIdentity | undefined;
  /** What decided: a budget, a limit, a guardrail. */
  readonly rule: string | undefined;
  readonly facts: CallFacts;
} & (
  | { readonly kind: "completed" }
  | { readonly kind: "refused"; readonly reason: Reason; readonly detail: string | undefined }
  | { readonly kind: "aborted"; readonly reason: Reason | undefined; readonly detail: string | undefined }
);
