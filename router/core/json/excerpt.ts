import { textOf } from "./utf8.ts";

/**
 * A stretch of a text that comes in chunks. Of the chunks before the last one it keeps copies, since whoever gives them may use
 * them again; how long a stretch may get is for the caller to bound. Offsets count octets from the beginning of the text, and
 * `base` is that of a chunk.
 */
export class Excerpt {
  /** Where it begins; -1 while there is none. */
  #at = -1;
  #kept = NOTHING;
  #length = 0;

  begin(at: number): void {
    this.#at = at;
    this.#length = 0;
  }

  /** There is none any more. */
  drop(): void {
    this.#at = -1;
  }

  get at(): number {
    return this.#at;
  }

  get isOpen(): boolean {
    return this.#at !== -1;
  }

  /** Copies what a chunk has of it up to before its octet `end`. */
  keep(chunk: Uint8Array, base: number, end: number): void {
    const from = Math.max(0, this.#at - base);
    const needed = this.#length + end - from;
    if (needed > this.#kept.length) {
      const grown = new Uint8Array(Math.max(needed, 2 * this.#kept.length));
      grown.set(this.#kept.subarray(0, this.#length));
      this.#kept = grown;
    }
    this.#kept.set(chunk.subarray(from, end), this.#length);
    this.#length = needed;
  }

  /** Its whole text, when it ends before the octet `end` of a chunk; from then on there is none. */
  finish(chunk: Uint8Array, base: number, end: number): string {
    const begin = this.#at - base;
    if (begin < 0) this.keep(chunk, base, end);
    const text = begin < 0 ? textOf(this.#kept, 0, this.#length) : textOf(chunk, begin, end);
    this.drop();
    return text;
  }
}

const NOTHING = new Uint8Array(0);
