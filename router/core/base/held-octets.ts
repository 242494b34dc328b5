/** Smaller pieces are copied together: a view of one octet costs more than a hundred of them. */
const SMALL = 4 * 1024;
/** The first slab; each further one is twice as long, up to the largest. */
const FIRST = 1024;
const LARGEST = 64 * 1024;
const NOTHING = new Uint8Array(0);

/**
 * Octets that are held until they are whole, however small they came: small pieces are copied into slabs, larger ones are
 * kept as they are where they are nearly all of the memory that they stand in. So it takes its octets, at most a sixth of
 * them more, and the rest of one slab. What is pushed must not be written over.
 */
export class HeldOctets {
  /** How many octets are to come; Infinity where nobody said. */
  readonly #expected: number;
  #full: Uint8Array[] = [];
  #slab = NOTHING;
  /** Of the slab: what is among `#full` already, and what is used. */
  #given = 0;
  #used = 0;
  #length = 0;
  #size = 0;

  constructor(expected = Infinity) {
    this.#expected = expected;
  }

  get length(): number {
    return this.#length;
  }

  /** Its octets and the rest of its slab: no more than were expected, until more than that came. */
  get size(): number {
    return this.#size;
  }

  push(piece: Uint8Array): void {
    if (piece.length === 0) return;
    this.#length += piece.length;
    if (this.#keeps(piece)) {
      this.#cut();
      this.#full.push(piece);
      this.#size += piece.length;
      return;
    }
    for (let from = 0; from < piece.length;) {
      if (this.#used === this.#slab.length) this.#next(piece.length - from);
      const part = piece.subarray(from, from + this.#slab.length - this.#used);
      this.#slab.set(part, this.#used);
      this.#used += part.length;
      from += part.length;
    }
  }

  /** In order, none of them empty; what is held is let go of. */
  take(): readonly Uint8Array[] {
    this.#cut();
    const full = this.#full;
    this.#full = [];
    this.#slab = NOTHING;
    this.#given = 0;
    this.#used = 0;
    this.#length = 0;
    this.#size = 0;
    return full;
  }

  #keeps(piece: Uint8Array): boolean {
    const { length } = piece;
    const around = piece.buffer.byteLength - length;
    // All of it in one piece is one view, often of the read that its head came in.
    if (length === this.#length && length >= this.#expected) return around <= SMALL;
    const spare = this.#slab.length - this.#used;
    return length >= SMALL && 8 * around <= length && spare <= this.#expected - this.#length;
  }

  /** What is in the slab goes before what comes next; the rest of the slab is for what comes after that. */
  #cut(): void {
    if (this.#used > this.#given) this.#full.push(this.#slab.subarray(this.#given, this.#used));
    this.#given = this.#used;
  }

  /** `rest`: of the piece that is being pushed, and counted in `#length`. */
  #next(rest: number): void {
    this.#cut();
    const toCome = Math.max(rest, this.#expected - this.#length + rest);
    this.#slab = new Uint8Array(Math.min(LARGEST, toCome, Math.max(FIRST, rest, 2 * this.#slab.length)));
    this.#size += this.#slab.length;
    this.#given = 0;
    this.#used = 0;
  }
}
