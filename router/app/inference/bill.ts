import { type Millis, millis } from "../../core/base/quantity.ts";
import { APIS } from "../../core/inference/api.ts";
import type { ResponseMeter } from "../../core/inference/response-meter.ts";
import { usageFromHeaders } from "../../core/inference/usage-forms.ts";
import type { StatedUsage } from "../../core/inference/usage-stated.ts";
import { NO_USAGE, totalTokens, type Usage } from "../../core/inference/usage.ts";
import type { Field } from "../../core/wire/message-head.ts";
import { callCost } from "../../core/models/call-cost.ts";
import type { Held, Spent } from "./budget-rooms.ts";
import type { Call } from "./call.ts";
import type { AdmittedCallParts } from "./admitted-call.ts";
import type { InferenceRooms } from "./inference-rooms.ts";

/**
 * Octets of a request that make a token where the provider says nothing of its input: few, since text that is dense in
 * tokens must not be had cheaper by leaving before the usage comes.
 */
const OCTETS_PER_TOKEN = 2;

/** Output of a fast model of those that reason, a millisecond: 100 tokens a second. */
const TOKENS_PER_MILLI = 0.1;

/**
 * What one call owes, over all its attempts: what providers said, and an estimate where they did not. It is closed once,
 * whatever happens; then what was held of the budgets is settled, or released where nothing was sent.
 */
export class Bill {
  readonly #rooms: InferenceRooms;
  readonly #call: Call;
  readonly #parts: AdmittedCallParts;
  #usage: Usage = NO_USAGE;
  #sent = false;
  #estimated = false;
  #closed = false;
  #fromHead: StatedUsage | undefined;
  /** An attempt that was begun and has not been accounted for. */
  #open: ResponseMeter | undefined;
  #openedAt: Millis = millis(0);
  #held: Held;
  /** Of holds that were settled before this one. */
  #settled: Spent = { tokens: 0, cost: 0, estimated: false };

  constructor(rooms: InferenceRooms, call: Call, parts: AdmittedCallParts) {
    this.#rooms = rooms;
    this.#call = call;
    this.#parts = parts;
    this.#held = parts.held;
  }

  /** An attempt before this one has used of what is held: another needs a hold of its own. */
  get owes(): boolean {
    return totalTokens(this.#usage) > 0;
  }

  /** Settles what was held so far, and goes on with this. */
  renew(held: Held): void {
    this.#settle();
    this.#held = held;
    this.#sent = false;
    this.#usage = NO_USAGE;
  }

  /** Octets of the request leave for a provider now. */
  begin(meter: ResponseMeter): void {
    this.#open = meter;
    this.#openedAt = this.#rooms.clock.monotonic();
  }

  /** What Bedrock says in the head of an answer, whose body may say nothing. */
  answered(fields: readonly Field[]): void {
    if (this.#parts.route.api !== "invoke") return;
    this.#fromHead = usageFromHeaders((name) => fields.find((field) => field.name === name)?.value);
  }

  /** The provider refused, or was not reached (`sent`: octets may have reached it): this attempt cost no token. */
  free(sent: boolean): void {
    this.#open = undefined;
    if (sent) this.#sent = true;
  }

  /** The attempt was answered, or may have been worked on: charges what the provider said, or an estimate. */
  charge(): void {
    const meter = this.#open;
    if (meter === undefined) return;
    this.#open = undefined;
    this.#sent = true;
    const { stated, usage } = this.#usageOf(meter);
    if (!stated) this.#estimated = true;
    this.#usage = sum(this.#usage, usage);
    this.#call.facts.usage = this.#usage;
    this.#call.facts.finishReasons = meter.finishReasons;
    this.#call.facts.responseId = meter.id;
    this.#call.facts.responseModel = meter.model;
  }

  /** What the attempt under way comes to so far. */
  owed(): Usage {
    return this.#open === undefined ? this.#usage : this.#usageOf(this.#open).usage;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.charge();
    this.#settle();
  }

  #settle(): void {
    const { model } = this.#parts;
    if (!this.#sent) return this.#rooms.budgets.release(this.#held);
    const tokens = totalTokens(this.#usage);
    const cost = model.price === undefined ? 0 : callCost(model.price, this.#usage);
    this.#rooms.budgets.settle(this.#held, { tokens, cost, estimated: this.#estimated });
    const all = { tokens: this.#settled.tokens + tokens, cost: this.#settled.cost + cost, estimated: this.#estimated };
    this.#settled = all;
    this.#call.facts.charged = { ...all, cost: model.price === undefined ? undefined : all.cost };
  }

  #usageOf(meter: ResponseMeter): { readonly stated: boolean; readonly usage: Usage } {
    const stated = meter.usage ?? this.#fromHead?.usage;
    const unstated = meter.usage === undefined ? this.#fromHead?.unstated : meter.unstated;
    const free = this.#parts.route.api === "count_tokens" || this.#parts.route.api === "gemini_count_tokens";
    if (free) return { stated: true, usage: NO_USAGE };
    if (stated !== undefined && meter.complete && unstated === undefined) return { stated: true, usage: stated };
    const knowsInput = stated !== undefined && unstated !== "input";
    const input = knowsInput ? stated.input : this.#inputEstimate();
    const output = Math.max(stated?.output ?? 0, meter.outputSoFar, this.#outputEstimate());
    return { stated: false, usage: { ...(stated ?? NO_USAGE), input, output } };
  }

  /**
   * What may have come out unseen: a model that reasons says nothing while it does. By the time that it had, and never
   * more than the call may use.
   */
  #outputEstimate(): number {
    const { facts, model, route } = this.#parts;
    if (APIS[route.api].operation === "embeddings") return 0;
    const most = (this.#held.outputCap ?? facts.maxOutput ?? model.maxOutput) * facts.choices;
    const elapsed = this.#rooms.clock.monotonic() - this.#openedAt;
    return Math.min(most, Math.ceil(elapsed * TOKENS_PER_MILLI));
  }

  #inputEstimate(): number {
    const { body, model, facts } = this.#parts;
    const estimate = Math.max(1, Math.ceil(body.length / OCTETS_PER_TOKEN));
    return facts.unbounded || facts.hosted
      ? Math.max(estimate, model.context ?? 0)
      : Math.min(estimate, model.context ?? estimate);
  }
}

function sum(one: Usage, other: Usage): Usage {
  return {
    input: one.input + other.input,
    cacheRead: one.cacheRead + other.cacheRead,
    cacheWrite: one.cacheWrite + other.cacheWrite,
    cacheWriteHour: one.cacheWriteHour + other.cacheWriteHour,
    audioInput: one.audioInput + other.audioInput,
    output: one.output + other.output,
    reasoning: one.reasoning + other.reasoning,
    audioOutput: one.audioOutput + other.audioOutput,
    toolCalls: one.toolCalls + other.toolCalls,
  };
}
