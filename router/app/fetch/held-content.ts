/** The first block; each further one is twice as long, up to the largest. */
const FIRST = 4 * 1024;
const LARGEST = 64 * 1024;

/** Content that is held until it is whole. It takes its own octets and at most one block more, however small they came. */
export class HeldContent {
  readonly #full: Uint8Array[] = [];
  #block = new Uint8Array(0);
  #used = 0;

  /** The chunk is copied. */
  push(chunk: Uint8Array): void {
    for (let from = 0; from < chunk.length;) {
      if (this.#used === this.#block.length) this.#next();
      const part = chunk.subarray(from, from + this.#block.length - this.#used);
      this.#block.set(part, this.#used);
      this.#used += part.length;
      from += part.length;
    }
  }

  /** In order, none of them empty. Nothing is pushed afterwards. */
  pieces(): readonly Uint8Array[] {
    return this.#used === 0 ? this.#full : [...this.#full, this.#block.subarray(0, this.#used)];
  }

  #next(): void {
    if (this.#used > 0) this.#full.push(this.#block);
    this.#block = new Uint8Array(Math.min(LARGEST, Math.max(FIRST, 2 * this.#block.length)));
    this.#used = 0;
  }
}
