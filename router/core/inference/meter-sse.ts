import { FrameSkim } from "./frame-skim.ts";
import { asciiOctets, equalAt } from "./frame-skim-table.ts";
import type { ObjectReader } from "./meter-reader.ts";
import type { MeterState } from "./meter-state.ts";
import { lineEnd } from "./sse-frames.ts";

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const COLON = 0x3a;
const OPEN_OBJECT = 0x7b;

const DATA = asciiOctets("data:");
const EVENT = asciiOctets("event");
const ID = asciiOctets("id");
const RETRY = asciiOctets("retry");
const EVENT_ERROR = asciiOctets("event: error");
const DONE = asciiOctets("[DONE]");
const BYTE_ORDER_MARK = Uint8Array.of(0xef, 0xbb, 0xbf);

/** What a frame is to the meter. */
export type FrameVerdict = "keep" | "drop" | "garbage";

/** Reads the frames of an event stream whose data are JSON objects. */
export class SseReader {
  readonly #objects: ObjectReader;
  readonly #skim: FrameSkim;
  readonly #state: MeterState;
  /** `data: [DONE]` ends the stream of this API. */
  readonly #done: boolean;

  constructor(objects: ObjectReader, state: MeterState, done: boolean) {
    this.#objects = objects;
    this.#skim = new FrameSkim(objects.table);
    this.#state = state;
    this.#done = done;
  }

  read(bytes: Uint8Array, from: number, to: number): FrameVerdict {
    const data = dataAt(bytes, from, to);
    if (data < 0) return isFrame(bytes, from, to) ? "keep" : "garbage";
    if (bytes[data] === OPEN_OBJECT) {
      const end = this.#skim.run(bytes, data, to);
      if (end >= 0 && !this.#skim.lines && onlyLineEnds(bytes, end, to)) return this.#object(bytes, from);
    }
    return this.#lines(bytes, from, to);
  }

  #object(bytes: Uint8Array, from: number): FrameVerdict {
    const drop = this.#objects.read(this.#skim.findings, this.#state);
    if (this.#state.failure === undefined && equalAt(bytes, from, EVENT_ERROR)) this.#state.fail(undefined);
    return drop ? "drop" : "keep";
  }

  /** A frame that is not one line of data, or whose data are not one object: rare. */
  #lines(bytes: Uint8Array, from: number, to: number): FrameVerdict {
    const joined = joinedData(bytes, from, to);
    const start = skipSpace(joined, 0);
    if (start === joined.length) return "keep";
    if (joined.length - start >= DONE.length && equalAt(joined, start, DONE)) {
      if (this.#done) this.#state.ended = true;
      return "keep";
    }
    const end = this.#skim.run(joined, start, joined.length);
    if (end < 0 || skipSpace(joined, end) < joined.length) return "garbage";
    return this.#object(bytes, from);
  }
}

/** Where the first line of data begins, after its name and one space; -1: there is none. */
export function dataAt(bytes: Uint8Array, from: number, to: number): number {
  let at = lineStart(bytes, from);
  while (at < to) {
    if (equalAt(bytes, at, DATA)) {
      const value = at + DATA.length;
      return bytes[value] === SPACE ? value + 1 : value;
    }
    at = lineEnd(bytes, at, to) + 1;
  }
  return -1;
}

/** After a byte order mark. */
function lineStart(bytes: Uint8Array, from: number): number {
  return equalAt(bytes, from, BYTE_ORDER_MARK) ? from + BYTE_ORDER_MARK.length : from;
}

/** A frame without data: it is one if it is empty, or has a comment or a known field. */
function isFrame(bytes: Uint8Array, from: number, to: number): boolean {
  let empty = true;
  for (let at = lineStart(bytes, from); at < to;) {
    const end = lineEnd(bytes, at, to);
    if (end > at) empty = false;
    if (bytes[at] === COLON && end > at) return true;
    if ([EVENT, ID, RETRY].some((name) => equalAt(bytes, at, name) && bytes[at + name.length] === COLON)) return true;
    at = end + 1;
  }
  return empty;
}

/** All lines of data of a frame, joined with LF. */
function joinedData(bytes: Uint8Array, from: number, to: number): Uint8Array {
  const joined = new Uint8Array(to - from);
  let length = 0;
  for (let at = lineStart(bytes, from); at < to;) {
    const end = lineEnd(bytes, at, to);
    if (equalAt(bytes, at, DATA)) {
      if (length > 0) joined[length++] = LF;
      const value = bytes.subarray(at + DATA.length, end);
      joined.set(value, length);
      length += value.length;
    }
    at = end + 1;
  }
  return joined.subarray(0, length);
}

function onlyLineEnds(bytes: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (bytes[at] !== LF && bytes[at] !== CR) return false;
  return true;
}

function skipSpace(bytes: Uint8Array, from: number): number {
  let at = from;
  while (at < bytes.length && (bytes[at] ?? 0) <= SPACE) at++;
  return at;
}
