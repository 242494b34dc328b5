import type { BudgetView } from "../../core/budget/budget-view.ts";

/** One budget as the agent, `sluice status` and attestations see it. */
export type ReportedBudget = Readonly<Record<string, string | number | null>>;

/** `GET /budget`: what is left. Money in US dollars as text, since it is exact; instants in RFC 3339. */
export function budgetReport(views: readonly BudgetView[]): { readonly budgets: readonly ReportedBudget[] } {
  return {
    budgets: views.map(({ id, unit, window, scope, model, limit, used, reserved, remaining, resetAt }) => {
      const amount = (value: number): string | number => (unit === "cost" ? dollars(value) : value);
      return {
        id,
        unit: unit === "cost" ? "usd" : unit,
        window: window.kind === "rolling" ? `${window.millis / 1000}s` : window.kind,
        scope,
        model: model ?? null,
        limit: amount(limit),
        used: amount(used),
        reserved: amount(reserved),
        remaining: amount(remaining),
        resetAt: resetAt === undefined ? null : new Date(resetAt).toISOString(),
      };
    }),
  };
}

/** Billionths of a dollar as dollars, without loss. */
function dollars(nano: number): string {
  const whole = Math.floor(nano / 1e9);
  const rest = String(nano % 1e9)
    .padStart(9, "0")
    .replace(/0+$/, "");
  return rest === "" ? String(whole) : `${whole}.${rest}`;
}
