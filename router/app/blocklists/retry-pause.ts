import { type Millis, millis } from "../../core/base/quantity.ts";

const FIRST = 30_000;
const LONGEST = 30 * 60_000;
/** A timer that is longer fires at once. */
const LONGEST_TIMER = 2 ** 31 - 1;

/**
 * Until the next attempt after so many failures in a row (at least one): 30 s, 1 min, 2 min ... 30 min, never more than
 * `refresh`, and up to a quarter longer by chance, so that pods do not ask together. `random` is in [0, 1).
 */
export function retryPause(failures: number, refresh: Millis, random: number): Millis {
  const planned = Math.min(refresh, LONGEST, FIRST * 2 ** Math.min(failures - 1, 10));
  return millis(planned * (1 + random / 4));
}

/** Until a feed is asked for again: `refresh` after `age`, up to a tenth sooner by chance. */
export function refreshPause(refresh: Millis, age: number, random: number): Millis {
  return millis(Math.min(LONGEST_TIMER, Math.max(0, refresh * (1 - random / 10) - Math.max(0, age))));
}
