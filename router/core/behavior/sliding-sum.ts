const PARTS = 60;

/** Amounts with the number of sub-windows that have begun since theirs; oldest first, none of them 0. */
export type SumState = readonly (readonly [age: number, amount: number])[];

/**
 * The sum of what was added in the last `length` milliseconds, in 60 whole sub-windows and the one in progress, however
 * much is added. An amount counts for its whole length, and for less than one sub-window (a sixtieth) longer. Time is whole
 * milliseconds and never goes back. Sums end at 2^53-1.
 */
export class SlidingSum {
  readonly #width: number;
  readonly #count: number;
  /** By sub-window number modulo their count; made at the first addition. */
  #parts: Float64Array | undefined;
  #current = 0;
  #total = 0;

  constructor(length: number) {
    this.#width = Math.max(1, Math.ceil(length / PARTS));
    this.#count = Math.ceil(length / this.#width) + 1;
  }

  add(amount: number, now: number): void {
    this.#advance(now);
    this.#put(this.#current, amount);
  }

  total(now: number): number {
    this.#advance(now);
    return this.#total;
  }

  clear(): void {
    this.#parts?.fill(0);
    this.#total = 0;
  }

  state(now: number): SumState {
    this.#advance(now);
    const rows: (readonly [number, number])[] = [];
    for (let age = this.#count - 1; age >= 0; age -= 1) {
      const amount = this.#parts?.[this.#index(this.#current - age)] ?? 0;
      if (amount > 0) rows.push([age, amount]);
    }
    return rows;
  }

  /** Adds what another sum of this length held. No time has passed since. */
  restore(rows: SumState, now: number): void {
    this.#advance(now);
    for (const [age, amount] of rows) if (age < this.#count) this.#put(this.#current - age, amount);
  }

  #put(part: number, amount: number): void {
    this.#parts ??= new Float64Array(this.#count);
    const index = this.#index(part);
    this.#parts[index] = Math.min((this.#parts[index] ?? 0) + amount, Number.MAX_SAFE_INTEGER);
    this.#total = Math.min(this.#total + amount, Number.MAX_SAFE_INTEGER);
  }

  #advance(now: number): void {
    const part = Math.floor(now / this.#width);
    const steps = Math.min(part - this.#current, this.#count);
    if (steps <= 0) return;
    this.#current = part;
    if (this.#parts === undefined || this.#total === 0) return;
    for (let passed = part - steps + 1; passed <= part; passed += 1) this.#parts[this.#index(passed)] = 0;
    // Anew each time: a sum that was cut off at 2^53-1 cannot be subtracted from.
    this.#total = Math.min(
      this.#parts.reduce((sum, amount) => sum + amount, 0),
      Number.MAX_SAFE_INTEGER,
    );
  }

  #index(part: number): number {
    const rest = part % this.#count;
    return rest < 0 ? rest + this.#count : rest;
  }
}
