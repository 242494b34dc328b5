import { epochMillis, millis } from "../../../../router/core/base/quantity.ts";
import type { CallEstimate } from "../../../../router/core/budget/amount.ts";
import type { BudgetPolicy } from "../../../../router/core/budget/budget-plan.ts";
import type { BudgetRule, RateRule } from "../../../../router/core/budget/budget-rule.ts";
import type { BudgetNow } from "../../../../router/core/budget/budget-time.ts";
import { Budgets, type Charge } from "../../../../router/core/budget/budgets.ts";

/** 2026-11-20T10:00:00Z */
export const TEN = Date.UTC(2026, 10, 20, 10);

/** The time, with steady time counted from `TEN`. */
export function at(wall: number, steady = wall - TEN + 1e9): BudgetNow {
  return { wall: epochMillis(wall), steady: millis(steady) };
}

export function budget(changes: Partial<BudgetRule> = {}): BudgetRule {
  return {
    id: "b",
    unit: "tokens",
    limit: 1000,
    window: { kind: "day" },
    scope: "pod",
    models: undefined,
    cut: false,
    ...changes,
  };
}

export function rate(changes: Partial<RateRule> = {}): RateRule {
  return { id: "r", unit: "requests", limit: 10, models: undefined, ...changes };
}

export function policyOf(budgets: readonly BudgetRule[], rates: readonly RateRule[] = []): BudgetPolicy {
  return { budgets, rates, models: ["m", "n"] };
}

export function budgetsOf(rules: readonly BudgetRule[], rates: readonly RateRule[] = [], now = at(TEN)): Budgets {
  return new Budgets(policyOf(rules, rates), now);
}

/** 100 tokens in, 100 out, at 1000 and 2000 billionths a token and 5 a call. */
export function call(changes: Partial<CallEstimate> = {}): CallEstimate {
  return {
    model: "m",
    input: 100,
    output: 100,
    choices: 1,
    least: 1,
    price: { input: 1000, output: 2000, request: 5 },
    ...changes,
  };
}

export function charge(tokens: number, cost = 0, estimated = false): Charge {
  return { tokens, cost, estimated };
}
