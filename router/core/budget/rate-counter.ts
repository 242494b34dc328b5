import { type EpochMillis, epochMillis, millis } from "../base/quantity.ts";
import type { RateRule } from "./budget-rule.ts";
import type { BudgetNow } from "./budget-time.ts";
import { SlidingWindow } from "./sliding-window.ts";

const MINUTE = millis(60_000);
/** Nobody knows when an open call ends; this is when it is worth asking again. */
const SOON = 1_000;

/** What one rate rule has admitted in the last minute, or has open. Times are of when a call was admitted. */
export class RateCounter {
  readonly unit: RateRule["unit"];
  readonly #window = new SlidingWindow(MINUTE);
  #open = 0;

  constructor(unit: RateRule["unit"]) {
    this.unit = unit;
  }

  level(now: BudgetNow): number {
    return this.unit === "concurrent" ? this.#open : this.#window.total(now.steady);
  }

  /** Nothing of it is left to remember. */
  idle(now: BudgetNow): boolean {
    return this.#open === 0 && this.level(now) === 0;
  }

  /** How much of the unit a call with so many tokens takes. */
  needs(tokens: number): number {
    return this.unit === "tokens" ? tokens : 1;
  }

  admit(tokens: number, now: BudgetNow): void {
    this.#open += 1;
    if (this.unit !== "concurrent") this.#window.add(this.needs(tokens), now.steady);
  }

  /** A call that was admitted at `at` has ended, with more or fewer tokens than it was admitted for. */
  settle(admitted: number, used: number, at: BudgetNow["steady"], now: BudgetNow): void {
    this.#open -= 1;
    if (this.unit !== "tokens") return;
    if (used > admitted) this.#window.add(used - admitted, now.steady);
    else this.#window.takeBack(admitted - used, at, now.steady);
  }

  /** The call was never made. */
  release(admitted: number, at: BudgetNow["steady"], now: BudgetNow): void {
    this.#open -= 1;
    if (this.unit !== "concurrent") this.#window.takeBack(this.needs(admitted), at, now.steady);
  }

  /** When `amount` will have become free. */
  frees(amount: number, now: BudgetNow): EpochMillis {
    if (this.unit === "concurrent") return epochMillis(now.wall + SOON);
    return epochMillis(now.wall + (this.#window.forgets(amount, now.steady) - now.steady));
  }
}
