import { setImmediate as nextTurn } from "node:timers/promises";
import type { Clock } from "../../core/base/clock.ts";

/** How long work goes on in one turn of the event loop. */
const TURN_MILLIS = 4;

/** Long work in small pieces: of all that share a pace, one goes on in each turn of the event loop. */
export class Pace {
  readonly #clock: Clock;
  #since: number;
  #last: Promise<void> = Promise.resolve();

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#since = clock.monotonic();
  }

  /** To be awaited between two pieces of about a millisecond. */
  async breathe(): Promise<void> {
    if (this.#clock.monotonic() - this.#since < TURN_MILLIS) return;
    const before = this.#last;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#last = promise;
    await before;
    await nextTurn();
    this.#since = this.#clock.monotonic();
    resolve();
  }
}
