import { type EpochMillis, millis } from "../base/quantity.ts";
import { assertNever } from "../base/assert-never.ts";
import { Budgets } from "./budgets.ts";
import type { BudgetNow, ClockAnchor } from "./budget-time.ts";
import { LEDGER_VERSION, type LedgerEntry, parseEntry, versionOf } from "./ledger-entry.ts";

/** Where a ledger ended. */
export interface Replayed {
  readonly budgets: Budgets;
  readonly anchor: ClockAnchor;
  /** Budget time of the last entry. */
  readonly wall: EpochMillis;
}

/**
 * Reads a ledger again, entry by entry, into the budgets that wrote it. Nothing is skipped: an entry that cannot follow
 * the ones before it is a damage, and says why in a phrase without a full stop.
 */
export class Replay {
  #replayed: Replayed | undefined;

  /** Undefined before the first entry. */
  get replayed(): Replayed | undefined {
    return this.#replayed;
  }

  /** Undefined where the entry was taken; else what is wrong with it. */
  apply(text: string): string | undefined {
    const entry = parseEntry(text);
    if (this.#replayed === undefined) return this.#begin(text, entry);
    if (entry === undefined) return "it is no ledger entry";
    if (entry.kind === "ledger") return "a ledger begins within another";
    const last = this.#replayed;
    const began = entry.kind === "clock" ? entry.from : entry.wall;
    if (began < last.wall) return "it is earlier than the entry before it";
    return this.#follow(entry, last, timeAt(last.anchor, began));
  }

  #begin(text: string, entry: LedgerEntry | undefined): string | undefined {
    if (entry?.kind !== "ledger") {
      const version = versionOf(text);
      return version === undefined || version === LEDGER_VERSION
        ? "it does not begin a ledger"
        : `its version is ${version}, and this router knows only ${LEDGER_VERSION}`;
    }
    const { wall, anchor, policy, state } = entry;
    this.#replayed = { budgets: new Budgets(policy, timeAt(anchor, wall), state), anchor, wall };
    return undefined;
  }

  #follow(entry: Exclude<LedgerEntry, { kind: "ledger" }>, last: Replayed, now: BudgetNow): string | undefined {
    const { budgets, anchor } = last;
    const { wall } = entry;
    this.#replayed = { budgets, anchor, wall };
    switch (entry.kind) {
      case "reserve": {
        const reserved = budgets.readmit(entry.id, entry.model, entry.tokens, entry.cost, now);
        return reserved === undefined ? `call ${entry.id} cannot be reserved` : undefined;
      }
      case "settle":
        return budgets.settle(entry.id, entry, now) === undefined ? `call ${entry.id} is not open` : undefined;
      case "release":
        return budgets.release(entry.id, now) === undefined ? `call ${entry.id} is not open` : undefined;
      case "policy":
        budgets.reconfigure(entry.policy, now);
        return undefined;
      case "clock":
        if (entry.anchor.steady !== now.steady || entry.anchor.wall !== wall) return "its clock does not go on";
        if (entry.from !== wall) budgets.carry({ from: entry.from, to: wall }, { wall, steady: now.steady });
        this.#replayed = { budgets, anchor: entry.anchor, wall };
        return undefined;
      default:
        return assertNever(entry);
    }
  }
}

function timeAt(anchor: ClockAnchor, wall: EpochMillis): BudgetNow {
  return { wall, steady: millis(anchor.steady + (wall - anchor.wall)) };
}
