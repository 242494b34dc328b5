import { setTimeout as delay } from "node:timers/promises";
import { quantiles } from "../inference/quantiles.ts";

/** Milliseconds, and how many failed. */
export interface Latencies {
  readonly p50: number;
  readonly p99: number;
  readonly most: number;
  readonly failed: number;
}

/** Asks so often a second: each is due at its own time, so that a late answer holds back no other, and its wait counts. */
export async function openLoop(
  rate: number,
  seconds: number,
  ask: (index: number) => Promise<boolean>,
): Promise<Latencies> {
  const began = performance.now();
  const times: number[] = [];
  const asked: Promise<void>[] = [];
  let failed = 0;
  const one = async (index: number, sent: number): Promise<void> => {
    const good = await ask(index).catch(() => false);
    times.push(performance.now() - sent);
    if (!good) failed += 1;
  };
  for (let index = 0; index < seconds * rate; index++) {
    const due = began + (index * 1000) / rate;
    // Timers take whole milliseconds: rounded down they would fire before their time, which would count as speed.
    const wait = Math.ceil(due - performance.now());
    if (wait > 0) await delay(wait);
    // The timer of this process is late by up to a millisecond or more: that is no latency of who is asked.
    asked.push(one(index, Math.max(due, performance.now())));
  }
  await Promise.all(asked);
  const at = quantiles(times);
  return { p50: at(0.5), p99: at(0.99), most: at(1), failed };
}
