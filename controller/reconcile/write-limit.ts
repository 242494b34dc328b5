import { setTimeout as delay } from "node:timers/promises";
import type { Clock } from "../../router/core/base/clock.ts";

export interface WriteLimit {
  /** Resolves when the next write may go; false: it was aborted meanwhile. */
  taken(signal: AbortSignal): Promise<boolean>;
}

/** At most `perSecond` writes a second, evenly spaced once a burst of as many is used up, in the order in which they ask. */
export function writeLimit(clock: Pick<Clock, "monotonic">, perSecond: number): WriteLimit {
  const gap = 1_000 / perSecond;
  /** When the bucket is full again. */
  let full: number = clock.monotonic();
  return {
    async taken(signal) {
      if (signal.aborted) return false;
      const now = clock.monotonic();
      full = Math.max(full, now) + gap;
      const wait = full - now - 1_000;
      if (wait <= 0) return true;
      try {
        await delay(wait, undefined, { signal, ref: false });
        return true;
      } catch {
        return false;
      }
    },
  };
}
