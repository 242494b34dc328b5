import type { BudgetRule, BudgetWindow } from "./budget-rule.ts";

/** A budget rule's one counter for a model: rules with the same key count together, whatever their limits. */
export function counterKey({ id, unit, window, scope }: BudgetRule, model: string): string {
  return JSON.stringify([id, unit, windowText(window), scope === "model" ? model : null]);
}

/** A rule without its limit stays the same counter, whoever's calls it counts: a change of scope is no refill. */
export function countedModel({ scope }: BudgetRule, model: string): string | undefined {
  return scope === "model" ? model : undefined;
}

/** `day`, `rolling:3600000`, ... */
export function windowText(window: BudgetWindow): string {
  return window.kind === "rolling" ? `rolling:${window.millis}` : window.kind;
}

/** The window that `windowText` wrote; undefined for anything else. */
export function parseWindow(text: string): BudgetWindow | undefined {
  switch (text) {
    case "request":
    case "minute":
    case "hour":
    case "day":
    case "month":
      return { kind: text };
    default: {
      const digits = /^rolling:([1-9][0-9]{0,15})$/.exec(text)?.[1];
      const millis = Number(digits);
      return Number.isSafeInteger(millis) ? { kind: "rolling", millis } : undefined;
    }
  }
}
