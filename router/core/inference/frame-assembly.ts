import { BROKEN, type FrameBoundary, UNFINISHED } from "./frame-boundary.ts";

export interface FrameSink {
  /** One whole frame: this range of `bytes`, which is the chunk itself, or a copy where the frame spans chunks. */
  frame(bytes: Uint8Array, from: number, to: number): void;
  /**
   * A piece of a frame that is longer than the maximum, in order. The first has at least `maximum` octets, `last` ends
   * the frame.
   */
  piece(bytes: Uint8Array, from: number, to: number, first: boolean, last: boolean): void;
}

/** The first copy of a frame's beginning: room for the rest of an ordinary one. */
const FIRST_HOLD = 1_024;

/**
 * Puts the frames of a body together. At most `maximum` octets of one are held (twice that while it grows): a longer
 * one is let through in pieces. Held octets are copied, so the chunk is the caller's again when `push` returns.
 */
export class FrameAssembly {
  readonly #boundary: FrameBoundary;
  readonly #maximum: number;
  readonly #sink: FrameSink;
  #held: Uint8Array | undefined;
  #length = 0;
  #oversize = false;
  /** Within `push`: the index in the chunk after what the sink is being given. */
  at = 0;

  constructor(boundary: FrameBoundary, maximum: number, sink: FrameSink) {
    this.#boundary = boundary;
    this.#maximum = maximum;
    this.#sink = sink;
  }

  /** `broken`: where the frames end cannot be told any more; this is not to be called again. */
  push(chunk: Uint8Array): "ok" | "broken" {
    let from = 0;
    while (from < chunk.length) {
      const end = this.#boundary.find(chunk, from);
      if (end === BROKEN) {
        this.at = from;
        return "broken";
      }
      if (end === UNFINISHED) {
        this.at = chunk.length;
        this.#hold(chunk, from, chunk.length, false);
        return "ok";
      }
      this.at = end;
      if (this.#held === undefined && !this.#oversize && end - from <= this.#maximum) {
        this.#sink.frame(chunk, from, end);
      } else {
        this.#hold(chunk, from, end, true);
      }
      from = end;
    }
    return "ok";
  }

  /** A frame is in flight whose beginning the sink has been given already. */
  get oversize(): boolean {
    return this.#oversize;
  }

  /** What is held of a frame without an end. */
  rest(): Uint8Array | undefined {
    return this.#held?.subarray(0, this.#length);
  }

  #hold(chunk: Uint8Array, from: number, to: number, last: boolean): void {
    if (this.#oversize) {
      this.#oversize = !last;
      this.#sink.piece(chunk, from, to, false, last);
      return;
    }
    if (this.#length + to - from > this.#maximum) {
      this.#overflow(chunk, from, to, last);
      return;
    }
    const held = this.#append(chunk, from, to);
    if (!last) return;
    const length = this.#length;
    this.#forget();
    this.#sink.frame(held, 0, length);
  }

  /** The beginning is filled up to the maximum, so that who reads the first piece sees what the frame is. */
  #overflow(chunk: Uint8Array, from: number, to: number, last: boolean): void {
    this.#oversize = !last;
    if (this.#length === 0) {
      this.#sink.piece(chunk, from, to, true, last);
      return;
    }
    const rest = from + this.#maximum - this.#length;
    const held = this.#append(chunk, from, rest);
    this.#forget();
    this.#sink.piece(held, 0, this.#maximum, true, false);
    this.#sink.piece(chunk, rest, to, false, last);
  }

  #append(chunk: Uint8Array, from: number, to: number): Uint8Array {
    const held = this.#room(to - from);
    held.set(chunk.subarray(from, to), this.#length);
    this.#length += to - from;
    return held;
  }

  #forget(): void {
    this.#held = undefined;
    this.#length = 0;
  }

  /** Room for so many octets more. What was given to the sink is never written again: the client may still be sent it. */
  #room(more: number): Uint8Array {
    const needed = this.#length + more;
    const held = this.#held;
    if (held !== undefined && held.length >= needed) return held;
    const larger = new Uint8Array(Math.max(FIRST_HOLD, needed, this.#length * 2));
    if (held !== undefined) larger.set(held.subarray(0, this.#length));
    this.#held = larger;
    return larger;
  }
}
