import { type Millis, millis } from "../base/quantity.ts";
import { saturated } from "./amount.ts";

const PARTS = 60;

/** Slot numbers and amounts, without those that are 0: as the ledger keeps it. */
export type SlidingState = readonly (readonly [slot: number, amount: number])[];

/**
 * The sum of what was added in the last `length` milliseconds, in at most 60 whole slots and the one in progress. Nothing
 * is forgotten early: an amount counts for its whole length, and for less than two slots longer. Time is steady time.
 */
export class SlidingWindow {
  readonly #width: number;
  readonly #count: number;
  /** By slot number modulo their count; made at the first addition. */
  #slots: Float64Array | undefined;
  #slot = 0;
  #total = 0;

  constructor(length: Millis) {
    this.#width = Math.max(1, Math.ceil(length / PARTS));
    this.#count = Math.ceil(length / this.#width) + 1;
  }

  total(now: Millis): number {
    this.#advance(now);
    return this.#total;
  }

  add(amount: number, now: Millis): void {
    this.#advance(now);
    this.#slots ??= new Float64Array(this.#count);
    const index = this.#slot % this.#count;
    this.#slots[index] = saturated((this.#slots[index] ?? 0) + amount);
    this.#total = saturated(this.#total + amount);
  }

  /** Takes back what was added at `at`, as far as it is not forgotten yet. */
  takeBack(amount: number, at: Millis, now: Millis): void {
    this.#advance(now);
    const slot = Math.floor(at / this.#width);
    if (this.#slots === undefined || slot > this.#slot || slot <= this.#slot - this.#count) return;
    const index = slot % this.#count;
    this.#slots[index] = Math.max(0, (this.#slots[index] ?? 0) - amount);
    this.#sum();
  }

  /** When at least `amount` of the total will have been forgotten; of more than the total: when all of it will. */
  forgets(amount: number, now: Millis): Millis {
    this.#advance(now);
    let free = 0;
    let at: number = now;
    for (let slot = this.#oldest(); slot <= this.#slot && free < amount; slot += 1) {
      const held = this.#slots?.[slot % this.#count] ?? 0;
      if (held === 0) continue;
      free += held;
      at = (slot + this.#count) * this.#width;
    }
    return millis(at);
  }

  state(now: Millis): SlidingState {
    this.#advance(now);
    const rows: (readonly [number, number])[] = [];
    for (let slot = this.#oldest(); slot <= this.#slot; slot += 1) {
      const amount = this.#slots?.[slot % this.#count] ?? 0;
      if (amount > 0) rows.push([slot, amount]);
    }
    return rows;
  }

  /** To be called once, on a new window. Rows must be in order; those of times to come count from `now` on. */
  restore(rows: SlidingState, now: Millis): void {
    for (const [slot, amount] of rows) this.add(amount, millis(Math.min(slot * this.#width, now)));
  }

  #oldest(): number {
    return Math.max(0, this.#slot - this.#count + 1);
  }

  #advance(now: Millis): void {
    const slot = Math.floor(now / this.#width);
    const steps = slot - this.#slot;
    if (steps <= 0) return;
    this.#slot = slot;
    if (this.#slots === undefined || this.#total === 0) return;
    if (steps >= this.#count) {
      this.#slots.fill(0);
      this.#total = 0;
      return;
    }
    for (let passed = slot - steps + 1; passed <= slot; passed += 1) this.#slots[passed % this.#count] = 0;
    this.#sum();
  }

  /** Anew each time: a total that was cut off at 2^53-1 cannot be subtracted from. */
  #sum(): void {
    let total = 0;
    for (const amount of this.#slots ?? []) total += amount;
    this.#total = saturated(total);
  }
}
