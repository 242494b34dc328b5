import { LONGEST_TARGET } from "./known-targets.ts";
import { SlidingSum, type SumState } from "./sliding-sum.ts";

/** `null` stands for the targets that have no sum of their own. */
export type TargetSumsState = readonly (readonly [target: string | null, rows: SumState])[];

/** Targets with a sum of their own in one detector: about 1 MB. */
export const MOST_SUMS = 1_024;
/** Sums that are looked at for an empty one, for one new target. */
const SEARCH = 8;

/**
 * A sliding sum for each target; further targets share one once there are too many. A new target begins with what the
 * shared sum holds, since that may have been its own: whoever spreads over many names reaches the bound earlier, not later.
 */
export class TargetSums {
  readonly #length: number;
  readonly #shared: SlidingSum;
  readonly #sums = new Map<string, SlidingSum>();
  #hand = this.#sums.entries();

  constructor(length: number) {
    this.#length = length;
    this.#shared = new SlidingSum(length);
  }

  get size(): number {
    return this.#sums.size;
  }

  /** Adds, and returns the sum of the target. */
  add(target: string, amount: number, now: number): number {
    const sum = this.#sums.get(target) ?? this.#begin(target, now);
    sum.add(amount, now);
    return sum.total(now);
  }

  state(now: number): TargetSumsState {
    const all: readonly (readonly [string | null, SlidingSum])[] = [[null, this.#shared], ...this.#sums];
    return all.map(([target, sum]) => [target, sum.state(now)] as const).filter(([, rows]) => rows.length > 0);
  }

  /** To be called once, on empty sums. No time has passed since. */
  restore(rows: TargetSumsState, now: number): void {
    for (const [target, state] of rows) {
      const sum = target === null ? this.#shared : new SlidingSum(this.#length);
      sum.restore(state, now);
      if (target !== null) this.#sums.set(target, sum);
    }
  }

  #begin(target: string, now: number): SlidingSum {
    if (target.length > LONGEST_TARGET || !this.#hasRoom(now)) return this.#shared;
    const sum = new SlidingSum(this.#length);
    sum.restore(this.#shared.state(now), now);
    this.#sums.set(target, sum);
    return sum;
  }

  #hasRoom(now: number): boolean {
    if (this.#sums.size < MOST_SUMS) return true;
    for (let step = 0; step < SEARCH; step += 1) {
      const next = this.#hand.next();
      if (next.done === true) {
        this.#hand = this.#sums.entries();
        continue;
      }
      const [target, sum] = next.value;
      if (sum.total(now) > 0) continue;
      this.#sums.delete(target);
      return true;
    }
    return false;
  }
}
