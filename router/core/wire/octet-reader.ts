import { latin1 } from "./latin1.ts";

/**
 * Reads big-endian numbers and length-prefixed vectors (RFC 8446 section 3) out of a range of octets. What does not
 * fit is undefined and the reader is then of no further use: it never reads beyond its range.
 */
export class OctetReader {
  readonly #octets: Uint8Array;
  readonly #end: number;
  #at: number;

  constructor(octets: Uint8Array, from: number, end: number) {
    this.#octets = octets;
    this.#at = from;
    this.#end = end;
  }

  get remaining(): number {
    return this.#end - this.#at;
  }

  number(width: 1 | 2): number | undefined {
    if (this.remaining < width) return undefined;
    let value = 0;
    for (let count = 0; count < width; count++) value = value * 256 + (this.#octets[this.#at++] ?? 0);
    return value;
  }

  take(length: number): OctetReader | undefined {
    if (this.remaining < length) return undefined;
    const from = this.#at;
    this.#at += length;
    return new OctetReader(this.#octets, from, this.#at);
  }

  /** A vector behind a length of `width` octets. */
  vector(width: 1 | 2): OctetReader | undefined {
    const length = this.number(width);
    return length === undefined ? undefined : this.take(length);
  }

  /** What remains, each octet as the character of its number. */
  text(): string {
    return latin1(this.#octets, this.#at, this.#end);
  }
}
