import { begunForm, findsForm, type LeakPattern } from "./leak-pattern.ts";

const NOTHING = new Uint8Array(0);

/** Looks for secrets in a stream of octets, split anywhere. It keeps no chunk. */
export class LeakScan {
  readonly #pattern: LeakPattern;
  #found = false;
  /** The end of what came so far, as far as a form begins with it: a view of that form. */
  #begun: Uint8Array = NOTHING;

  constructor(pattern: LeakPattern) {
    this.#pattern = pattern;
  }

  /** True: a secret stands in what came so far, possibly across the border of chunks. It stays true. */
  push(chunk: Uint8Array): boolean {
    if (this.#found || this.#pattern.longest === 0) return this.#found;
    this.#found = this.#look(chunk);
    return this.#found;
  }

  /**
   * The end of what came so far that may become a secret, as a copy in other memory than the chunk's: what must not go
   * out yet. Mostly empty; always shorter than the longest form.
   */
  get begun(): Uint8Array {
    return this.#begun;
  }

  #look(chunk: Uint8Array): boolean {
    const pattern = this.#pattern;
    const before = this.#begun;
    if (before.length > 0) {
      // A find that spans the border begins within `before` and ends within so many octets.
      const joined = new Uint8Array(before.length + Math.min(chunk.length, pattern.longest - 1));
      joined.set(before);
      joined.set(chunk.subarray(0, joined.length - before.length), before.length);
      if (findsForm(pattern, joined)) return true;
      if (joined.length === before.length + chunk.length) {
        this.#begun = begunForm(pattern, joined) ?? NOTHING;
        return false;
      }
    }
    if (findsForm(pattern, chunk)) return true;
    this.#begun = begunForm(pattern, chunk) ?? NOTHING;
    return false;
  }
}
