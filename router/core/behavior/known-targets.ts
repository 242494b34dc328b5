/** Names with the milliseconds since they were seen last. */
export type KnownState = readonly (readonly [target: string, age: number])[];

/** Names that one detector remembers, the last 1,024 at least: with the longest names about 1 MB. */
export const MOST_TARGETS = 2_048;
const GENERATION = MOST_TARGETS / 2;
/** UTF-16 units; a longer name is never known. */
export const LONGEST_TARGET = 256;

/**
 * The targets that were seen within `memory` milliseconds. Where there are too many, those not seen for longest are
 * forgotten, half of all at once: they are new when they come again, so that a flood of names trips a detector and blinds
 * none.
 */
export class KnownTargets {
  readonly #memory: number;
  /** When each was seen last. What was not seen since a generation began is in the one before, or forgotten. */
  #seen = new Map<string, number>();
  #before: ReadonlyMap<string, number> = new Map();

  constructor(memory: number) {
    this.#memory = memory;
  }

  /** Whether the target is new; from now on it is not. */
  isNew(target: string, now: number): boolean {
    if (target.length > LONGEST_TARGET) return true;
    const seen = this.#seen.get(target) ?? this.#before.get(target);
    this.#put(target, now);
    return seen === undefined || now - seen > this.#memory;
  }

  state(now: number): KnownState {
    return [...new Map([...this.#before, ...this.#seen])].map(([target, seen]) => [target, now - seen]);
  }

  /** To be called once, on an empty memory. Rows are in the order in which they were saved; no time has passed since. */
  restore(rows: KnownState, now: number): void {
    for (const [target, age] of rows) this.#put(target, now - age);
  }

  #put(target: string, seen: number): void {
    this.#seen.set(target, seen);
    if (this.#seen.size < GENERATION) return;
    this.#before = this.#seen;
    this.#seen = new Map();
  }
}
