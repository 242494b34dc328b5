import { hasEscape, placeBefore, unescaped } from "./json-escapes.ts";
import { begunForm, findsForm, type LeakPattern } from "./leak-pattern.ts";

const NOTHING = new Uint8Array(0);
const BACKSLASH = 0x5c;

/**
 * Looks for secrets in a stream of octets, split anywhere: as they stand, and, where there are backslashes, as what they
 * stand for in JSON (`unescaped`). It keeps no chunk.
 */
export class LeakScan {
  readonly #pattern: LeakPattern;
  #found = false;
  /** The end of what came so far, as far as a form begins with it. */
  #begun: Uint8Array = NOTHING;
  #part: Uint8Array = NOTHING;
  #hasEscapes = false;

  constructor(pattern: LeakPattern) {
    this.#pattern = pattern;
  }

  /** True: a secret stands in what came so far, possibly across the border of chunks. It stays true. */
  push(chunk: Uint8Array): boolean {
    if (this.#found || this.#pattern.longest === 0) return this.#found;
    this.#found =
      this.#hasEscapes || hasEscape(chunk, this.#pattern.escaped) ? this.#lookThrough(chunk) : this.#look(chunk);
    return this.#found;
  }

  /**
   * The end of what came so far that may become a secret, as a copy in other memory than the chunk's: what must not go
   * out yet. Mostly empty; always shorter than the longest form with each of its octets escaped (`LONGEST_ESCAPE`).
   */
  get begun(): Uint8Array {
    return this.#begun;
  }

  /** Of the form that `begun` begins with: so many of its octets, without escapes and without one that is cut. */
  get part(): Uint8Array {
    return this.#part;
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
        this.#part = this.#begun = begunForm(pattern, joined) ?? NOTHING;
        return false;
      }
    }
    if (findsForm(pattern, chunk)) return true;
    this.#part = this.#begun = begunForm(pattern, chunk) ?? NOTHING;
    return false;
  }

  /** The same where there are escapes: in what waits, or in the chunk. */
  #lookThrough(chunk: Uint8Array): boolean {
    const pattern = this.#pattern;
    const before = this.#begun;
    const text = new Uint8Array(before.length + chunk.length);
    text.set(before);
    text.set(chunk, before.length);
    const { octets, cut } = unescaped(text);
    if (findsForm(pattern, text) || findsForm(pattern, octets)) return true;
    const plain = begunForm(pattern, text) ?? NOTHING;
    const within = begunForm(pattern, octets) ?? NOTHING;
    // What is cut may become the first octet of a secret, or the next.
    const place = within.length === 0 ? cut : placeBefore(text, octets.length - within.length);
    this.#begun = text.slice(Math.min(text.length - plain.length, place));
    this.#part = plain.length > within.length ? plain : within;
    this.#hasEscapes = this.#begun.includes(BACKSLASH);
    return false;
  }
}
