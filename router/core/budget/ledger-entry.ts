import { epochMillis, type EpochMillis, millis } from "../base/quantity.ts";
import type { BudgetPolicy } from "./budget-plan.ts";
import type { Reservation, Settled } from "./budgets.ts";
import type { ClockAnchor, ClockStep } from "./budget-time.ts";
import { type BudgetState, isTime, isWhole, parsePolicy, parseState, policyForm, stateForm } from "./ledger-state.ts";

/** Raised when a line's meaning changes; another version is never guessed at. */
export const LEDGER_VERSION = 1;

/** One line of the ledger. `wall` is budget time, never less than on the line before, but for a step's. */
export type LedgerEntry =
  /** The first line, and no other: all that was known when the file was begun. */
  | {
      readonly kind: "ledger";
      readonly wall: EpochMillis;
      readonly anchor: ClockAnchor;
      readonly policy: BudgetPolicy;
      readonly state: BudgetState;
    }
  | {
      readonly kind: "reserve";
      readonly wall: EpochMillis;
      readonly id: number;
      readonly model: string;
      readonly tokens: number;
      readonly cost: number;
    }
  | {
      readonly kind: "settle";
      readonly wall: EpochMillis;
      readonly id: number;
      readonly tokens: number;
      readonly cost: number;
      readonly estimated: boolean;
    }
  | { readonly kind: "release"; readonly wall: EpochMillis; readonly id: number }
  /** A new anchor; with a step where `from` is not `wall`. */
  | { readonly kind: "clock"; readonly wall: EpochMillis; readonly from: EpochMillis; readonly anchor: ClockAnchor }
  | { readonly kind: "policy"; readonly wall: EpochMillis; readonly policy: BudgetPolicy };

/*
 * An entry's text is a JSON array without its closing bracket, in ASCII: the line's checksum becomes its last item.
 */

export function firstText(wall: EpochMillis, anchor: ClockAnchor, policy: BudgetPolicy, state: BudgetState): string {
  return openText(["ledger", LEDGER_VERSION, wall, ...anchorForm(anchor), policyForm(policy), stateForm(state)]);
}

/** The texts of reservations; the quoted name of the last model is kept, since a pod asks few. */
export function createReserveText(): (wall: EpochMillis, reservation: Reservation) => string {
  let last: string | undefined;
  let quoted = "";
  return (wall, { id, model, tokens, cost }) => {
    if (model !== last) {
      last = model;
      quoted = ascii(JSON.stringify(model));
    }
    return `["reserve",${wall},${id},${quoted},${tokens},${cost}`;
  };
}

export function settleText(wall: EpochMillis, { reservation, tokens, cost, estimated }: Settled): string {
  return `["settle",${wall},${reservation.id},${tokens},${cost},${estimated}`;
}

export function releaseText(wall: EpochMillis, { id }: Reservation): string {
  return `["release",${wall},${id}`;
}

export function clockText(wall: EpochMillis, step: ClockStep | undefined, anchor: ClockAnchor): string {
  return openText(["clock", wall, step?.from ?? wall, ...anchorForm(anchor)]);
}

export function policyText(wall: EpochMillis, policy: BudgetPolicy): string {
  return openText(["policy", wall, policyForm(policy)]);
}

/** The entry that a text (without its closing bracket) is; undefined for anything that no writer here writes. */
export function parseEntry(text: string): LedgerEntry | undefined {
  const items = parseItems(text);
  switch (items?.[0]) {
    case "ledger":
      return parseFirst(items);
    case "reserve": {
      const [, wall, id, model, tokens, cost] = items;
      if (items.length !== 6 || !isTime(wall) || !isWhole(id) || typeof model !== "string") return undefined;
      if (!isWhole(tokens) || !isWhole(cost)) return undefined;
      return { kind: "reserve", wall: epochMillis(wall), id, model, tokens, cost };
    }
    case "settle": {
      const [, wall, id, tokens, cost, estimated] = items;
      if (items.length !== 6 || !isTime(wall) || !isWhole(id) || typeof estimated !== "boolean") return undefined;
      if (!isWhole(tokens) || !isWhole(cost)) return undefined;
      return { kind: "settle", wall: epochMillis(wall), id, tokens, cost, estimated };
    }
    case "release": {
      const [, wall, id] = items;
      if (items.length !== 3 || !isTime(wall) || !isWhole(id)) return undefined;
      return { kind: "release", wall: epochMillis(wall), id };
    }
    case "clock": {
      const [, wall, from, ...rest] = items;
      const anchor = parseAnchor(rest);
      if (!isTime(wall) || !isTime(from) || anchor === undefined) return undefined;
      return { kind: "clock", wall: epochMillis(wall), from: epochMillis(from), anchor };
    }
    case "policy": {
      const [, wall, form] = items;
      const policy = parsePolicy(form);
      if (items.length !== 3 || !isTime(wall) || policy === undefined) return undefined;
      return { kind: "policy", wall: epochMillis(wall), policy };
    }
    default:
      return undefined;
  }
}

/** The version of a first line, whatever else is in it. */
export function versionOf(text: string): number | undefined {
  const items = parseItems(text);
  return items?.[0] === "ledger" && isWhole(items[1]) ? items[1] : undefined;
}

function parseFirst(items: readonly unknown[]): LedgerEntry | undefined {
  const [, version, wall, anchorWall, steady, uptime, boot, policyOf, stateOf] = items;
  const anchor = parseAnchor([anchorWall, steady, uptime, boot]);
  const policy = parsePolicy(policyOf);
  const state = parseState(stateOf);
  if (items.length !== 9 || version !== LEDGER_VERSION || !isTime(wall) || anchor === undefined) return undefined;
  if (policy === undefined || state === undefined || wall < anchor.wall) return undefined;
  return { kind: "ledger", wall: epochMillis(wall), anchor, policy, state };
}

function anchorForm({ wall, steady, uptime, boot }: ClockAnchor): readonly unknown[] {
  return [wall, steady, uptime, boot];
}

function parseAnchor(items: readonly unknown[]): ClockAnchor | undefined {
  const [wall, steady, uptime, boot] = items;
  if (items.length !== 4 || !isTime(wall) || !isWhole(steady) || !isWhole(uptime)) return undefined;
  return typeof boot === "string"
    ? { wall: epochMillis(wall), steady: millis(steady), uptime: millis(uptime), boot }
    : undefined;
}

function parseItems(text: string): readonly unknown[] | undefined {
  try {
    const items: unknown = JSON.parse(`${text}]`);
    return Array.isArray(items) ? items : undefined;
  } catch {
    return undefined;
  }
}

function openText(items: readonly unknown[]): string {
  return ascii(JSON.stringify(items).slice(0, -1));
}

/** One octet a character, so that a line's length is its text's. */
function ascii(json: string): string {
  return json.replaceAll(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
