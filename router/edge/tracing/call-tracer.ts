import {
  type Context,
  type HrTime,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Tracer,
  type TraceState,
} from "@opentelemetry/api";
import type { EpochMillis, Millis } from "../../core/base/quantity.ts";
import type { CallOutcome } from "../../core/outcome/inference-outcome.ts";
import { type AgentTrace, agentTrace } from "../../core/telemetry/agent-trace.ts";
import { callSpan } from "../../core/telemetry/span-attributes.ts";
import type { SpanCounts } from "../../core/telemetry/span-counts.ts";
import type { RequestHead } from "../../core/wire/message-head.ts";
import { openSdk, type SpanSdk } from "./span-sdk.ts";
import type { CallSpan, Tracing, TracingOptions } from "./tracing.ts";

/**
 * Makes the spans of calls. The parent's word decides what is kept, so an agent can have all of its calls kept or none:
 * spans are for finding out, never evidence, which is what the audit log is for.
 */
export class CallTracer implements Tracing {
  readonly #options: TracingOptions;
  readonly #sdk: SpanSdk;
  readonly #tracer: Tracer;
  #closed = false;

  constructor(options: TracingOptions) {
    this.#options = options;
    this.#sdk = openSdk(options);
    this.#tracer = this.#sdk.tracer;
  }

  begin(head: Pick<RequestHead, "fields">, at: EpochMillis): CallSpan | undefined {
    if (this.#closed) return undefined;
    const agent = agentTrace(head);
    // The name is known at the end; nothing is sampled by it.
    const options = { kind: SpanKind.CLIENT, startTime: timeOf(at) };
    const span = this.#tracer.startSpan("inference", options, agent === undefined ? ROOT_CONTEXT : parentOf(agent));
    return new StartedSpan(this, span, agent);
  }

  /** Ends a recorded span as its outcome says, and hands it over, unless too many are waiting. */
  finish(span: Span, outcome: CallOutcome): void {
    if (this.#closed) return;
    const { provider } = outcome.facts;
    const place = provider === undefined ? undefined : this.#options.provider(provider);
    const text = callSpan(outcome, place, this.#options.latestNames);
    if (text === undefined || !this.#sdk.takes()) return;
    span.updateName(text.name);
    span.setAttributes(text.attributes);
    // Without a message: what a provider says of an error may hold what it was asked.
    if (text.error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR });
    span.end(timeOf(outcome.start.at + outcome.facts.total));
  }

  counts(): SpanCounts {
    return this.#sdk.counts();
  }

  async close(deadline: Millis): Promise<void> {
    this.#closed = true;
    await this.#sdk.close(deadline);
  }
}

class StartedSpan implements CallSpan {
  readonly traceparent: string;
  readonly tracestate: string | undefined;
  readonly #tracer: CallTracer;
  readonly #span: Span;

  constructor(tracer: CallTracer, span: Span, agent: AgentTrace | undefined) {
    const { traceId, spanId, traceFlags } = span.spanContext();
    const flags = (traceFlags & TraceFlags.SAMPLED) | (agent?.random === true ? 2 : 0);
    this.traceparent = `00-${traceId}-${spanId}-0${flags}`;
    this.tracestate = agent?.state;
    this.#tracer = tracer;
    this.#span = span;
  }

  end(outcome: CallOutcome): void {
    // False once it has ended, and where it is not kept.
    if (this.#span.isRecording()) this.#tracer.finish(this.#span, outcome);
  }
}

function parentOf({ trace: traceId, span: spanId, sampled, state }: AgentTrace): Context {
  return trace.setSpanContext(ROOT_CONTEXT, {
    traceId,
    spanId,
    traceFlags: sampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
    isRemote: true,
    ...(state === undefined ? {} : { traceState: new PassedState(state) }),
  });
}

/** A `tracestate` that is passed on as it came; nobody here has a member in it. */
class PassedState implements TraceState {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  get(): undefined {
    return undefined;
  }

  set(): this {
    return this;
  }

  unset(): this {
    return this;
  }

  serialize(): string {
    return this.#text;
  }
}

/**
 * To the microsecond. Never a bare number, since the SDK takes a small one for a time since the process began; and never
 * one that is none, which would spoil the whole batch.
 */
function timeOf(millis: number): HrTime {
  const micros = millis > 0 && millis < Number.MAX_SAFE_INTEGER / 1000 ? Math.round(millis * 1000) : 0;
  const whole = Math.floor(micros / 1_000_000);
  return [whole, (micros - whole * 1_000_000) * 1000];
}
