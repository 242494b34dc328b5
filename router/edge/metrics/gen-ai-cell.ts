import type { Operation } from "../../core/inference/api.ts";
import type { Usage } from "../../core/inference/usage.ts";
import type { CallFacts } from "../../core/outcome/inference-outcome.ts";
import { LATEST_METRICS, SERVER_METRICS } from "../../core/telemetry/gen-ai-metrics.ts";
import { Buckets } from "./buckets.ts";

/** Sums of what providers counted. */
export type UsageSums = { -readonly [Kind in keyof Usage]: number };

/** What is counted of one operation, provider, requested and answering model; each part from its first value on. */
export interface GenAiCell {
  readonly operation: Operation;
  /** As they are written. */
  readonly labels: string;
  /** By `error.type`; the empty text: none. */
  readonly durations: Map<string, Buckets>;
  firstChunk: Buckets | undefined;
  firstToken: Buckets | undefined;
  perToken: Buckets | undefined;
  input: Buckets | undefined;
  output: Buckets | undefined;
  usage: UsageSums | undefined;
}

export function newCell(operation: Operation, labels: string): GenAiCell {
  return {
    operation,
    labels,
    durations: new Map(),
    firstChunk: undefined,
    firstToken: undefined,
    perToken: undefined,
    input: undefined,
    output: undefined,
    usage: undefined,
  };
}

/** Times to the first token and between tokens; those of a model server are of calls that succeeded. */
export function countTimes(cell: GenAiCell, facts: CallFacts, output: number | undefined, failed: boolean): void {
  const { firstToken, stream, total } = facts;
  if (firstToken === undefined) return;
  if (stream) (cell.firstChunk ??= new Buckets(LATEST_METRICS.firstChunk.bounds)).observe(firstToken / 1000);
  if (failed) return;
  (cell.firstToken ??= new Buckets(SERVER_METRICS.firstToken.bounds)).observe(firstToken / 1000);
  if (!stream || output === undefined || output <= 1) return;
  const each = (total - firstToken) / (output - 1) / 1000;
  (cell.perToken ??= new Buckets(SERVER_METRICS.perToken.bounds)).observe(each);
}

/** Tokens of one call into its histograms. */
export function countTokens(cell: GenAiCell, { input, output }: Usage): void {
  (cell.input ??= new Buckets(LATEST_METRICS.inputTokens.bounds)).observe(input);
  if (cell.operation === "embeddings") return;
  (cell.output ??= new Buckets(LATEST_METRICS.outputTokens.bounds)).observe(output);
}

export function sumUsage(cell: GenAiCell, usage: Usage): void {
  const sums = cell.usage;
  if (sums === undefined) {
    cell.usage = { ...usage };
    return;
  }
  sums.input += usage.input;
  sums.cacheRead += usage.cacheRead;
  sums.cacheWrite += usage.cacheWrite;
  sums.audioInput += usage.audioInput;
  sums.output += usage.output;
  sums.reasoning += usage.reasoning;
  sums.audioOutput += usage.audioOutput;
}
