import type { EpochMillis } from "../base/quantity.ts";
import type { BudgetEntry, BudgetPolicy, ModelPlan } from "./budget-plan.ts";
import type { BudgetRule } from "./budget-rule.ts";
import type { BudgetNow } from "./budget-time.ts";
import { countedModel } from "./counter-key.ts";

/** How one budget stands, for the agent, for gauges and for people. Amounts are whole units of `unit`. */
export interface BudgetView {
  readonly id: string;
  readonly unit: BudgetRule["unit"];
  readonly window: BudgetRule["window"];
  readonly scope: BudgetRule["scope"];
  /** Undefined: of all its models together. */
  readonly model: string | undefined;
  readonly limit: number;
  readonly used: number;
  readonly reserved: number;
  readonly remaining: number;
  /** When all that is used now is forgotten; undefined: it remembers nothing. */
  readonly resetAt: EpochMillis | undefined;
}

/** Each counter once, in the order of the policy's rules, then of its models. */
export function viewPlans(
  { budgets: rules }: BudgetPolicy,
  plans: ReadonlyMap<string, ModelPlan>,
  now: BudgetNow,
): readonly BudgetView[] {
  const views = new Map<BudgetRule, BudgetView[]>(rules.map((rule) => [rule, []]));
  for (const { model, budgets } of plans.values()) {
    for (const entry of budgets) {
      const rows = views.get(entry.rule);
      const counted = countedModel(entry.rule, model);
      if (counted !== undefined || rows?.length === 0) rows?.push(viewOf(entry, counted, now));
    }
  }
  return [...views.values()].flat();
}

function viewOf({ rule, counter }: BudgetEntry, model: string | undefined, now: BudgetNow): BudgetView {
  const { id, unit, window, scope, limit } = rule;
  const used = counter?.used(now) ?? 0;
  const reserved = counter?.reserved ?? 0;
  const remaining = Math.max(0, limit - (used + reserved));
  return { id, unit, window, scope, model, limit, used, reserved, remaining, resetAt: counter?.forgets(used, now) };
}
