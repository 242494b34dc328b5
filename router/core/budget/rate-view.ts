import { type Millis, millis } from "../base/quantity.ts";
import type { RateEntry } from "./budget-plan.ts";
import type { BudgetNow } from "./budget-time.ts";

export interface RateState {
  readonly limit: number;
  readonly remaining: number;
  /** Until all of it is free again. */
  readonly reset: Millis;
}

/** What rate-limit headers tell: of each unit the rule with the least left. */
export interface RateView {
  readonly requests: RateState | undefined;
  readonly tokens: RateState | undefined;
}

export function viewRates(entries: readonly RateEntry[], now: BudgetNow): RateView {
  return { requests: tightest(entries, "requests", now), tokens: tightest(entries, "tokens", now) };
}

function tightest(entries: readonly RateEntry[], unit: "requests" | "tokens", now: BudgetNow): RateState | undefined {
  let kept: RateEntry | undefined;
  let least = 0;
  for (const entry of entries) {
    if (entry.rule.unit !== unit) continue;
    const remaining = Math.max(0, entry.rule.limit - entry.counter.level(now));
    if (kept !== undefined && remaining >= least) continue;
    kept = entry;
    least = remaining;
  }
  if (kept === undefined) return undefined;
  const { rule, counter } = kept;
  return { limit: rule.limit, remaining: least, reset: millis(counter.frees(counter.level(now), now) - now.wall) };
}
