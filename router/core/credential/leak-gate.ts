import type { LeakPattern } from "./leak-pattern.ts";
import { LeakScan } from "./leak-scan.ts";

const NOTHING = new Uint8Array(0);

/**
 * Lets a stream through as the very chunks that came, but for the octets at the end of one that may be the beginning of a
 * secret: these wait for what follows. So no octet of a secret has gone out when it is found. At most the longest form,
 * escaped, less one octet waits, and only where it is a true beginning.
 */
export class LeakGate {
  readonly #scan: LeakScan;
  readonly #send: (octets: Uint8Array) => void;
  #held: Uint8Array = NOTHING;

  /** `send` is called with views of chunks and with small copies, never with nothing. */
  constructor(pattern: LeakPattern, send: (octets: Uint8Array) => void) {
    this.#scan = new LeakScan(pattern);
    this.#send = send;
  }

  /** False: a secret was found; nothing of the chunk was sent, what was held never will be, and the stream must be cut. */
  push(chunk: Uint8Array): boolean {
    if (this.#scan.push(chunk)) return false;
    const held = this.#held;
    const next = this.#scan.begun;
    if (held.length === 0 && next.length === 0) {
      if (chunk.length > 0) this.#send(chunk);
      return true;
    }
    this.#held = next;
    // What waits now may reach back into what waited before.
    const older = held.length + Math.min(0, chunk.length - next.length);
    if (older > 0) this.#send(held.slice(0, older));
    const newer = Math.max(0, chunk.length - next.length);
    if (newer > 0) this.#send(newer === chunk.length ? chunk : chunk.subarray(0, newer));
    return true;
  }

  /** The stream has ended, and what waits is no secret: sends it. Not after `push` was false. */
  end(): void {
    const held = this.#held;
    this.#held = NOTHING;
    if (held.length > 0) this.#send(held.slice());
  }
}
