const [QUOTE, BACKSLASH, BRACKET, BRACE, COMMA] = [0x22, 0x5c, 0x5b, 0x7b, 0x2c];

/**
 * How many values a JSON text may hold, counted before it is parsed: each begins with `[` or `{` or follows a comma. What
 * stands in strings is none of them. A text that is no JSON is counted somehow, and refused by who reads it.
 */
export class StructureCount {
  #isText = false;
  #isEscaped = false;

  /** Of the next chunk alone. */
  count(chunk: Uint8Array): number {
    let count = 0;
    let isText = this.#isText;
    let isEscaped = this.#isEscaped;
    for (let at = 0; at < chunk.length; at += 1) {
      const octet = chunk[at];
      if (isText) {
        if (isEscaped) isEscaped = false;
        else if (octet === BACKSLASH) isEscaped = true;
        else if (octet === QUOTE) isText = false;
      } else if (octet === QUOTE) isText = true;
      else if (octet === COMMA || octet === BRACKET || octet === BRACE) count += 1;
    }
    this.#isText = isText;
    this.#isEscaped = isEscaped;
    return count;
  }
}
