import type { Tracer } from "@opentelemetry/api";
import { resourceFromAttributes } from "@opentelemetry/resources";
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  RandomIdGenerator,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import type { Millis } from "../../core/base/quantity.ts";
import type { SpanCounts } from "../../core/telemetry/span-counts.ts";
import { PostExporter } from "./post-exporter.ts";
import type { TracingOptions } from "./tracing.ts";

/** Spans that wait; each holds about two kilobytes. */
const QUEUE = 2_048;
/** Spans in one request: serialising so many takes 0.4 ms of the thread that relays calls (measured). */
const BATCH = 128;
const EVERY = 1_000;
/** The exporter's own deadline is shorter: the processor's must never strike. */
const PROCESSOR_DEADLINE = 60_000;

/** The OpenTelemetry SDK with everything said that could be said for it from elsewhere: no variable of the environment counts. */
export interface SpanSdk {
  readonly tracer: Tracer;
  /** Room for one more span, which is then ended at once; false counts it as dropped. */
  takes(): boolean;
  counts(): SpanCounts;
  close(deadline: Millis): Promise<void>;
}

export function openSdk({ percent, version, identity, post, onHealth }: TracingOptions): SpanSdk {
  const exporter = new PostExporter(post, onHealth);
  const processor = new BatchSpanProcessor({
    exporter,
    maxQueueSize: QUEUE,
    maxExportBatchSize: BATCH,
    scheduledDelayMillis: EVERY,
    exportTimeoutMillis: PROCESSOR_DEADLINE,
  });
  const provider = new TracerProvider({
    // All of it: nothing is detected, and OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME are nobody's business here.
    resource: resourceFromAttributes({
      "service.name": "sluice",
      "service.version": version,
      "k8s.namespace.name": identity.namespace,
      "k8s.pod.name": identity.pod,
      "sluice.agent": identity.agent,
    }),
    sampler: new ParentBasedSampler({
      root: new TraceIdRatioBasedSampler(percent / 100),
      remoteParentSampled: new AlwaysOnSampler(),
      remoteParentNotSampled: new AlwaysOffSampler(),
    }),
    spanLimits: {
      attributeCountLimit: 64,
      attributeValueLengthLimit: 1_024,
      eventCountLimit: 0,
      linkCountLimit: 0,
      attributePerEventCountLimit: 0,
      attributePerLinkCountLimit: 0,
    },
    idGenerator: new RandomIdGenerator(),
    spanProcessors: [processor],
  });
  let ended = 0;
  let dropped = 0;
  return {
    tracer: provider.getTracer("sluice.inference", version),
    takes() {
      // The processor would drop it as well, but not say so.
      if (ended - exporter.taken >= QUEUE) {
        dropped += 1;
        return false;
      }
      ended += 1;
      return true;
    },
    counts: () => ({ exported: exporter.exported, failed: exporter.failed, dropped }),
    async close(deadline) {
      const timer = setTimeout(() => exporter.giveUp(), deadline);
      try {
        await provider.shutdown();
      } catch {
        // What was not sent is counted where it was not sent.
      }
      await exporter.idle();
      clearTimeout(timer);
    },
  };
}
