import { ACTION_KINDS, type ActionKind } from "../governance/action-kind.ts";
import type { GaugeState } from "./gauge.ts";
import { type KnownState, LONGEST_TARGET, MOST_TARGETS } from "./known-targets.ts";
import type { ResponsesState } from "./responses.ts";
import type { SumState } from "./sliding-sum.ts";
import { MOST_SUMS, type TargetSumsState } from "./target-sums.ts";

/** What must outlive a restart; `counting` says what a gauge counted (`countingText`). */
export interface BehaviorState {
  readonly responses: ResponsesState;
  readonly gauges: readonly (GaugeState & { readonly detector: string; readonly counting: string })[];
}

/** Rules of a policy, many times over. */
const MOST_ENTRIES = 10_000;
const MOST_PARTS = 61;

/** Plain JSON: `{v: 1, quarantines, approvals, throttles, gauges}`, each a list of lists. */
export function behaviorForm({ responses, gauges }: BehaviorState): unknown {
  const actionsForm = (actions: ReadonlySet<ActionKind> | undefined): unknown =>
    actions === undefined ? null : [...actions];
  return {
    v: 1,
    quarantines: responses.quarantines.map(({ detector, since }) => [detector, since]),
    approvals: responses.approvals.map(({ detector, left, actions }) => [detector, left, actionsForm(actions)]),
    throttles: responses.throttles.map(({ detector, left, actions, spacing }) => [
      detector,
      left,
      actionsForm(actions),
      spacing,
    ]),
    gauges: gauges.map(({ detector, counting, sum, known, sums, isSeen }) =>
      // Rows as they were have five columns.
      [detector, counting, sum, known, sums, ...(isSeen === undefined ? [] : [isSeen])],
    ),
  };
}

/** Undefined where anything at all is not as `behaviorForm` writes it, or cannot be. */
export function parseBehavior(form: unknown): BehaviorState | undefined {
  if (typeof form !== "object" || form === null || Array.isArray(form)) return undefined;
  const members: { readonly [name: string]: unknown } = { ...form };
  if (Object.keys(members).toSorted().join() !== "approvals,gauges,quarantines,throttles,v") return undefined;
  const quarantines = rowsOf(members["quarantines"], MOST_ENTRIES, 2, ([detector, since]) =>
    isText(detector) && isWhole(since) ? { detector, since } : undefined,
  );
  const approvals = rowsOf(members["approvals"], MOST_ENTRIES, 3, parseLeft);
  const throttles = rowsOf(members["throttles"], MOST_ENTRIES, 4, ([detector, left, actions, spacing]) => {
    const lasting = parseLeft([detector, left, actions]);
    return lasting !== undefined && isWhole(spacing) ? { ...lasting, spacing } : undefined;
  });
  const gauges = rowsOf(members["gauges"], MOST_ENTRIES, [5, 6], parseGauge);
  if (members["v"] !== 1 || quarantines === undefined || approvals === undefined) return undefined;
  if (throttles === undefined || gauges === undefined) return undefined;
  const lists = [quarantines, approvals, throttles, gauges];
  if (!lists.every((list) => isUnique(list.map(({ detector }) => detector)))) return undefined;
  return { responses: { quarantines, approvals, throttles }, gauges };
}

function parseLeft([detector, left, kinds]: readonly unknown[]): ResponsesState["approvals"][number] | undefined {
  const actions = kinds === null ? undefined : parseActions(kinds);
  if (!isText(detector) || !isWhole(left) || (kinds !== null && actions === undefined)) return undefined;
  return { detector, left, actions };
}

function parseActions(value: unknown): ReadonlySet<ActionKind> | undefined {
  if (!Array.isArray(value) || value.length > ACTION_KINDS.length) return undefined;
  const kinds = ACTION_KINDS.filter((kind) => value.includes(kind));
  return kinds.length === value.length ? new Set(kinds) : undefined;
}

function parseGauge(row: readonly unknown[]): BehaviorState["gauges"][number] | undefined {
  const [detector, counting, sumRows, knownRows, sumsRows, isSeen] = row;
  const sum = parseSum(sumRows);
  const known = parseKnown(knownRows);
  const sums = parseSums(sumsRows);
  if (!isText(detector) || !isText(counting)) return undefined;
  if (row.length > 5 && typeof isSeen !== "boolean") return undefined;
  return sum === undefined || known === undefined || sums === undefined
    ? undefined
    : { detector, counting, sum, known, sums, isSeen: typeof isSeen === "boolean" ? isSeen : undefined };
}

function parseSum(value: unknown): SumState | undefined {
  return rowsOf(value, MOST_PARTS, 2, ([age, amount]) =>
    isWhole(age) && isWhole(amount) && age < MOST_PARTS && amount > 0 ? ([age, amount] as const) : undefined,
  );
}

function parseKnown(value: unknown): KnownState | undefined {
  const rows = rowsOf(value, MOST_TARGETS, 2, ([target, age]) =>
    isText(target) && isWhole(age) ? ([target, age] as const) : undefined,
  );
  return rows !== undefined && isUnique(rows.map(([target]) => target)) ? rows : undefined;
}

function parseSums(value: unknown): TargetSumsState | undefined {
  const rows = rowsOf(value, MOST_SUMS + 1, 2, ([target, state]) => {
    const sum = parseSum(state);
    return (target === null || isText(target)) && sum !== undefined ? ([target, sum] as const) : undefined;
  });
  return rows !== undefined && isUnique(rows.map(([target]) => target)) ? rows : undefined;
}

/** Each row of a list, with so many columns, or one of these numbers of them; undefined where one of them, or the list, is something else. */
function rowsOf<Row>(
  value: unknown,
  most: number,
  columns: number | readonly number[],
  parse: (row: readonly unknown[]) => Row | undefined,
): readonly Row[] | undefined {
  if (!Array.isArray(value) || value.length > most) return undefined;
  const lengths = typeof columns === "number" ? [columns] : columns;
  const rows: Row[] = [];
  for (const item of value as readonly unknown[]) {
    const row = Array.isArray(item) && lengths.includes(item.length) ? parse(item) : undefined;
    if (row === undefined) return undefined;
    rows.push(row);
  }
  return rows;
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value.length <= LONGEST_TARGET;
}

function isWhole(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function isUnique(values: readonly unknown[]): boolean {
  return new Set(values).size === values.length;
}
