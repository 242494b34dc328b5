import { readFileSync } from "node:fs";

/** In Linux a clock tick of /proc is 10 ms everywhere (USER_HZ). */
const TICKS_PER_SECOND = 100;

/** Seconds of processor time that a process has used, its threads included. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // After the name, which may hold anything: state is field 3, utime 14, stime 15 (proc(5)).
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Megabytes (2^20): resident, and what of it is its own. */
export interface Memory {
  readonly rss: number;
  readonly anon: number;
}

export function memoryNow(pid: number): Memory {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const field = (name: string): number => Number(new RegExp(`^${name}:\\s+([0-9]+) kB`, "m").exec(status)?.[1]) / 1_024;
  return { rss: field("VmRSS"), anon: field("RssAnon") };
}
