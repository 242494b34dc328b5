import type { Clock } from "../../core/base/clock.ts";
import { type Millis, millis } from "../../core/base/quantity.ts";
import type { Reason } from "../../core/base/reason.ts";
import type { CompiledInferencePolicy } from "../../core/models/compile-inference-policy.ts";
import type { Provider } from "../../core/models/inference-policy.ts";
import type { CallFacts, CallOutcome, CallStart } from "../../core/outcome/inference-outcome.ts";
import type { CallSpan } from "../../edge/tracing/tracing.ts";
import type { PolicyIdentity } from "../../core/policy/permit.ts";
import type { GovernedCall } from "./governed-call.ts";

const NOTHING: readonly string[] = Object.freeze([]);

type Mutable<Of> = { -readonly [Key in keyof Of]: Of[Key] };

/** Receives each outcome once: audit, metrics, span and log are its projections. */
export type SettleCall = (outcome: CallOutcome, admitted: boolean) => void;

/** One inference call from its head to its one outcome: what the steps learn, and the signal that every wait obeys. */
export class Call {
  readonly start: CallStart;
  readonly facts: Mutable<CallFacts>;
  /** Undefined: no spans are made. */
  readonly span: CallSpan | undefined;
  policy: PolicyIdentity | undefined;
  /** Whom it was sent to. */
  via: Provider | undefined;
  /** Its durable record exists. */
  admitted = false;
  seat = 0;
  /** Why it may not go on under a policy, beyond what holds for every call; asked when another comes into force. */
  lostUnder: ((policy: CompiledInferencePolicy) => Reason | undefined) | undefined;

  /** The governance policy's leave for it; to be told of its end. */
  governed: GovernedCall | undefined;

  readonly #clock: Clock;
  readonly #began: Millis;
  readonly #settle: SettleCall;
  /** Made for whoever needs a signal; most calls need none. */
  #abort: AbortController | undefined;
  #over = false;
  #cutReason: Reason | undefined;
  #onCut: (() => void) | undefined;
  #settled = false;

  constructor(start: CallStart, clock: Clock, settle: SettleCall, span: CallSpan | undefined) {
    this.start = start;
    this.span = span;
    this.#clock = clock;
    this.#began = clock.monotonic();
    this.#settle = settle;
    this.facts = {
      model: undefined,
      provider: undefined,
      target: undefined,
      address: undefined,
      status: undefined,
      stream: false,
      attempts: 0,
      usage: undefined,
      charged: undefined,
      finishReasons: NOTHING,
      responseId: undefined,
      responseModel: undefined,
      bytesOut: 0,
      bytesIn: 0,
      firstToken: undefined,
      overhead: undefined,
      total: millis(0),
      signals: NOTHING,
    };
  }

  /** The call was cut, or its agent is gone. */
  get over(): boolean {
    return this.#over;
  }

  /** Aborted when `over` becomes true. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#over) this.#abort.abort();
    return this.#abort.signal;
  }

  /** Why we ended it; undefined where the agent left, or nobody ended it. */
  get cutReason(): Reason | undefined {
    return this.#cutReason;
  }

  get settled(): boolean {
    return this.#settled;
  }

  /** What must happen at once when the call ends before its answer does; one listener at a time. */
  onCut(callback: (() => void) | undefined): void {
    this.#onCut = callback;
    if (this.#over) callback?.();
  }

  /** Ends the call for a reason of ours: policy changed, drain. */
  cut(reason: Reason): void {
    if (this.#settled || this.#over) return;
    this.#cutReason = reason;
    this.#finish();
  }

  /** The agent is gone. */
  abandon(): void {
    if (!this.#settled && !this.#over) this.#finish();
  }

  #finish(): void {
    this.#over = true;
    this.#abort?.abort();
    this.#onCut?.();
  }

  elapsed(): Millis {
    return millis(this.#clock.monotonic() - this.#began);
  }

  completed(): void {
    this.#end({ kind: "completed" }, undefined);
  }

  refused(reason: Reason, rule: string | undefined, detail: string | undefined): void {
    this.#end({ kind: "refused", reason, detail }, rule);
  }

  aborted(reason: Reason | undefined, detail: string | undefined, rule?: string): void {
    this.#end({ kind: "aborted", reason, detail }, rule);
  }

  #end(
    how:
      | { readonly kind: "completed" }
      | { readonly kind: "refused"; readonly reason: Reason; readonly detail: string | undefined }
      | { readonly kind: "aborted"; readonly reason: Reason | undefined; readonly detail: string | undefined },
    rule: string | undefined,
  ): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#onCut = undefined;
    this.facts.total = this.elapsed();
    this.governed?.ended(resultOf(how), this.facts.bytesOut);
    const outcome: CallOutcome = { ...how, start: this.start, policy: this.policy, rule, facts: this.facts };
    this.#settle(outcome, this.admitted);
    this.span?.end(outcome);
  }
}

/** An agent that leaves says nothing of how the call would have ended. */
function resultOf(
  how: Pick<CallOutcome, "kind"> & { readonly reason?: Reason | undefined },
): "succeeded" | "failed" | "unknown" {
  if (how.kind === "completed") return "succeeded";
  return how.reason === undefined ? "unknown" : "failed";
}
