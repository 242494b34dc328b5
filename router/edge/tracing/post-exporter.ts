import { setTimeout as pause } from "node:timers/promises";
import { JsonTraceSerializer } from "@opentelemetry/otlp-transformer";
import type { ReadableSpan, SpanExporter } from "@opentelemetry/sdk-trace";
import type { SpanAnswer, SpanPost } from "./tracing.ts";

/** For one batch, from the first attempt to the end of the last. */
const DEADLINE_MILLIS = 10_000;
const ATTEMPTS = 3;
const FIRST_PAUSE_MILLIS = 500;
const LONGEST_PAUSE_MILLIS = 5_000;
/** OTLP 1.x, "Retryable Response Codes". */
const RETRYABLE: ReadonlySet<number> = new Set([429, 502, 503, 504]);
const HEADERS = Object.freeze({ "content-type": "application/json", "user-agent": "sluice" });

/**
 * Sends batches as OTLP/HTTP in JSON through a function that was given to it: nothing of OpenTelemetry opens a socket
 * here. A batch that cannot be sent is counted and given up; nobody waits for one.
 */
export class PostExporter implements SpanExporter {
  /** Spans that were handed over to be sent. */
  taken = 0;
  exported = 0;
  failed = 0;
  readonly #post: SpanPost;
  readonly #onHealth: (problem: string | undefined) => void;
  readonly #gaveUp = new AbortController();
  #sending: Promise<unknown> = Promise.resolve();
  #failing = false;

  constructor(post: SpanPost, onHealth: (problem: string | undefined) => void) {
    this.#post = post;
    this.#onHealth = onHealth;
  }

  /** Always tells the processor that all is well: it has no use for a failure, and on one it would give up a flush. */
  export(spans: ReadableSpan[], done: Parameters<SpanExporter["export"]>[1]): void {
    this.taken += spans.length;
    this.#sending = Promise.all([this.#sending, this.#batch(spans, done)]);
  }

  /** Cuts what is under way, and sends nothing more. */
  giveUp(): void {
    this.#gaveUp.abort();
  }

  async idle(): Promise<void> {
    await this.#sending;
  }

  async forceFlush(): Promise<void> {
    await this.idle();
  }

  async shutdown(): Promise<void> {
    await this.idle();
  }

  async #batch(spans: readonly ReadableSpan[], done: Parameters<SpanExporter["export"]>[1]): Promise<void> {
    const problem = await this.#send(spans);
    done({ code: 0 });
    if ((problem !== undefined) === this.#failing) return;
    this.#failing = problem !== undefined;
    this.#onHealth(problem);
  }

  /** One sentence where spans were lost. Never fails. */
  async #send(spans: readonly ReadableSpan[]): Promise<string | undefined> {
    let lost = spans.length;
    let problem: string | undefined;
    try {
      const body = JsonTraceSerializer.serializeRequest([...spans]);
      const answer = body === undefined ? "The spans cannot be written." : await this.#deliver(body);
      if (typeof answer === "string") problem = answer;
      else {
        lost = Math.min(lost, rejectedSpans(answer.body));
        if (lost > 0) problem = `The collector rejected ${lost} of ${spans.length} spans.`;
      }
    } catch {
      problem = "The spans cannot be sent.";
    }
    this.failed += lost;
    this.exported += spans.length - lost;
    return problem;
  }

  /** What a collector answered that took the batch, or one sentence. */
  async #deliver(body: Uint8Array): Promise<SpanAnswer | string> {
    const signal = AbortSignal.any([this.#gaveUp.signal, AbortSignal.timeout(DEADLINE_MILLIS)]);
    const aborted = once(signal);
    for (let attempt = 1; ; attempt += 1) {
      const answer = await Promise.race([this.#post(HEADERS, body, signal), aborted]);
      if (answer === undefined) return "The collector did not take the spans in time.";
      if (answer.ok && answer.value.status < 300) return answer.value;
      const problem = answer.ok ? `The collector answered ${answer.value.status}.` : answer.problem;
      const again = !answer.ok || RETRYABLE.has(answer.value.status);
      if (!again || attempt === ATTEMPTS) return problem;
      const wait = pauseOf(attempt, answer.ok ? answer.value.retryAfter : undefined);
      await Promise.race([pause(wait, undefined, { ref: false }), aborted]);
      if (signal.aborted) return problem;
    }
  }
}

function once(signal: AbortSignal): Promise<undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  signal.addEventListener("abort", () => resolve(undefined), { once: true });
  if (signal.aborted) resolve(undefined);
  return promise;
}

/** The collector's own word in seconds, where it is one, within bounds. */
function pauseOf(attempt: number, retryAfter: string | undefined): number {
  const own = FIRST_PAUSE_MILLIS * 2 ** (attempt - 1);
  const asked = retryAfter !== undefined && /^[0-9]{1,6}$/.test(retryAfter) ? Number(retryAfter) * 1_000 : 0;
  return Math.min(LONGEST_PAUSE_MILLIS, Math.max(own, asked));
}

/** `ExportTraceServiceResponse.partial_success.rejected_spans`: a decimal text or a number; 0 where it says nothing. */
function rejectedSpans(body: string): number {
  try {
    const answer: unknown = JSON.parse(body);
    const partial = memberOf(answer, "partialSuccess");
    const count = Number(memberOf(partial, "rejectedSpans"));
    return Number.isSafeInteger(count) && count > 0 ? count : 0;
  } catch {
    return 0;
  }
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>)[name] : undefined;
}
