import { assertNever } from "../base/assert-never.ts";
import type { EpochMillis } from "../base/quantity.ts";
import type { BudgetRule, BudgetUnit, BudgetWindow, RateRule } from "./budget-rule.ts";
import { timeText } from "./calendar-window.ts";

/** Why a call was not admitted, by which rule. */
export interface Exhausted {
  /** `budget`: waiting is for later; `rate`: for some seconds. */
  readonly kind: "budget" | "rate";
  readonly id: string;
  readonly unit: BudgetUnit | RateRule["unit"];
  /** Undefined for a rate: the last 60 seconds, or (concurrent) now. */
  readonly window: BudgetWindow | undefined;
  readonly limit: number;
  /** What a smaller call could still have. */
  readonly remaining: number;
  /** When it is worth trying again, at the earliest; undefined: never, such a call is above the limit itself. */
  readonly resetAt: EpochMillis | undefined;
  /** For people; it names the rule and no content. */
  readonly sentence: string;
}

/** Why a call was not admitted. */
export type NotAdmitted =
  | Exhausted
  | {
      /**
       * `unknown_model`: a reload took the model out of the policy. `unpriced`: a budget in dollars applies, and the model
       * has no price. `too_many_open`: more calls are open than are kept count of.
       */
      readonly kind: "unknown_model" | "unpriced" | "too_many_open";
      readonly sentence: string;
    };

interface Shortage {
  readonly limit: number;
  readonly remaining: number;
  readonly needed: number;
  readonly resetAt: EpochMillis | undefined;
}

export function exhaustedBudget({ id, unit, window }: BudgetRule, shortage: Shortage): Exhausted {
  const { limit, remaining, needed, resetAt } = shortage;
  const per = window.kind === "rolling" ? `within ${window.millis / 1000} s` : `a ${windowName(window.kind)}`;
  const what = `The budget "${id}" is ${amountText(unit, limit)} ${per}`;
  const sentence =
    needed > limit
      ? `${what}, and this call needs at least ${amountText(unit, needed)}.`
      : `${what}: ${amountText(unit, remaining)} left, and this call needs at least ${amountText(unit, needed)}.`;
  const again = resetAt === undefined ? "" : ` Try again after ${timeText(resetAt)}.`;
  return { kind: "budget", id, unit, window, limit, remaining, resetAt, sentence: sentence + again };
}

export function exhaustedRate({ id, unit }: RateRule, shortage: Shortage): Exhausted {
  const { limit, remaining, needed, resetAt } = shortage;
  const most = unit === "concurrent" ? `${limit} calls at the same time` : `${limit} ${unit} a minute`;
  const sentence =
    needed > limit
      ? `The rate limit "${id}" is ${most}, and this call needs at least ${needed}.`
      : `The rate limit "${id}" is ${most}: ${remaining} left, and this call needs ${needed}.`;
  return { kind: "rate", id, unit, window: undefined, limit, remaining, resetAt, sentence };
}

function windowName(kind: "request" | "minute" | "hour" | "day" | "month"): string {
  if (kind === "request") return "call";
  return kind === "day" ? "UTC day" : kind;
}

function amountText(unit: BudgetUnit, amount: number): string {
  switch (unit) {
    case "tokens":
      return `${amount} tokens`;
    case "requests":
      return `${amount} requests`;
    case "cost":
      return `${(amount / 1e9).toFixed(6)} USD`;
    default:
      return assertNever(unit);
  }
}
