import type { Usage } from "./usage.ts";

/** A usage as far as a provider stated it. */
export interface StatedUsage {
  readonly usage: Usage;
  /** The half that was not stated: it is 0 in `usage`, which is not a count. The caller puts an estimate there. */
  readonly unstated: "input" | "output" | undefined;
}

/** What a form of usage makes of native counts; undefined is not stated. The parts may be larger than the whole. */
export type UsageParts = { readonly [Part in keyof Usage]?: number | undefined };

/** Undefined where neither half is stated. Parts are held within their whole, for they are subsets of it. */
export function statedUsage(parts: UsageParts): StatedUsage | undefined {
  if (parts.input === undefined && parts.output === undefined) return undefined;
  const input = count(parts.input);
  const output = count(parts.output);
  const cacheRead = Math.min(count(parts.cacheRead), input);
  const cacheWrite = Math.min(count(parts.cacheWrite), input - cacheRead);
  return {
    usage: {
      input,
      cacheRead,
      cacheWrite,
      cacheWriteHour: Math.min(count(parts.cacheWriteHour), cacheWrite),
      audioInput: Math.min(count(parts.audioInput), input),
      output,
      reasoning: Math.min(count(parts.reasoning), output),
      audioOutput: Math.min(count(parts.audioOutput), output),
      toolCalls: count(parts.toolCalls),
    },
    unstated: parts.input === undefined ? "input" : parts.output === undefined ? "output" : undefined,
  };
}

/** The sum of what is stated; undefined where nothing is. */
export function sum(...counts: readonly (number | undefined)[]): number | undefined {
  let total: number | undefined;
  for (const stated of counts) if (stated !== undefined) total = (total ?? 0) + stated;
  return total;
}

/** Sums of counts may exceed 2^53-1 where a provider lies: they stay there. */
function count(stated: number | undefined): number {
  return Math.min(stated ?? 0, Number.MAX_SAFE_INTEGER);
}
