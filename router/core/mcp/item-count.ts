const QUOTE = 0x22;
const COMMA = 0x2c;
const ARRAY = 0x5b;
const BACKSLASH = 0x5c;
const OBJECT = 0x7b;

/**
 * Counts what a JSON text will be in memory before anybody parses it: an object of two octets costs a hundred. Each value
 * but the first is behind a comma or a bracket that stands outside of all texts. Chunks may be cut anywhere.
 */
export class ItemCount {
  readonly #most: number;
  #count = 0;
  #inText = false;
  #escaped = false;

  constructor(most: number) {
    this.#most = most;
  }

  /** False: there are more than `most`. */
  push(chunk: Uint8Array): boolean {
    let count = this.#count;
    let inText = this.#inText;
    let escaped = this.#escaped;
    for (let at = 0; at < chunk.length; at++) {
      const octet = chunk[at] ?? 0;
      if (escaped) escaped = false;
      else if (octet === QUOTE) inText = !inText;
      else if (inText) escaped = octet === BACKSLASH;
      else if (octet === COMMA || octet === ARRAY || octet === OBJECT) count += 1;
    }
    this.#count = count;
    this.#inText = inText;
    this.#escaped = escaped;
    return count <= this.#most;
  }
}
