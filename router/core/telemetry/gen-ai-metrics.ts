import { assertNever } from "../base/assert-never.ts";
import type { Operation } from "../inference/api.ts";

/** An instrument of the OpenTelemetry GenAI semantic conventions. */
export interface GenAiInstrument {
  readonly name: string;
  readonly unit: "s" | "{token}";
  readonly help: string;
}

export interface GenAiHistogram extends GenAiInstrument {
  /** Upper bounds, rising, as the conventions advise. */
  readonly bounds: readonly number[];
}

const SECONDS = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
const FIRST_TOKEN = [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
const PER_TOKEN = [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5];
const TOKENS = Array.from({ length: 14 }, (_, power) => 4 ** power);

const seconds = (name: string, help: string, bounds: readonly number[] = SECONDS): GenAiHistogram => ({
  name,
  unit: "s",
  help,
  bounds,
});
const tokens = (name: string, help: string): GenAiHistogram => ({ name, unit: "{token}", help, bounds: TOKENS });
const counter = (name: string, help: string): GenAiInstrument => ({ name, unit: "{token}", help });

/** The router as a server of its agent; the same in both sets. */
export const SERVER_METRICS = {
  duration: seconds("gen_ai.server.request.duration", "Time of a call as its agent saw it."),
  firstToken: seconds(
    "gen_ai.server.time_to_first_token",
    "From the request's last octet to the first content, of calls that succeeded.",
    FIRST_TOKEN,
  ),
  perToken: seconds(
    "gen_ai.server.time_per_output_token",
    "Time of each output token after the first, of streams that succeeded.",
    PER_TOKEN,
  ),
};

/** What dashboards know: the conventions up to 1.41 of the core repository. */
export const ESTABLISHED_METRICS = {
  tokens: tokens("gen_ai.client.token.usage", "Tokens of a call, as its provider counted them."),
  duration: seconds("gen_ai.client.operation.duration", "Time of a call."),
  firstChunk: seconds(
    "gen_ai.client.operation.time_to_first_chunk",
    "From the request's last octet to the first content, of streams.",
  ),
};

/** semantic-conventions-genai, schema gen-ai/1.42.0. Embeddings and what infers nothing have durations of their own. */
export const LATEST_METRICS = {
  inference: seconds("gen_ai.client.inference.duration", "Time of an inference call."),
  embeddings: seconds("gen_ai.client.embeddings.duration", "Time of an embeddings call."),
  other: seconds("gen_ai.client.operation.duration", "Time of a call that infers nothing."),
  firstChunk: seconds(
    "gen_ai.client.inference.time_to_first_chunk",
    "From the request's last octet to the first content, of streams.",
  ),
  inputTokens: tokens("gen_ai.client.inference.operation.input_tokens", "Input tokens of a call that succeeded."),
  outputTokens: tokens("gen_ai.client.inference.operation.output_tokens", "Output tokens of a call that succeeded."),
  embeddingsTokens: tokens(
    "gen_ai.client.embeddings.operation.input_tokens",
    "Input tokens of an embeddings call that succeeded.",
  ),
};

/** Counters of the newest set, for failed calls too; caches and reasoning are parts of input and output. */
export const USAGE_COUNTERS = {
  input: counter("gen_ai.client.inference.usage.input_tokens", "Input tokens, cached ones included."),
  output: counter("gen_ai.client.inference.usage.output_tokens", "Output tokens, reasoning included."),
  cacheRead: counter("gen_ai.client.inference.usage.cache_read.input_tokens", "Input tokens read from a cache."),
  cacheWrite: counter("gen_ai.client.inference.usage.cache_write.input_tokens", "Input tokens written to a cache."),
  reasoning: counter("gen_ai.client.inference.usage.reasoning.output_tokens", "Output tokens of reasoning."),
};

export type OperationGroup = "inference" | "embeddings" | "other";

export function operationGroup(operation: Operation): OperationGroup {
  switch (operation) {
    case "chat":
    case "generate_content":
    case "text_completion":
      return "inference";
    case "embeddings":
      return "embeddings";
    case "count_tokens":
      return "other";
    default:
      return assertNever(operation);
  }
}

/**
 * A name as the OpenTelemetry exporter for Prometheus writes it: other characters become `_`, the unit follows (one in
 * braces is none), and a counter ends in `_total` (OpenTelemetry specification, "Prometheus and OpenMetrics
 * Compatibility").
 */
export function prometheusName({ name, unit }: GenAiInstrument, type: "histogram" | "counter"): string {
  const base = name.replaceAll(/[^a-zA-Z0-9_]/g, "_");
  return `${base}${unit === "s" ? "_seconds" : ""}${type === "counter" ? "_total" : ""}`;
}
