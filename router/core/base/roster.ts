/** What can be in a roster: in one at a time. */
export interface Seated {
  /** Its roster's own; any number before it is added. */
  seat: number;
}

/**
 * What is under way: it comes, is gone through now and then, and goes, each in constant time. In an array, because a Set or
 * a Map that lives long makes garbage of what passes through it dear: each table it has outgrown, once V8 has moved it to the
 * old generation, keeps the next one and what was in it until a major collection. Measured with 64 calls under way: every object
 * of every call ended in the old generation, and major collections took place four times a second.
 */
export class Roster<Item extends Seated> {
  /** Never shortened: what is cut off an array and grown again is such a table too. */
  readonly #seats: (Item | undefined)[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(item: Item): void {
    item.seat = this.#size;
    this.#seats[this.#size] = item;
    this.#size += 1;
  }

  has(item: Item): boolean {
    return this.#seats[item.seat] === item;
  }

  /** Without effect where it is not in here. */
  remove(item: Item): void {
    if (!this.has(item)) return;
    this.#size -= 1;
    const last = this.#seats[this.#size];
    this.#seats[this.#size] = undefined;
    if (last === undefined || last === item) return;
    last.seat = item.seat;
    this.#seats[item.seat] = last;
  }

  /** Those in here now, in no order; who comes or goes meanwhile changes nothing of the list. */
  all(): readonly Item[] {
    return this.#seats.slice(0, this.#size).filter((item) => item !== undefined);
  }
}
