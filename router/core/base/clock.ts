import type { EpochMillis, Millis } from "./quantity.ts";

/** Time as an argument: `now` is the wall clock, `monotonic` never steps back. */
export interface Clock {
  now(): EpochMillis;
  monotonic(): Millis;
}
