import { type BudgetCounter, type CounterState, createCounter } from "./budget-counter.ts";
import type { BudgetRule, BudgetUnit, RateRule } from "./budget-rule.ts";
import type { BudgetNow, ClockStep } from "./budget-time.ts";
import { countedModel, counterKey } from "./counter-key.ts";
import { RateCounter } from "./rate-counter.ts";

/** Which counter it is, apart from what it counted. */
export interface CounterName {
  readonly id: string;
  readonly unit: BudgetUnit;
  readonly window: BudgetRule["window"];
  /** Undefined: of all models together. */
  readonly model: string | undefined;
}

export interface KeptCounter extends CounterName {
  readonly counter: BudgetCounter;
}

/**
 * All counters, also those whose rule is gone: they are kept until their window has ended and no call is open, so that a
 * rule that comes back does not begin anew. Rules and models come from policies, so their number does too.
 */
export class CounterStore {
  readonly #budgets = new Map<string, KeptCounter>();
  readonly #rates = new Map<string, RateCounter>();

  /** The rule's counter for a model; undefined where it counts nothing. */
  budget(rule: BudgetRule, model: string, now: BudgetNow): BudgetCounter | undefined {
    return this.#keep(counterKey(rule, model), { ...rule, model: countedModel(rule, model) }, now);
  }

  rate({ id, unit }: RateRule): RateCounter {
    const key = JSON.stringify([id, unit]);
    const kept = this.#rates.get(key);
    if (kept !== undefined) return kept;
    const counter = new RateCounter(unit);
    this.#rates.set(key, counter);
    return counter;
  }

  /** Brings back a counter as it was; undefined where it is there already, or counts nothing. */
  restore(name: CounterName, state: CounterState, now: BudgetNow): BudgetCounter | undefined {
    const key = counterKey(
      { ...name, limit: 1, scope: name.model === undefined ? "pod" : "model", models: undefined, cut: false },
      name.model ?? "",
    );
    return this.#budgets.has(key) ? undefined : this.#keep(key, name, now, state);
  }

  carry(step: ClockStep, now: BudgetNow): void {
    for (const { counter } of this.#budgets.values()) counter.carry(step, now);
  }

  /** Those that hold anything, in an order that does not change. */
  filled(now: BudgetNow): readonly KeptCounter[] {
    return [...this.#budgets.values()].filter(({ counter }) => holds(counter, now));
  }

  /** Forgets counters that hold nothing. To be called before the plans are made: what a plan counts in must be in here. */
  prune(now: BudgetNow): void {
    for (const [key, { counter }] of this.#budgets) if (!holds(counter, now)) this.#budgets.delete(key);
    for (const [key, counter] of this.#rates) if (counter.idle(now)) this.#rates.delete(key);
  }

  #keep(key: string, name: CounterName, now: BudgetNow, state?: CounterState): BudgetCounter | undefined {
    const kept = this.#budgets.get(key);
    if (kept !== undefined) return kept.counter;
    const { id, unit, window, model } = name;
    const counter = createCounter(window, now, state);
    if (counter !== undefined) this.#budgets.set(key, { id, unit, window, model, counter });
    return counter;
  }
}

function holds(counter: BudgetCounter, now: BudgetNow): boolean {
  return counter.open > 0 || counter.used(now) > 0;
}
