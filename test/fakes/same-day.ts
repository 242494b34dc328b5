import { setTimeout as pause } from "node:timers/promises";

/**
 * Waits, where the UTC day is almost over, for the next one: what is counted by the day or the month begins anew at
 * midnight, and a test of such a count has to end on the day it began.
 */
export async function sameDay(seconds = 180): Promise<void> {
  const left = 86_400_000 - (Date.now() % 86_400_000);
  if (left <= seconds * 1_000) await pause(left + 50);
}
