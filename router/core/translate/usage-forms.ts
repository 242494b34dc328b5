import type { Json } from "../json/json.ts";
import { asObject, type JsonObject } from "./json-object.ts";

/** What both APIs count, as messages counts it: `input` is without what the cache gave or took. */
export interface TokenCounts {
  readonly input: number;
  readonly cacheWrite: number;
  readonly cacheRead: number;
  readonly output: number;
  readonly reasoning: number;
}

export const NO_COUNTS: TokenCounts = Object.freeze({
  input: 0,
  cacheWrite: 0,
  cacheRead: 0,
  output: 0,
  reasoning: 0,
});

/** More tokens than this are a lie, and sums of such counts stay exact. */
const MAXIMUM = 1e12;

function count(value: Json | undefined, otherwise: number): number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= MAXIMUM ? value : otherwise;
}

/** `usage` of a chat completion or chunk; undefined where there is none. Its prompt includes the cache. */
export function countsOfChat(usage: Json | undefined): TokenCounts | undefined {
  const from = asObject(usage);
  if (from === undefined) return undefined;
  const prompt = count(from["prompt_tokens"], 0);
  const details = asObject(from["prompt_tokens_details"]);
  const cacheRead = Math.min(count(details?.["cached_tokens"], 0), prompt);
  const cacheWrite = Math.min(count(details?.["cache_write_tokens"], 0), prompt - cacheRead);
  return {
    input: prompt - cacheRead - cacheWrite,
    cacheRead,
    cacheWrite,
    output: count(from["completion_tokens"], 0),
    reasoning: count(asObject(from["completion_tokens_details"])?.["reasoning_tokens"], 0),
  };
}

/** `usage` of a message or, in a stream, what a later event says over what was known: its counts are totals. */
export function countsOfMessages(usage: Json | undefined, known: TokenCounts): TokenCounts {
  const from = asObject(usage);
  if (from === undefined) return known;
  return {
    input: count(from["input_tokens"], known.input),
    cacheWrite: count(from["cache_creation_input_tokens"], known.cacheWrite),
    cacheRead: count(from["cache_read_input_tokens"], known.cacheRead),
    output: count(from["output_tokens"], known.output),
    reasoning: count(asObject(from["output_tokens_details"])?.["thinking_tokens"], known.reasoning),
  };
}

export function chatUsage({ input, cacheWrite, cacheRead, output, reasoning }: TokenCounts): JsonObject {
  const prompt = input + cacheWrite + cacheRead;
  return {
    prompt_tokens: prompt,
    completion_tokens: output,
    total_tokens: prompt + output,
    prompt_tokens_details: { cached_tokens: cacheRead, cache_write_tokens: cacheWrite },
    completion_tokens_details: { reasoning_tokens: reasoning },
  };
}

export function messagesUsage({ input, cacheWrite, cacheRead, output, reasoning }: TokenCounts): JsonObject {
  return {
    input_tokens: input,
    cache_creation_input_tokens: cacheWrite,
    cache_read_input_tokens: cacheRead,
    output_tokens: output,
    output_tokens_details: { thinking_tokens: reasoning },
  };
}
