import { LongSkim } from "./frame-long-skim.ts";
import type { ObjectReader } from "./meter-reader.ts";
import { dataAt } from "./meter-sse.ts";
import type { MeterState } from "./meter-state.ts";

/** Reads the object of a frame that is too long to hold: a whole response with images in it, say. */
export class LongObject {
  readonly #objects: ObjectReader;
  readonly #state: MeterState;
  readonly #sse: boolean;
  /** Undefined once the object was read. */
  #skim: LongSkim | undefined;

  constructor(objects: ObjectReader, state: MeterState, sse: boolean) {
    this.#objects = objects;
    this.#state = state;
    this.#sse = sse;
    this.#skim = new LongSkim(objects.table);
  }

  /** Takes the next piece of the frame. False: no object begins at the beginning of the frame. */
  push(bytes: Uint8Array, from: number, to: number, first: boolean): boolean {
    const start = first && this.#sse ? dataAt(bytes, from, to) : from;
    if (start < 0) return false;
    const skim = this.#skim;
    if (skim === undefined) return true;
    if (skim.push(bytes, start, to) < 0) return false;
    if (skim.done) {
      this.#skim = undefined;
      this.#objects.read(skim.findings, this.#state);
    }
    return true;
  }
}
