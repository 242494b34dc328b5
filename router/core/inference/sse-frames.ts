import { FrameAssembly, type FrameSink } from "./frame-assembly.ts";
import { type FrameBoundary, UNFINISHED } from "./frame-boundary.ts";
import { frameText } from "./frame-text.ts";

const LF = 0x0a;
const CR = 0x0d;
const COLON = 0x3a;
const SPACE = 0x20;
const NEVER = Number.POSITIVE_INFINITY;
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf] as const;

/**
 * Frames of an event stream (WHATWG HTML section 9.2.5) end with a blank line; lines end with LF, CR LF or CR, also
 * mixed. A frame whose blank line is a CR at the end of a chunk has ended: an LF that begins the next chunk belongs to
 * that line end, and is the first octet of the next frame, where it means nothing.
 */
export class SseBoundary implements FrameBoundary {
  /** The line so far is empty. */
  #lineEmpty = true;
  /** The octet before this chunk was a CR. */
  #afterCr = false;
  /** The next CR of this chunk. Most streams have none: one look over a chunk says so. */
  #cr = -1;

  find(chunk: Uint8Array, from: number): number {
    let at = from;
    if (from === 0) {
      this.#cr = -1;
      if (this.#afterCr && chunk[0] === LF) at = 1;
      this.#afterCr = false;
    }
    while (at < chunk.length) {
      const octet = chunk[at];
      if (this.#lineEmpty && (octet === LF || octet === CR)) return this.#lineEnd(chunk, at);
      if (this.#cr < at) this.#cr = positionOf(chunk, CR, at);
      const end = Math.min(positionOf(chunk, LF, at), this.#cr);
      if (end === NEVER) {
        this.#lineEmpty = false;
        return UNFINISHED;
      }
      at = this.#lineEnd(chunk, end);
    }
    return UNFINISHED;
  }

  /** The index after the line end at `at`. */
  #lineEnd(chunk: Uint8Array, at: number): number {
    this.#lineEmpty = true;
    if (chunk[at] === LF) return at + 1;
    if (at + 1 === chunk.length) this.#afterCr = true;
    return chunk[at + 1] === LF ? at + 2 : at + 1;
  }
}

/** Cuts an SSE body (WHATWG "event stream") into frames at blank lines: LF, CRLF or CR, split at any byte. */
export class SseFrames {
  readonly #frames: FrameAssembly;
  #give: ((bytes: Uint8Array) => void) | undefined;
  #overflow = false;

  /** `maximum`: octets of one frame. */
  constructor(maximum: number) {
    const sink: FrameSink = {
      frame: (bytes, from, to) => {
        if (!this.#overflow) this.#give?.(bytes.subarray(from, to));
      },
      piece: () => {
        this.#overflow = true;
      },
    };
    this.#frames = new FrameAssembly(new SseBoundary(), maximum, sink);
  }

  /**
   * Gives each frame that ended in this chunk, terminator included, as a subarray of the chunk or (only when it spans
   * chunks) a joined copy. After `overflow` no frame is given any more.
   */
  push(chunk: Uint8Array, frame: (bytes: Uint8Array) => void): "ok" | "overflow" {
    this.#give = frame;
    this.#frames.push(chunk);
    this.#give = undefined;
    return this.#overflow ? "overflow" : "ok";
  }

  /** What is left without an end; after a frame that ended in a CR it may be that CR's LF alone. */
  rest(): Uint8Array | undefined {
    return this.#overflow ? undefined : this.#frames.rest();
  }
}

/**
 * The `event` name and joined `data` of a frame; undefined data: a comment or empty frame. Octets that are not UTF-8
 * read as U+FFFD. The lines of `data` are joined with LF; of several `event` lines the last counts.
 */
export function readFrame(bytes: Uint8Array): {
  readonly event: string | undefined;
  readonly data: string | undefined;
} {
  let event: string | undefined;
  let data: string | undefined;
  let at = BYTE_ORDER_MARK.every((octet, index) => bytes[index] === octet) ? BYTE_ORDER_MARK.length : 0;
  while (at < bytes.length) {
    const end = lineEnd(bytes, at, bytes.length);
    const colon = colonIn(bytes, at, end);
    const valueFrom = bytes[colon + 1] === SPACE ? Math.min(colon + 2, end) : Math.min(colon + 1, end);
    const name = colon - at <= 5 ? frameText(bytes, at, colon) : "";
    if (name === "data") {
      const value = frameText(bytes, valueFrom, end);
      data = data === undefined ? value : `${data}\n${value}`;
    } else if (name === "event") {
      event = frameText(bytes, valueFrom, end);
    }
    // The LF of a CR LF reads as an empty line, which means nothing within a frame.
    at = end + 1;
  }
  return { event, data };
}

/** The index of the LF or CR that ends the line at `from`, or `to`. */
export function lineEnd(bytes: Uint8Array, from: number, to: number): number {
  for (let at = from; at < to; at++) {
    const octet = bytes[at];
    if (octet === LF || octet === CR) return at;
  }
  return to;
}

/** The first colon of a line, or its end: a line without one is a name with an empty value. */
function colonIn(bytes: Uint8Array, from: number, end: number): number {
  for (let at = from; at < end; at++) if (bytes[at] === COLON) return at;
  return end;
}

function positionOf(chunk: Uint8Array, octet: number, from: number): number {
  const at = chunk.indexOf(octet, from);
  return at < 0 ? NEVER : at;
}
