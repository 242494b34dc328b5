/** One value of a metric family. */
export interface Series {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Counts by a closed list of keys, each of which has its series from the start. */
export class Tally<Key extends string> {
  readonly #counts: Map<Key, number>;

  constructor(keys: readonly Key[]) {
    this.#counts = new Map(keys.map((key) => [key, 0]));
  }

  /** A key that is not of the list is not counted: nobody can make a series. */
  add(key: Key, more = 1): void {
    const soFar = this.#counts.get(key);
    if (soFar !== undefined) this.#counts.set(key, soFar + more);
  }

  series(labels: (key: Key) => Readonly<Record<string, string>>): readonly Series[] {
    return [...this.#counts].map(([key, value]) => ({ labels: labels(key), value }));
  }
}
