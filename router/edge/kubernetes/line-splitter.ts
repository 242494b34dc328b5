import { fail, ok, type Result } from "../../core/base/result.ts";

const LINE_FEED = 0x0a;
/** What is kept between two lines; more is given back once the long line is over. */
const KEPT = 64 * 1024;

/**
 * Splits a stream of octets into its lines, wherever it was cut into parts. A line that is not over yet is held in one
 * buffer: octets that come one by one cost no more than the line is long. Empty lines are left out.
 */
export class LineSplitter {
  readonly #maximum: number;
  #held: Buffer = Buffer.alloc(0);
  #length = 0;

  /** `maximum`: octets of a line. */
  constructor(maximum: number) {
    this.#maximum = maximum;
  }

  /** The lines that end in this part, each given to `line`; false from there stops. The problem is final. */
  push(part: Uint8Array, line: (text: string) => boolean): Result<void, "too_long" | "not_utf8"> {
    let from = 0;
    for (let end = part.indexOf(LINE_FEED); end !== -1; end = part.indexOf(LINE_FEED, from)) {
      const piece = part.subarray(from, end);
      from = end + 1;
      if (this.#length + piece.length > this.#maximum) return fail("too_long");
      const text = decoded(this.#length === 0 ? piece : this.#take(piece));
      if (text === undefined) return fail("not_utf8");
      if (text.trim() !== "" && !line(text)) return ok(undefined);
    }
    const rest = part.subarray(from);
    if (this.#length + rest.length > this.#maximum) return fail("too_long");
    if (rest.length > 0) this.#hold(rest);
    return ok(undefined);
  }

  #hold(piece: Uint8Array): void {
    const needed = this.#length + piece.length;
    if (needed > this.#held.length) {
      const larger = Buffer.allocUnsafeSlow(Math.min(this.#maximum, Math.max(needed, 2 * this.#held.length, 1_024)));
      this.#held.copy(larger, 0, 0, this.#length);
      this.#held = larger;
    }
    this.#held.set(piece, this.#length);
    this.#length = needed;
  }

  #take(piece: Uint8Array): Uint8Array {
    this.#hold(piece);
    const whole = this.#held.subarray(0, this.#length);
    this.#length = 0;
    if (this.#held.length > KEPT) this.#held = Buffer.alloc(0);
    return whole;
  }
}

const decoder = new TextDecoder("utf-8", { fatal: true });

function decoded(octets: Uint8Array): string | undefined {
  try {
    return decoder.decode(octets);
  } catch {
    return undefined;
  }
}
