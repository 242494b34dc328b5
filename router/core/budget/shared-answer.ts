import { type EpochMillis, epochMillis } from "../base/quantity.ts";
import { isWhole } from "./ledger-state.ts";

/** One counter, as the server said. */
export interface SharedCount {
  /** Undefined: what the server holds is no count, and nothing may be admitted by it. */
  readonly used: number | undefined;
  readonly reserved: number;
  /** By the server's clock; of a refusal when there would be room, and undefined where never. */
  readonly resetAt: EpochMillis | undefined;
}

export type ReserveAnswer =
  | {
      readonly kind: "admitted";
      readonly now: EpochMillis;
      readonly output: number;
      /** The number of the rule, from 0, that made it less than what was asked for. */
      readonly clamp: number | undefined;
      readonly tokens: number;
      readonly cost: number;
      readonly counts: readonly SharedCount[];
    }
  | { readonly kind: "refused"; readonly now: EpochMillis; readonly counts: readonly SharedCount[] }
  | { readonly kind: "late"; readonly now: EpochMillis }
  | { readonly kind: "damaged"; readonly now: EpochMillis; readonly rule: number };

export interface CountsAnswer {
  readonly now: EpochMillis;
  readonly counts: readonly SharedCount[];
}

/** Undefined where it is anything but an answer to the reservation with this id, over so many rules and so much output. */
export function readReserve(answer: unknown, id: string, rules: number, output: number): ReserveAnswer | undefined {
  const read = readHead(answer, id);
  if (read === undefined) return undefined;
  const { word, now, rest } = read;
  switch (word) {
    case "ok": {
      const [cap, clamp, tokens, cost, ...rows] = rest;
      const counts = readRows(rows, rules);
      if (!isWhole(cap) || cap > output || !isWhole(clamp) || clamp > rules) return undefined;
      if (!isWhole(tokens) || !isWhole(cost) || counts === undefined) return undefined;
      // Less than all, and nobody's doing, or the other way around.
      if (cap < output !== clamp > 0 || counts.some(({ used }) => used === undefined)) return undefined;
      return { kind: "admitted", now, output: cap, clamp: clamp === 0 ? undefined : clamp - 1, tokens, cost, counts };
    }
    case "no": {
      const counts = readRows(rest, rules);
      return counts === undefined ? undefined : { kind: "refused", now, counts };
    }
    case "late":
      return rest.length === 0 ? { kind: "late", now } : undefined;
    case "damaged": {
      const [number] = rest;
      if (rest.length !== 1 || !isWhole(number) || number < 1 || number > rules) return undefined;
      return { kind: "damaged", now, rule: number - 1 };
    }
    default:
      return undefined;
  }
}

/** The same for SETTLE, RELEASE and CHARGE. */
export function readEnded(answer: unknown, id: string, rules: number): CountsAnswer | undefined {
  const read = readHead(answer, id);
  if (read?.word !== "ok") return undefined;
  const [count, ...rows] = read.rest;
  const counts = readRows(rows, rules);
  return counts === undefined || !isWhole(count) || count > rules ? undefined : { now: read.now, counts };
}

/** The same for LOOK. */
export function readLook(answer: unknown, id: string, rules: number): CountsAnswer | undefined {
  const read = readHead(answer, id);
  const counts = read?.word === "ok" ? readRows(read.rest, rules) : undefined;
  return read === undefined || counts === undefined ? undefined : { now: read.now, counts };
}

function readHead(answer: unknown, id: string) {
  if (!Array.isArray(answer)) return undefined;
  const [word, named, now, ...rest] = answer as readonly unknown[];
  // An answer to another request would be an admission of another call.
  if (named !== id || !isWhole(now)) return undefined;
  return { word, now: epochMillis(now), rest };
}

function readRows(rows: readonly unknown[], rules: number): readonly SharedCount[] | undefined {
  if (rows.length !== rules * 3) return undefined;
  const counts: SharedCount[] = [];
  for (let at = 0; at < rows.length; at += 3) {
    const [used, reserved, again] = rows.slice(at, at + 3);
    if (used === -1 && reserved === -1 && again === 0) {
      counts.push({ used: undefined, reserved: 0, resetAt: undefined });
      continue;
    }
    if (!isWhole(used) || !isWhole(reserved) || !isWhole(again)) return undefined;
    counts.push({ used, reserved, resetAt: again === 0 ? undefined : epochMillis(again) });
  }
  return counts;
}
