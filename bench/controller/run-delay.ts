import { readFileSync } from "node:fs";

/** Milliseconds that the main thread of a process was ready and waited for a processor: what the machine's other work took. */
export function runDelayMillis(pid: number): number {
  // Nanoseconds on a processor, nanoseconds waited, turns (Documentation/scheduler/sched-stats.rst).
  return Number(readFileSync(`/proc/${pid}/schedstat`, "utf8").split(" ")[1]) / 1e6;
}
