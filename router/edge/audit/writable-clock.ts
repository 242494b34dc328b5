import type { Clock } from "../../core/base/clock.ts";
import { epochMillis } from "../../core/base/quantity.ts";

/** In milliseconds since 1970: where RFC 3339 ends. */
export const YEAR_10000 = 253_402_300_800_000;

/** Where the wall clock says what RFC 3339 cannot write, the time before stands: nothing here may fail for a time. */
export function writableClock(clock: Clock): Clock {
  let last = epochMillis(0);
  return {
    now() {
      const now = clock.now();
      if (now >= 0 && now < YEAR_10000) last = now;
      return last;
    },
    monotonic: () => clock.monotonic(),
  };
}
