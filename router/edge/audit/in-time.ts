import type { Millis } from "../../core/base/quantity.ts";

/**
 * Waits for work that cannot be stopped, but not for ever: false after the deadline, when the work may still be going
 * on. What the work throws in time is thrown.
 */
export async function inTime(work: Promise<void>, deadline: Millis): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<false>();
  // One more turn: where the process, not the disk, stood still, the work's end is already waiting to be seen.
  const timer = setTimeout(() => setImmediate(resolve, false), deadline);
  try {
    return await Promise.race([work.then(() => true), promise]);
  } finally {
    clearTimeout(timer);
  }
}
