/** What a budget counts. `cost` is in billionths of a US dollar, so that every count is a whole number. */
export type BudgetUnit = "tokens" | "requests" | "cost";

/**
 * When a budget begins anew. `request` bounds one call and remembers nothing; `minute`, `hour`, `day` and `month` are
 * those of the UTC calendar; `rolling` is the last `millis` milliseconds, always.
 */
export type BudgetWindow =
  | { readonly kind: "request" | "minute" | "hour" | "day" | "month" }
  | { readonly kind: "rolling"; readonly millis: number };

/** Whose calls are counted together. `pod` and `model` are of this pod alone; `agent` and `namespace` need a shared ledger. */
export type BudgetScope = "pod" | "agent" | "namespace" | "model";

export interface BudgetRule {
  readonly id: string;
  readonly unit: BudgetUnit;
  /** At least 1. */
  readonly limit: number;
  readonly window: BudgetWindow;
  readonly scope: BudgetScope;
  /** Names of models of the policy; undefined: all of them. Never empty. */
  readonly models: ReadonlySet<string> | undefined;
  /** A stream that reaches what was reserved for it is ended with its API's own terminal. */
  readonly cut: boolean;
}

/** A limit on the rate of calls, kept in memory only: the last 60 seconds, always, or calls at the same time. */
export interface RateRule {
  readonly id: string;
  readonly unit: "requests" | "tokens" | "concurrent";
  readonly limit: number;
  readonly models: ReadonlySet<string> | undefined;
}
