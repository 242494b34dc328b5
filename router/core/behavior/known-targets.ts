/** Names with the milliseconds since they were seen last; those not seen for longest first. */
export type KnownState = readonly (readonly [target: string, age: number])[];

/** Names that one detector remembers: with the longest names about 1 MB. */
export const MOST_TARGETS = 2_048;
/** UTF-16 units; a longer name is never known. */
export const LONGEST_TARGET = 256;

/**
 * The targets that were seen within `memory` milliseconds. Where there are too many, those not seen for longest are
 * forgotten: they are new when they come again, so that a flood of names trips a detector and blinds none.
 */
export class KnownTargets {
  readonly #memory: number;
  /** When each was seen last, in that order. */
  readonly #seen = new Map<string, number>();

  constructor(memory: number) {
    this.#memory = memory;
  }

  get size(): number {
    return this.#seen.size;
  }

  /** Whether the target is new; from now on it is not. */
  isNew(target: string, now: number): boolean {
    if (target.length > LONGEST_TARGET) return true;
    const seen = this.#seen.get(target);
    this.#seen.delete(target);
    this.#forget(now);
    this.#seen.set(target, now);
    return seen === undefined || now - seen > this.#memory;
  }

  state(now: number): KnownState {
    return [...this.#seen].map(([target, seen]) => [target, now - seen]);
  }

  /** To be called once, on an empty memory. Rows are in order; no time has passed since. */
  restore(rows: KnownState, now: number): void {
    for (const [target, age] of rows) this.#seen.set(target, now - age);
  }

  #forget(now: number): void {
    for (const [target, seen] of this.#seen) {
      if (now - seen <= this.#memory && this.#seen.size < MOST_TARGETS) return;
      this.#seen.delete(target);
    }
  }
}
