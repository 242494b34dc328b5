import { type Tier, TIER_BOUNDS } from "./trust.ts";

export const LOWEST_SCORE = 0;
export const HIGHEST_SCORE = 1000;

/** The tier of a score, by `TIER_BOUNDS`: a score that is a bound belongs to the tier above it. */
export function tierOf(score: number): Tier {
  return TIER_BOUNDS.findLast(([, bound]) => score >= bound)?.[0] ?? "anonymous";
}
