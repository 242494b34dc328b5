/**
 * The tokens of one call, normalised over the APIs (OpenTelemetry `gen_ai.usage.*`): the parts are subsets of `input`
 * and `output`, never additions to them. Whole numbers from 0 to 2^53-1.
 */
export interface Usage {
  /** Everything that went in: read from and written to a cache included. */
  readonly input: number;
  readonly cacheRead: number;
  readonly cacheWrite: number;
  /** Of `cacheWrite`, what was written for an hour (Anthropic). */
  readonly cacheWriteHour: number;
  readonly audioInput: number;
  /** Everything that came out, reasoning included. */
  readonly output: number;
  readonly reasoning: number;
  readonly audioOutput: number;
  /** Searches and fetches that the provider made for the model, each billed by itself. */
  readonly toolCalls: number;
}

export const NO_USAGE: Usage = Object.freeze({
  input: 0,
  cacheRead: 0,
  cacheWrite: 0,
  cacheWriteHour: 0,
  audioInput: 0,
  output: 0,
  reasoning: 0,
  audioOutput: 0,
  toolCalls: 0,
});

/** Tokens as budgets count them. */
export function totalTokens({ input, output }: Usage): number {
  return input + output;
}
