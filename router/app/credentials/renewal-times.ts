import { type Millis, millis } from "../../core/base/quantity.ts";

/** Before its end, so that a token does not end on its way, and clocks may differ a little. */
const MARGIN = 10_000;
const AHEAD = 300_000;
const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 60_000;

/** How long a token of this life is sent: never for its last ten seconds, or the last tenth of a short life. */
export function usableFor(life: Millis): Millis {
  return millis(life - Math.min(MARGIN, life / 10));
}

/**
 * When a token of this life is renewed: at 80 % of it, or five minutes before its end where that is earlier (not before
 * half of it), and up to a tenth sooner by chance, so that pods that began together do not ask together. `random` is in
 * [0, 1).
 */
export function renewAfter(life: Millis, random: number): Millis {
  const planned = Math.max(life / 2, Math.min(life * 0.8, life - AHEAD));
  return millis(planned * (1 - random / 10));
}

/** The pause after so many failures in a row (at least one): 1 s, 2 s, 4 s ... 60 s, up to a quarter longer by chance. */
export function pauseAfter(failures: number, random: number): Millis {
  const planned = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** Math.min(failures - 1, 10));
  return millis(Math.min(LONGEST_PAUSE, planned * (1 + random / 4)));
}
