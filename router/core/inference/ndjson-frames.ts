import { type FrameBoundary, UNFINISHED } from "./frame-boundary.ts";
import { FrameSkim } from "./frame-skim.ts";
import type { ObjectReader } from "./meter-reader.ts";
import type { FrameVerdict } from "./meter-sse.ts";
import type { MeterState } from "./meter-state.ts";

const LF = 0x0a;
const SPACE = 0x20;

/** Lines that end with LF, each a JSON value (NDJSON). */
export class NdjsonBoundary implements FrameBoundary {
  find(chunk: Uint8Array, from: number): number {
    const end = chunk.indexOf(LF, from);
    return end < 0 ? UNFINISHED : end + 1;
  }
}

/** Reads lines that are JSON objects. */
export class NdjsonReader {
  readonly #objects: ObjectReader;
  readonly #skim: FrameSkim;
  readonly #state: MeterState;

  constructor(objects: ObjectReader, state: MeterState) {
    this.#objects = objects;
    this.#skim = new FrameSkim(objects.table);
    this.#state = state;
  }

  read(bytes: Uint8Array, from: number, to: number): FrameVerdict {
    const start = skipSpace(bytes, from, to);
    if (start === to) return "keep";
    const end = this.#skim.run(bytes, start, to);
    if (end < 0 || skipSpace(bytes, end, to) < to) return "garbage";
    return this.#objects.read(this.#skim.findings, this.#state) ? "drop" : "keep";
  }
}

function skipSpace(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  while (at < to && (bytes[at] ?? 0) <= SPACE) at++;
  return at;
}
