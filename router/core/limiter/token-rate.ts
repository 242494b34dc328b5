import type { Limit } from "./limit.ts";

/**
 * A rate in whole numbers, so that nothing drifts: levels are counted in parts of a call, of which one call takes `cost`
 * and every millisecond brings `gain`; a full bucket holds `capacity`.
 */
export interface TokenRate {
  readonly cost: number;
  readonly gain: number;
  readonly capacity: number;
}

/** No rate: a call takes nothing. */
const UNLIMITED: TokenRate = { cost: 0, gain: 0, capacity: 0 };
/** Numbers that are no rate allow nothing. The parser lets none of them through. */
const CLOSED: TokenRate = { cost: 1, gain: 0, capacity: 0 };

export function tokenRate(rate: Limit["rate"]): TokenRate {
  if (rate === undefined) return UNLIMITED;
  if (!isCount(rate.count) || !isCount(rate.window) || !isCount(rate.burst)) return CLOSED;
  const shared = greatestDivisor(rate.count, rate.window);
  const cost = rate.window / shared;
  // Levels stay below 2^53, where every sum is exact; a burst of more than nine billion milliseconds is cut there.
  const burst = Math.min(rate.burst, Math.floor(Number.MAX_SAFE_INTEGER / cost));
  return { cost, gain: rate.count / shared, capacity: burst * cost };
}

/** The level after so many whole milliseconds. */
export function refilled(rate: TokenRate, level: number, elapsed: number): number {
  // Where the product is beyond 2^53 it is rounded, and far more than what is missing.
  const gained = elapsed * rate.gain;
  return gained >= rate.capacity - level ? rate.capacity : level + gained;
}

/** Whole milliseconds until the level is enough for a call; 0: it is. */
export function waitFor(rate: TokenRate, level: number): number {
  const missing = rate.cost - level;
  if (missing <= 0) return 0;
  if (rate.gain === 0) return Number.MAX_SAFE_INTEGER;
  // Exact: below 2^53 a quotient that is no whole number is further from one than the rounding goes.
  return Math.ceil(missing / rate.gain);
}

/** A level under one rate as a level of as many calls under another, which is never more than it can hold. */
export function carriedLevel(from: TokenRate, to: TokenRate, level: number): number {
  if (from.cost === 0) return to.capacity;
  return Math.min(to.capacity, Number((BigInt(level) * BigInt(to.cost)) / BigInt(from.cost)));
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 1;
}

function greatestDivisor(one: number, other: number): number {
  let [large, small] = [one, other];
  while (small !== 0) [large, small] = [small, large % small];
  return large;
}
