import type { Clock } from "../core/base/clock.ts";
import { epochMillis, millis } from "../core/base/quantity.ts";

/** The process's own clocks; everything below `app` gets time from here. */
export const systemClock: Clock = {
  now: () => epochMillis(Date.now()),
  monotonic: () => millis(performance.now()),
};
