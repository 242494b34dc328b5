import { type HashSeed, nameHashes } from "./name-hash.ts";

/** What one feed lists: eight octets an entry, and no text. Nothing of it changes any more. */
export interface FeedEntries {
  /** As many as were listed; one that is listed twice counts twice. */
  readonly count: number;
  /** Two words an entry: its hash, whose last bit is replaced: 1 where everything below the name is listed too. */
  readonly blocks: readonly Uint32Array[];
}

const BLOCK_ENTRIES = 16_384;

export class FeedEntriesBuilder {
  readonly #seed: HashSeed;
  readonly #full: Uint32Array[] = [];
  readonly #hash = new Uint32Array(2);
  #block = new Uint32Array(2 * BLOCK_ENTRIES);
  #used = 0;

  constructor(seed: HashSeed) {
    this.#seed = seed;
  }

  get count(): number {
    return this.#full.length * BLOCK_ENTRIES + this.#used;
  }

  add(text: string, wide: boolean): void {
    if (this.#used === BLOCK_ENTRIES) {
      this.#full.push(this.#block);
      this.#block = new Uint32Array(2 * BLOCK_ENTRIES);
      this.#used = 0;
    }
    nameHashes(this.#seed, text, true, this.#hash);
    this.#block[2 * this.#used] = this.#hash[0] ?? 0;
    this.#block[2 * this.#used + 1] = ((this.#hash[1] ?? 0) & ~1) | (wide ? 1 : 0);
    this.#used += 1;
  }

  /** The builder is of no use afterwards. */
  finish(): FeedEntries {
    return { count: this.count, blocks: [...this.#full, this.#block.slice(0, 2 * this.#used)] };
  }
}
