/** Octets that come in pieces, joined, up to a bound. */
export class OctetBuffer {
  readonly #most: number;
  #octets = new Uint8Array(0);
  #length = 0;

  constructor(most: number) {
    this.#most = most;
  }

  get length(): number {
    return this.#length;
  }

  /** False: there would be too many; nothing was added. */
  add(octets: Uint8Array, from = 0, end = octets.length): boolean {
    const length = this.#length + end - from;
    if (length > this.#most) return false;
    if (length > this.#octets.length) {
      const larger = new Uint8Array(Math.min(this.#most, Math.max(1_024, 2 * length)));
      larger.set(this.#octets.subarray(0, this.#length));
      this.#octets = larger;
    }
    this.#octets.set(octets.subarray(from, end), this.#length);
    this.#length = length;
    return true;
  }

  /** All of it; the buffer is empty then. What is given is the caller's. */
  take(): Uint8Array {
    const whole = this.#octets.subarray(0, this.#length);
    this.#octets = new Uint8Array(0);
    this.#length = 0;
    return whole;
  }

  /** All of it, valid until the next call. */
  peek(): Uint8Array {
    return this.#octets.subarray(0, this.#length);
  }

  clear(): void {
    this.#length = 0;
  }
}
