import { type EpochMillis, epochMillis } from "../base/quantity.ts";
import { fail, ok, type Result } from "../base/result.ts";
import { type CallEstimate, costOf, leastAmount, leastOutput, outputThatFits, tokensOf } from "./amount.ts";
import type { BudgetCounter } from "./budget-counter.ts";
import type { BudgetEntry, ModelPlan, RateEntry } from "./budget-plan.ts";
import type { BudgetRule } from "./budget-rule.ts";
import type { BudgetNow } from "./budget-time.ts";
import { type Exhausted, exhaustedBudget, exhaustedRate, type NotAdmitted } from "./exhausted.ts";

/** When to ask again where nobody knows when room will be. */
const SOON = 1_000;

/** What is to be reserved for a call. */
export interface Admission {
  readonly outputCap: number;
  readonly clampedBy: string | undefined;
  readonly cut: number | undefined;
  readonly tokens: number;
  readonly cost: number;
}

/**
 * Whether a call fits into all that applies to it, and with how much output. A budget clamps the call to what it has left.
 * A rate clamps it to what a whole minute allows, and otherwise asks the caller to wait: an answer that was cut short for
 * the sake of some seconds is worth less. Counts nothing.
 */
export function admitCall(plan: ModelPlan, call: CallEstimate, now: BudgetNow): Result<Admission, NotAdmitted> {
  const least = leastOutput(call);
  let outputCap = call.output;
  let clampedBy: string | undefined;
  let cuts = false;
  for (const entry of plan.budgets) {
    const { rule } = entry;
    const fits = outputThatFits(rule.unit, roomOf(entry, now), call);
    if (fits < least) return fail(refuseBudget(plan, call, now));
    if (fits < outputCap) {
      outputCap = fits;
      clampedBy = rule.id;
    }
    cuts ||= rule.cut && rule.unit !== "requests";
  }
  for (const { rule } of plan.rates) {
    if (rule.unit !== "tokens") continue;
    const fits = outputThatFits("tokens", rule.limit, call);
    if (fits < least) return fail(refuseRate(plan, leastAmount("tokens", call), now));
    if (fits < outputCap) {
      outputCap = fits;
      clampedBy = rule.id;
    }
  }
  const tokens = tokensOf(call, outputCap);
  for (const { rule, counter } of plan.rates) {
    if (counter.needs(tokens) > rule.limit - counter.level(now)) return fail(refuseRate(plan, tokens, now));
  }
  return ok({
    outputCap,
    clampedBy,
    cut: cuts ? outputCap * call.choices : undefined,
    tokens,
    cost: call.price === undefined ? 0 : costOf(call, call.price, outputCap),
  });
}

/** What a budget has left; less than nothing where more was used than its limit. */
function roomOf({ rule, counter }: BudgetEntry, now: BudgetNow): number {
  return counter === undefined ? rule.limit : rule.limit - (counter.used(now) + counter.reserved);
}

/** Of the budgets that refuse, the one that does so for the longest: who waits for another would wait in vain. */
function refuseBudget(plan: ModelPlan, call: CallEstimate, now: BudgetNow): NotAdmitted {
  const least = leastOutput(call);
  const refusing = plan.budgets.filter((entry) => outputThatFits(entry.rule.unit, roomOf(entry, now), call) < least);
  const unpriced = refusing.find(({ rule }) => rule.unit === "cost" && call.price === undefined);
  if (unpriced !== undefined) {
    const sentence = `The budget "${unpriced.rule.id}" is in dollars, and the policy names no price for this model.`;
    return { kind: "unpriced", sentence };
  }
  return longest(
    refusing.map((entry) => {
      const { rule, counter } = entry;
      const room = roomOf(entry, now);
      const needed = leastAmount(rule.unit, call);
      const resetAt = counter === undefined || needed > rule.limit ? undefined : roomAt(rule, counter, needed, now);
      return exhaustedBudget(rule, { limit: rule.limit, remaining: Math.max(0, room), needed, resetAt });
    }),
  );
}

/** Where only calls in progress are in the way, they may end at any time. */
function roomAt({ limit }: BudgetRule, counter: BudgetCounter, needed: number, now: BudgetNow): EpochMillis {
  const used = counter.used(now);
  return needed <= limit - used ? epochMillis(now.wall + SOON) : counter.forgets(needed - (limit - used), now);
}

function refuseRate(plan: ModelPlan, tokens: number, now: BudgetNow): Exhausted {
  const shortages = plan.rates.map((entry) => rateShortage(entry, tokens, now));
  return longest(shortages.flatMap((shortage) => shortage ?? []));
}

function rateShortage({ rule, counter }: RateEntry, tokens: number, now: BudgetNow): Exhausted | undefined {
  const needed = counter.needs(tokens);
  const room = rule.limit - counter.level(now);
  if (needed <= room) return undefined;
  const resetAt = needed > rule.limit ? undefined : counter.frees(needed - room, now);
  return exhaustedRate(rule, { limit: rule.limit, remaining: Math.max(0, room), needed, resetAt });
}

function longest(refusals: readonly Exhausted[]): Exhausted {
  const [first, ...others] = refusals;
  if (first === undefined) throw new Error("nothing refuses the call");
  const time = ({ resetAt }: Exhausted): number => resetAt ?? Number.POSITIVE_INFINITY;
  return others.reduce((kept, other) => (time(other) > time(kept) ? other : kept), first);
}
