import { loadavg } from "node:os";

/** Processes that ran or waited for a processor over the last minute: what of a figure is the machine's. */
export function loadAverage(): string {
  return `load average ${(loadavg()[0] ?? 0).toFixed(1)}`;
}
