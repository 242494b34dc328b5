import type { BudgetCounter } from "./budget-counter.ts";
import type { BudgetRule, RateRule } from "./budget-rule.ts";
import type { CounterStore } from "./counter-store.ts";
import type { BudgetNow } from "./budget-time.ts";
import type { RateCounter } from "./rate-counter.ts";

/** What of an InferencePolicy is counted. */
export interface BudgetPolicy {
  readonly budgets: readonly BudgetRule[];
  readonly rates: readonly RateRule[];
  /** The names of all models: no other name ever gets a counter. */
  readonly models: readonly string[];
}

export interface BudgetEntry {
  readonly rule: BudgetRule;
  /** Undefined: the budget is of one call and remembers nothing. */
  readonly counter: BudgetCounter | undefined;
}

/** A counter that a call was counted in. */
export interface Counted {
  readonly unit: BudgetRule["unit"];
  readonly counter: BudgetCounter;
}

export interface RateEntry {
  readonly rule: RateRule;
  readonly counter: RateCounter;
}

/** All that applies to the calls of one model. */
export interface ModelPlan {
  readonly model: string;
  readonly budgets: readonly BudgetEntry[];
  /** Of the budgets, those that count; none: nothing of a call need be kept on the disk. */
  readonly counted: readonly Counted[];
  readonly rates: readonly RateEntry[];
}

export function planModels(policy: BudgetPolicy, store: CounterStore, now: BudgetNow): ReadonlyMap<string, ModelPlan> {
  const plans = new Map<string, ModelPlan>();
  for (const model of policy.models) {
    const applies = ({ models }: BudgetRule | RateRule): boolean => models === undefined || models.has(model);
    const budgets = policy.budgets
      .filter(applies)
      .map((rule): BudgetEntry => ({ rule, counter: store.budget(rule, model, now) }));
    const rates = policy.rates.filter(applies).map((rule): RateEntry => ({ rule, counter: store.rate(rule) }));
    plans.set(model, { model, budgets, counted: budgets.flatMap(counted), rates });
  }
  return plans;
}

function counted({ rule, counter }: BudgetEntry): readonly Counted[] {
  return counter === undefined ? [] : [{ unit: rule.unit, counter }];
}
