import { spanText } from "./amount-text.ts";
import { shownWord } from "./shown-text.ts";
import type { BudgetState } from "./status-report.ts";

const BAR = 20;
const LONGEST_NAME = 64;
const TITLES = ["budget", "each", "used", "of", "unit", "", "left", "resets in"] as const;
const NUMBERS: ReadonlySet<number> = new Set([2, 3, 6]);

export interface BudgetLine {
  readonly text: string;
  /** `used up`, or a fifth or less is left. */
  readonly mark: "used_up" | "low" | undefined;
}

/** The budgets as a table, its titles first; empty where there is none. `now` in milliseconds since the epoch. */
export function budgetTable(budgets: readonly BudgetState[], now: number): readonly BudgetLine[] {
  if (budgets.length === 0) return [];
  const rows = budgets.map((budget) => cellsOf(budget, now));
  const widths = TITLES.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const lay = (cells: readonly string[]): string =>
    cells
      .map((cell, column) =>
        NUMBERS.has(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join("  ")
      .trimEnd();
  const lines = budgets.map((budget, at): BudgetLine => ({ text: lay(rows[at] ?? []), mark: markOf(budget) }));
  return [{ text: lay(TITLES), mark: undefined }, ...lines];
}

function cellsOf(budget: BudgetState, now: number): readonly string[] {
  const { id, unit, window, model, limit, used, remaining, resetAt } = budget;
  const name = shownWord(model === null ? id : `${id}/${model}`, LONGEST_NAME);
  const each = shownWord(windowText(window), LONGEST_NAME);
  // It bounds each call by itself: nothing adds up.
  if (window === "request") return [name, each, "", amountText(limit), unit];
  const resets = resetAt === null ? "" : (spanText(Math.max(0, Date.parse(resetAt) - now)) ?? "");
  return [name, each, amountText(used), amountText(limit), unit, bar(budget), amountText(remaining), resets];
}

/** `6h00m` of `21600s`. */
function windowText(window: string): string {
  const seconds = /^([0-9]{1,12})s$/.exec(window)?.[1];
  return seconds === undefined ? window : (spanText(Number(seconds) * 1_000) ?? window);
}

/** Used up `#`, held for calls that are under way `+`, left `.`. Empty only where nothing is taken, full only where nothing is left. */
function bar({ limit, used, reserved }: BudgetState): string {
  const [most, gone, held] = [limit, used, reserved].map(Number) as [number, number, number];
  const cells = (value: number): number => {
    if (most === 0 || value >= most) return BAR;
    return Math.min(value > 0 ? Math.max(1, Math.floor((value / most) * BAR)) : 0, BAR - 1);
  };
  const [filled, taken] = [cells(gone), cells(gone + held)];
  return `[${"#".repeat(filled)}${"+".repeat(taken - filled)}${".".repeat(BAR - taken)}]`;
}

function markOf({ window, limit, remaining }: BudgetState): BudgetLine["mark"] {
  if (window === "request") return undefined;
  if (Number(remaining) === 0) return "used_up";
  return Number(remaining) <= Number(limit) / 5 ? "low" : undefined;
}

/** Whole numbers in groups of three; dollars as they are, for they are exact. */
function amountText(amount: number | string): string {
  return typeof amount === "number" ? amount.toLocaleString("en-US") : amount;
}
