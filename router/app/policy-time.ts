import type { Clock } from "../core/base/clock.ts";
import { type EpochMillis, epochMillis } from "../core/base/quantity.ts";

/** The time by which policies are judged: the wall clock, but never earlier than any time seen before. */
export class PolicyTime {
  readonly #clock: Clock;
  /** The latest wall time ever believed: a clock set back revives no policy. */
  #latest: EpochMillis = epochMillis(0);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  now(): EpochMillis {
    const now = this.#clock.now();
    if (now > this.#latest) this.#latest = now;
    return this.#latest;
  }

  /** It is at least so late: a durable mark says so. */
  atLeast(time: EpochMillis): void {
    if (time > this.#latest) this.#latest = time;
  }
}
