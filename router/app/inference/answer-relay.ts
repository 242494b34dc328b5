import type { Clock } from "../../core/base/clock.ts";
import { HeldOctets } from "../../core/base/held-octets.ts";
import { type Millis, millis } from "../../core/base/quantity.ts";
import type { Reason } from "../../core/base/reason.ts";
import { LeakGate } from "../../core/credential/leak-gate.ts";
import type { LeakPattern } from "../../core/credential/leak-pattern.ts";
import type { Api } from "../../core/inference/api.ts";
import type { ResponseMeter } from "../../core/inference/response-meter.ts";
import { cutFrames, errorFrames } from "../../core/inference/stream-terminal.ts";
import type { Field } from "../../core/wire/message-head.ts";
import type { AgentSocket } from "../../edge/listeners/agent-socket.ts";
import type { HttpAnswer } from "../../edge/listeners/http-answer.ts";
import type { ModelCall, ModelEnd, ModelSink } from "../../edge/upstream/model-call.ts";
import type { AnswerStage } from "./answer-stage.ts";
import type { Bill } from "./bill.ts";
import type { Call } from "./call.ts";
import { passedFields } from "./passed-fields.ts";

/** How one attempt at one target ended. */
export type AttemptEnd =
  /** The provider's answer reached the agent whole. */
  | { readonly kind: "relayed" }
  /** It had begun to reach the agent, and the agent has been told in its own API's way that it is not whole. */
  | {
      readonly kind: "broken";
      readonly reason: Reason | undefined;
      readonly detail: string;
      readonly rule?: string;
      /** What the agent was given ends as its API ends an answer: the connection goes on. */
      readonly clean?: boolean;
    }
  /** Nothing of it reached the agent: another target may be tried, or `answer` passed on. */
  | {
      readonly kind: "failed";
      readonly reason: Reason;
      readonly detail: string;
      /** Octets of the request may have reached the provider. */
      readonly sent: boolean;
      /** The provider's own refusal. */
      readonly answer: ProviderRefusal | undefined;
      /** The guardrail that refused the answer. */
      readonly rule?: string;
      /** It had the whole request, and took too long: it may yet be paid. */
      readonly late?: boolean;
      /** A stale connection broke before an answer: the same target may be asked again at once. */
      readonly stale: boolean;
    };

export interface ProviderRefusal {
  readonly status: number;
  readonly fields: readonly Field[];
  readonly body: Buffer;
}

export interface RelayOptions {
  readonly agent: AgentSocket;
  readonly answer: HttpAnswer;
  readonly call: Call;
  /** The caller's API, in whose words a break is told. */
  readonly api: Api;
  readonly streaming: boolean;
  readonly meter: ResponseMeter;
  /** Between meter and agent; undefined: octets pass as they come. */
  readonly stage: AnswerStage | undefined;
  /** Output tokens at which a budget ends the stream. */
  readonly cut: { readonly at: number; readonly budget: string } | undefined;
  readonly firstToken: Millis;
  readonly idle: Millis;
  /** The secrets that no answer may hold; undefined: none was sent. */
  readonly secrets: LeakPattern | undefined;
  /** The same as no field of the answer may hold them. */
  readonly forms: readonly string[];
  readonly bill: Bill;
  readonly clock: Clock;
}

/** A provider's refusal is a sentence or two; what is longer is not read. */
const MOST_REFUSAL = 64 * 1024;
/** Held of an answer whose first content has not come, so that another target can still be tried. */
const MOST_HELD = 64 * 1024;

/**
 * Hands a provider's answer on as the very buffers that came, and meters them. The head waits for the first content, so
 * that until then another target can take over and nobody saw anything of this one.
 */
export class AnswerRelay implements ModelSink {
  readonly ended: Promise<AttemptEnd>;
  readonly #options: RelayOptions;
  readonly #began: Millis;
  readonly #emit: (bytes: Uint8Array) => void;
  readonly #resolve: (end: AttemptEnd) => void;
  readonly #gate: LeakGate | undefined;
  /** What a stage gives goes through here; undefined where none is. */
  readonly #behind: LeakGate | undefined;
  #leaked = false;
  #model: ModelCall | undefined;
  #head:
    | { readonly status: number; readonly fields: readonly Field[]; readonly length: number | undefined }
    | undefined;
  #refusal: HeldOctets | undefined;
  readonly #held = new HeldOctets();
  #committed = false;
  #wait: Promise<void> | undefined;
  #done = false;
  #timer: NodeJS.Timeout | undefined;
  /** The agent has left with the whole answer; only the usage behind it is still waited for. */
  #onlyUsage = false;

  constructor(options: RelayOptions) {
    this.#options = options;
    this.#began = options.clock.monotonic();
    const { promise, resolve } = Promise.withResolvers<AttemptEnd>();
    this.ended = promise;
    this.#resolve = resolve;
    const { meter, secrets } = options;
    this.#gate = secrets && new LeakGate(secrets, (octets) => meter.push(octets, this.#emit));
    const { stage } = options;
    if (stage === undefined) this.#emit = this.#give;
    else {
      // A translation takes escapes off: what was no secret before may be one after it.
      this.#behind = secrets && new LeakGate(secrets, this.#give);
      this.#emit = (bytes) => stage.push(bytes, this.#staged);
    }
  }

  readonly #staged = (bytes: Uint8Array): void => {
    if (this.#behind === undefined) this.#give(bytes);
    else if (!this.#behind.push(bytes)) this.#leaked = true;
  };

  /** The call that feeds this; to be told right after it was sent. */
  attach(model: ModelCall): void {
    this.#model = model;
    this.#options.call.onCut(() => this.#cutShort());
  }

  head(status: number, fields: readonly Field[], length: number | undefined): void {
    if (this.#done) return;
    this.#options.call.facts.status = status;
    this.#head = { status, fields, length };
    if (status >= 300) {
      this.#refusal = new HeldOctets();
      return;
    }
    this.#options.bill.answered(fields);
    if (this.#options.streaming && fields.some(isJson)) {
      return this.#fail("upstream_invalid", "The provider was asked for a stream and gave a document.", true);
    }
    if (!this.#options.streaming) return;
    const left = this.#options.firstToken - this.#elapsed();
    this.#timer = setTimeout(() => this.#fail("idle_timeout", NO_TOKEN, true, true), left);
  }

  data(chunk: Buffer): boolean {
    if (this.#done) return true;
    const { call, meter, cut, streaming } = this.#options;
    call.facts.bytesIn += chunk.length;
    if (this.#refusal !== undefined) return this.#collect(this.#refusal, chunk);
    if (this.#gate === undefined) meter.push(chunk, this.#emit);
    else if (!this.#gate.push(chunk)) {
      this.#leaked = true;
    }
    if (this.#leaked) {
      this.#end("upstream_invalid", LEAK);
      return true;
    }
    if (this.#onlyUsage) {
      if (meter.complete || (meter.usage !== undefined && meter.unstated === undefined)) this.#leave();
      return true;
    }
    if (meter.garbage !== undefined) {
      this.#end("upstream_invalid", meter.garbage);
      return true;
    }
    if (!this.#committed) {
      if (meter.failure !== undefined && !meter.started) {
        this.#fail("upstream_invalid", `The provider began with an error (${meter.failure}).`, true);
        return true;
      }
      const flows = this.#options.stage?.flows !== false;
      if (flows && (!streaming || meter.started || this.#held.length > MOST_HELD)) this.#commit();
    }
    const stopped = this.#options.stage?.stopped;
    if (stopped !== undefined) {
      this.#end(stopped.reason, stopped.detail, stopped.rule);
      return true;
    }
    if (cut !== undefined && streaming && meter.outputSoFar >= cut.at && !meter.complete) {
      this.#budgetCut(cut.budget);
      return true;
    }
    if (this.#wait === undefined) return true;
    const wait = this.#wait;
    this.#wait = undefined;
    void wait.then(() => this.#model?.resume());
    return false;
  }

  end(end: ModelEnd): void {
    if (this.#done) return;
    if (this.#onlyUsage) return this.#leave();
    if (end.cause !== "completed") return this.#broke(end);
    const { meter, stage, streaming } = this.#options;
    const head = this.#head;
    if (head === undefined) return this.#fail("upstream_invalid", "The provider gave no answer.", true);
    if (this.#refusal !== undefined) {
      const body = Buffer.concat(this.#refusal.take());
      const answer = { status: head.status, fields: head.fields, body };
      return this.#settle({
        kind: "failed",
        reason: "upstream_invalid",
        detail: `The provider answered ${head.status}.`,
        sent: true,
        answer,
        stale: false,
      });
    }
    this.#gate?.end();
    meter.end(this.#emit);
    if (meter.garbage !== undefined) return this.#end("upstream_invalid", meter.garbage);
    if (streaming && meter.failure !== undefined && !this.#committed) {
      return this.#fail("upstream_invalid", `The provider began with an error (${meter.failure}).`, true);
    }
    if (streaming && !meter.complete && meter.failure === undefined) {
      return this.#end("upstream_invalid", "The provider's stream ended before its end.");
    }
    if (!streaming && !meter.complete) {
      return this.#end("upstream_invalid", "The provider's answer is not the JSON document that its API gives.");
    }
    const judged = stage?.end(this.#staged);
    // A check elsewhere has the last word; until it has spoken nothing of the answer is out.
    if (judged instanceof Promise) void judged.then(() => this.#finish());
    else this.#finish();
  }

  #finish(): void {
    if (this.#done) return;
    const { meter, stage } = this.#options;
    this.#behind?.end();
    if (this.#leaked) return this.#end("upstream_invalid", LEAK);
    if (stage?.stopped !== undefined) {
      const { reason, detail, rule } = stage.stopped;
      return this.#end(reason, detail, rule);
    }
    this.#commit();
    if (meter.failure !== undefined) {
      // The provider's own error frame has gone to the agent; a clean end would say that all is well.
      this.#options.agent.finish();
      this.#settle({ kind: "broken", reason: "upstream_invalid", detail: `The provider reported ${meter.failure}.` });
      return;
    }
    this.#options.answer.finish(this.#options.idle);
    this.#settle({ kind: "relayed" });
  }

  readonly #give = (bytes: Uint8Array): void => {
    if (bytes.length === 0 || this.#onlyUsage) return;
    if (this.#committed) this.#write(bytes);
    else this.#held.push(bytes);
  };

  #write(bytes: Uint8Array): void {
    this.#options.agent.cork();
    const wait = this.#options.answer.data(bytes);
    if (wait !== undefined) this.#wait = wait;
  }

  #commit(): void {
    this.#committed = true;
    this.#writeHead();
    for (const bytes of this.#held.take()) this.#write(bytes);
  }

  #writeHead(): void {
    const { call, stage, agent, answer, cut, meter, forms } = this.#options;
    if (answer.begun) return;
    clearTimeout(this.#timer);
    call.facts.firstToken ??= this.#elapsed();
    const head = this.#head;
    agent.cork();
    answer.head({
      status: head?.status ?? 200,
      fields: passedFields(head?.fields ?? [], forms),
      length: stage === undefined && cut === undefined && !meter.options.dropUsageFrame ? head?.length : undefined,
      hasBody: true,
    });
  }

  /** Since the request was sent. */
  #elapsed(): Millis {
    return millis(this.#options.clock.monotonic() - this.#began);
  }

  #collect(refusal: HeldOctets, chunk: Buffer): boolean {
    if (refusal.length + chunk.length <= MOST_REFUSAL) refusal.push(chunk);
    else this.#fail("upstream_invalid", "The provider's refusal is longer than any refusal.", true);
    return true;
  }

  #broke(end: Exclude<ModelEnd, { readonly cause: "completed" }>): void {
    const { call } = this.#options;
    if (end.cause === "aborted") {
      const reason = call.cutReason;
      return this.#committed && reason !== undefined
        ? this.#end(reason, "The router ended the call.")
        : this.#settle({ kind: "broken", reason, detail: reason === undefined ? "The agent left." : "" });
    }
    const reason = end.cause === "first_byte_timeout" ? "idle_timeout" : end.cause;
    if (this.#committed) this.#end(reason, end.detail);
    else {
      // What took too long over it is no sign of that, and may be paid.
      const stale = end.cause === "upstream_unreachable" && end.reused && !end.answered;
      const late =
        end.uploaded && (LATE.has(end.cause) || (end.cause === "idle_timeout" && end.answered)) ? { late: true } : {};
      this.#settle({ kind: "failed", reason, detail: end.detail, sent: end.sent, answer: undefined, stale, ...late });
    }
  }

  /**
   * The agent left, or we end the call: the provider is told at once. But an agent that has all of its answer does not
   * get around the usage that comes behind it: for that the provider is listened to a moment longer.
   */
  #cutShort(): void {
    if (this.#done) return;
    const { call, meter, streaming } = this.#options;
    const reason = call.cutReason;
    if (reason !== undefined) {
      this.#model?.abort();
      return this.#end(reason, "The router ended the call.");
    }
    const unsaid = meter.usage === undefined || meter.unstated !== undefined;
    if (!streaming || meter.finishReasons.length === 0 || !unsaid) return this.#leave();
    this.#onlyUsage = true;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#leave(), USAGE_MILLIS);
    this.#model?.resume();
  }

  #leave(): void {
    this.#model?.abort();
    this.#settle({ kind: "broken", reason: undefined, detail: "The agent left." });
  }

  #budgetCut(budget: string): void {
    const { api, meter, answer, idle, stage, bill } = this.#options;
    const detail = "The stream was ended at its budget.";
    // What the agent is given is not what was metered, or ends within a frame: no terminal of its API can follow.
    if (stage !== undefined || !meter.stop()) return this.#end("budget_exhausted", detail, budget);
    this.#commit();
    this.#write(cutFrames(api, meter, bill.owed()));
    this.#model?.abort();
    answer.finish(idle);
    this.#settle({ kind: "broken", reason: "budget_exhausted", detail, rule: budget, clean: true });
  }

  /** Ends for a reason: told in the stream where it has begun, and left to the caller where it has not. */
  #end(reason: Reason, detail: string, rule?: string): void {
    if (this.#done) return;
    this.#model?.abort();
    const { agent, answer, api, call, meter, stage, streaming } = this.#options;
    if (!answer.begun) {
      const named = rule === undefined ? {} : { rule };
      this.#settle({ kind: "failed", reason, detail, sent: true, answer: undefined, stale: false, ...named });
      return;
    }
    if (streaming && (stage !== undefined || meter.stop())) {
      const { sequence } = meter.facts;
      void answer.data(errorFrames(api, { reason, message: detail, request: call.start.request, rule, sequence }));
    }
    // No last chunk, no missing octets made up: the agent's client sees that this is not the whole.
    agent.finish();
    this.#settle({ kind: "broken", reason, detail, ...(rule === undefined ? {} : { rule }) });
  }

  #fail(reason: Reason, detail: string, sent: boolean, late = false): void {
    if (this.#done) return;
    this.#model?.abort();
    this.#settle({ kind: "failed", reason, detail, sent, answer: undefined, stale: false, ...(late ? { late } : {}) });
  }

  #settle(end: AttemptEnd): void {
    if (this.#done) return;
    this.#done = true;
    clearTimeout(this.#timer);
    this.#options.call.onCut(undefined);
    this.#held.take();
    this.#resolve(end);
  }
}

function isJson({ name, value }: Field): boolean {
  return name === "content-type" && /^application\/json\b/i.test(value);
}

const LATE: ReadonlySet<string> = new Set(["first_byte_timeout", "lifetime_limit"]);

/** How long the usage of an answer that was left at its end is waited for. */
const USAGE_MILLIS = 2_000;
const LEAK = "The provider's answer holds the router's own credential.";
const NO_TOKEN = "The provider's first token did not come in time.";
