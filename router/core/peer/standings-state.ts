import { MOST_MOVES, type MoveState } from "./hourly-moves.ts";
import { type Tier, TIER_BOUNDS } from "./trust.ts";

/** What of a peer's standing must outlive a restart. */
export interface StandingState {
  readonly peer: string;
  /** In thousandths of a point. */
  readonly fine: number;
  /** Milliseconds for which decay has not been counted yet, less than an hour. */
  readonly age: number;
  readonly told: Tier | undefined;
  readonly moves: MoveState;
}

/** Peers of a policy, and those that earlier ones had. */
export const MOST_STANDINGS = 1_024;
const HIGHEST = 1_000_000;
const HOUR = 3_600_000;
const ID = /^[A-Za-z0-9._-]{1,63}$/;

/** Plain JSON: `{v: 1, peers: [[id, thousandths of a point, age, tier, [[minutes ago, up, down], ...]], ...]}`. */
export function standingsForm(standings: readonly StandingState[]): unknown {
  return {
    v: 1,
    peers: standings.map(({ peer, fine, age, told, moves }) => [peer, fine, age, told ?? null, moves]),
  };
}

/** Undefined where anything at all is not as `standingsForm` writes it, or cannot be. */
export function parseStandings(form: unknown): readonly StandingState[] | undefined {
  if (typeof form !== "object" || form === null || Array.isArray(form)) return undefined;
  const members: { readonly [name: string]: unknown } = { ...form };
  if (Object.keys(members).toSorted().join() !== "peers,v" || members["v"] !== 1) return undefined;
  const standings = rowsOf(members["peers"], MOST_STANDINGS, 5, parseStanding);
  if (standings === undefined) return undefined;
  return new Set(standings.map(({ peer }) => peer)).size === standings.length ? standings : undefined;
}

function parseStanding([peer, fine, age, tier, rows]: readonly unknown[]): StandingState | undefined {
  const told = TIER_BOUNDS.find(([name]) => name === tier)?.[0];
  const moves = rowsOf(rows, MOST_MOVES, 3, ([minutes, up, down]) =>
    isWhole(minutes, MOST_MOVES - 1) && isWhole(up, HIGHEST) && isWhole(down, HIGHEST)
      ? ([minutes, up, down] as const)
      : undefined,
  );
  if (typeof peer !== "string" || !ID.test(peer) || moves === undefined) return undefined;
  if (!isWhole(fine, HIGHEST) || !isWhole(age, HOUR - 1) || (told === undefined && tier !== null)) return undefined;
  if (new Set(moves.map(([minutes]) => minutes)).size !== moves.length) return undefined;
  return { peer, fine, age, told, moves };
}

/** Each row of a list, with so many columns; undefined where one of them, or the list, is something else. */
function rowsOf<Row>(
  value: unknown,
  most: number,
  columns: number,
  parse: (row: readonly unknown[]) => Row | undefined,
): readonly Row[] | undefined {
  if (!Array.isArray(value) || value.length > most) return undefined;
  const rows: Row[] = [];
  for (const item of value as readonly unknown[]) {
    const row = Array.isArray(item) && item.length === columns ? parse(item) : undefined;
    if (row === undefined) return undefined;
    rows.push(row);
  }
  return rows;
}

function isWhole(value: unknown, most: number): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 && value <= most;
}
