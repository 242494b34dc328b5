import { epochMillis, type Millis, millis } from "../base/quantity.ts";
import type { CounterState } from "./budget-counter.ts";
import type { BudgetPolicy } from "./budget-plan.ts";
import type { BudgetRule, BudgetScope, BudgetUnit } from "./budget-rule.ts";
import { parseWindow, windowText } from "./counter-key.ts";
import type { CounterName } from "./counter-store.ts";

/** A call that has not ended. */
export interface OpenState {
  readonly id: number;
  readonly model: string;
  /** Steady time. */
  readonly at: Millis;
  readonly tokens: number;
  readonly cost: number;
  /** Indices of the counters that count it. */
  readonly counters: readonly number[];
}

/** Everything that budgets remember; plain data. */
export interface BudgetState {
  /** The next reservation's id: above all that were ever given. */
  readonly next: number;
  readonly counters: readonly (CounterName & { readonly state: CounterState })[];
  readonly open: readonly OpenState[];
}

/** `[next, [[id, unit, window, model|null, end, since, used] | [id, unit, window, model|null, [[slot, amount]...]] ...], [[id, model, at, tokens, cost, [index...]]...]]` */
export function stateForm({ next, counters, open }: BudgetState): unknown {
  return [
    next,
    counters.map(({ id, unit, window, model, state }) => [
      id,
      unit,
      windowText(window),
      model ?? null,
      ...("slots" in state ? [state.slots] : [state.end, state.since, state.used]),
    ]),
    open.map(({ id, model, at, tokens, cost, counters: indices }) => [id, model, at, tokens, cost, indices]),
  ];
}

/** Undefined where anything at all is not as `stateForm` writes it, or cannot be. */
export function parseState(form: unknown): BudgetState | undefined {
  if (!isList(form, 3)) return undefined;
  const [next, counterRows, openRows] = form;
  const counters = all(counterRows, parseCounter);
  const open = all(openRows, (row) => parseOpen(row, counters?.length ?? 0));
  if (!isWhole(next) || counters === undefined || open === undefined) return undefined;
  const names = counters.map(({ id, unit, window, model }) =>
    JSON.stringify([id, unit, windowText(window), model ?? null]),
  );
  if (new Set(names).size < names.length || open.some(({ id }) => id >= next)) return undefined;
  if (new Set(open.map(({ id }) => id)).size < open.length) return undefined;
  return { next, counters, open };
}

/** `[[[id, unit, limit, window, scope, models|null, cut]...], [model...]]`; rates are not kept. */
export function policyForm({ budgets, models }: BudgetPolicy): unknown {
  return [
    budgets.map(({ id, unit, limit, window, scope, models: of, cut }) => [
      id,
      unit,
      limit,
      windowText(window),
      scope,
      of === undefined ? null : [...of],
      cut,
    ]),
    models,
  ];
}

/** Whether two policies are the same to a ledger. */
export function samePolicy(one: BudgetPolicy, other: BudgetPolicy): boolean {
  return JSON.stringify(policyForm(one)) === JSON.stringify(policyForm(other));
}

/** Undefined where anything at all is not as `policyForm` writes it. */
export function parsePolicy(form: unknown): BudgetPolicy | undefined {
  if (!isList(form, 2)) return undefined;
  const budgets = all(form[0], parseRule);
  const models = all(form[1], parseText);
  return budgets === undefined || models === undefined ? undefined : { budgets, models, rates: [] };
}

function parseRule(row: unknown): BudgetRule | undefined {
  if (!isList(row, 7)) return undefined;
  const [id, unit, limit, windowOf, scope, of, cut] = row;
  const window = typeof windowOf === "string" ? parseWindow(windowOf) : undefined;
  const models = of === null ? [] : all(of, parseText);
  if (typeof id !== "string" || !isUnit(unit) || !isWhole(limit) || window === undefined) return undefined;
  if (!isScope(scope) || models === undefined || typeof cut !== "boolean") return undefined;
  return { id, unit, limit, window, scope, models: of === null ? undefined : new Set(models), cut };
}

function parseCounter(row: unknown): BudgetState["counters"][number] | undefined {
  if (!Array.isArray(row)) return undefined;
  const [id, unit, windowOf, modelOf, ...rest] = row as readonly unknown[];
  const window = typeof windowOf === "string" ? parseWindow(windowOf) : undefined;
  if (typeof id !== "string" || !isUnit(unit) || window === undefined || window.kind === "request") return undefined;
  if (modelOf !== null && typeof modelOf !== "string") return undefined;
  const state = window.kind === "rolling" ? parseSlots(rest) : parseCalendar(rest);
  return state === undefined ? undefined : { id, unit, window, model: modelOf ?? undefined, state };
}

function parseCalendar(row: readonly unknown[]): CounterState | undefined {
  const [end, since, used] = row;
  if (row.length !== 3 || !isTime(end) || !isWhole(since) || !isWhole(used)) return undefined;
  return { end: epochMillis(end), since: millis(since), used };
}

function parseSlots(row: readonly unknown[]): CounterState | undefined {
  if (row.length !== 1) return undefined;
  let last = -1;
  const slots = all(row[0], (pair) => {
    if (!isList(pair, 2)) return undefined;
    const [slot, amount] = pair;
    if (!isWhole(slot) || !isWhole(amount) || slot <= last) return undefined;
    last = slot;
    return [slot, amount] as const;
  });
  return slots === undefined ? undefined : { slots };
}

function parseOpen(row: unknown, counters: number): OpenState | undefined {
  if (!isList(row, 6)) return undefined;
  const [id, model, at, tokens, cost, indicesOf] = row;
  const indices = all(indicesOf, (index) => (isWhole(index) && index < counters ? index : undefined));
  if (!isWhole(id) || typeof model !== "string" || !isWhole(at) || !isWhole(tokens) || !isWhole(cost)) return undefined;
  return indices === undefined ? undefined : { id, model, at: millis(at), tokens, cost, counters: indices };
}

/** Whole, from 0 to 2^53-1. */
export function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** Whole milliseconds; a wall clock may be set to before 1970. */
export function isTime(value: unknown): value is number {
  return Number.isSafeInteger(value);
}

function isList(value: unknown, length: number): value is readonly unknown[] {
  return Array.isArray(value) && value.length === length;
}

/** Undefined where it is no list, or one of its items is not as it should be. */
function all<Item>(value: unknown, parse: (item: unknown) => Item | undefined): readonly Item[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const items: Item[] = [];
  for (const row of value as readonly unknown[]) {
    const item = parse(row);
    if (item === undefined) return undefined;
    items.push(item);
  }
  return items;
}

function parseText(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function isUnit(value: unknown): value is BudgetUnit {
  return value === "tokens" || value === "requests" || value === "cost";
}

function isScope(value: unknown): value is BudgetScope {
  return value === "pod" || value === "agent" || value === "namespace" || value === "model";
}
