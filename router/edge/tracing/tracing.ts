import type { EpochMillis, Millis } from "../../core/base/quantity.ts";
import type { Result } from "../../core/base/result.ts";
import type { CallOutcome } from "../../core/outcome/inference-outcome.ts";
import type { ProviderPlace } from "../../core/telemetry/span-attributes.ts";
import { NO_SPANS, type SpanCounts } from "../../core/telemetry/span-counts.ts";
import type { RequestHead } from "../../core/wire/message-head.ts";

/** The span of one call, which is over when its outcome is known. */
export interface CallSpan {
  /** Names this span: what the provider is told instead of what the agent said. */
  readonly traceparent: string;
  /** The agent's, where it said a well-formed one with a trace of its own. */
  readonly tracestate: string | undefined;
  /** Exactly once. A call that asked for no operation leaves no span. */
  end(outcome: CallOutcome): void;
}

export interface Tracing {
  /**
   * Begins the span of a call whose head was read, as a child of the trace that the head names. Undefined: no spans are
   * made, and what the agent said of traces passes on as it came.
   */
  begin(head: Pick<RequestHead, "fields">, at: EpochMillis): CallSpan | undefined;
  counts(): SpanCounts;
  /** Sends what is waiting, for as long as this; what is still there then is given up. Never fails. */
  close(deadline: Millis): Promise<void>;
}

/** What a collector answered: `edge/upstream`'s poster gives such answers. */
export interface SpanAnswer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  readonly body: string;
}

/** One POST to the collector's `/v1/traces`; the problem is one sentence. It must end when the signal is aborted. */
export type SpanPost = (
  headers: Readonly<Record<string, string>>,
  body: Uint8Array,
  signal: AbortSignal,
) => Promise<Result<SpanAnswer, string>>;

export interface TracingOptions {
  /** Of traces whose caller did not decide, how many are kept, in percent. */
  readonly percent: number;
  /** The newest GenAI names instead of the established ones. */
  readonly latestNames: boolean;
  /** Of this build. */
  readonly version: string;
  readonly identity: { readonly namespace: string; readonly pod: string; readonly agent: string };
  readonly post: SpanPost;
  /** Of the policy in force, by id. */
  readonly provider: (id: string) => ProviderPlace | undefined;
  /** Told when spans begin to be lost, with a sentence, and when they no longer are, without one. */
  readonly onHealth: (problem: string | undefined) => void;
}

/** Where no collector is configured: no span, no header, no cost. */
export const NO_TRACING: Tracing = Object.freeze({
  begin: () => undefined,
  counts: () => NO_SPANS,
  close: () => Promise.resolve(),
});

/** Loads the OpenTelemetry SDK, 65 ms and 10 MB (measured), which a pod without a collector does not pay. */
export async function openTracing(options: TracingOptions): Promise<Tracing> {
  const { CallTracer } = await import("./call-tracer.ts");
  return new CallTracer(options);
}
