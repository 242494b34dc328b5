const BUCKETS = 256;

/** What is under way, found by its number: whole and not negative, mostly counted up. For why it is no Map, see `Roster`. */
export class Numbered<Item extends { readonly id: number }> {
  readonly #buckets: readonly Item[][] = Array.from({ length: BUCKETS }, () => []);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Its number must not be in here yet. */
  add(item: Item): void {
    const bucket = this.#buckets[item.id % BUCKETS];
    if (bucket === undefined) throw new RangeError("nothing is counted by such a number");
    bucket.push(item);
    this.#size += 1;
  }

  /** Takes it out; undefined where no such number is in here. */
  take(id: number): Item | undefined {
    const bucket = this.#buckets[id % BUCKETS] ?? [];
    const at = bucket.findIndex((item) => item.id === id);
    const item = bucket[at];
    if (item === undefined) return undefined;
    const last = bucket.pop();
    if (last !== undefined && last !== item) bucket[at] = last;
    this.#size -= 1;
    return item;
  }

  /** In the order of their numbers. */
  all(): readonly Item[] {
    return this.#buckets.flat().toSorted((one, other) => one.id - other.id);
  }
}
