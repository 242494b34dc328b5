import type { ChildProcess } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { ask } from "./child.ts";
import type { Gateway } from "./gateway.ts";
import { type Memory, memoryNow } from "./process-facts.ts";

export interface Soak {
  readonly seconds: number;
  readonly perSecond: number;
  readonly answered: number;
  readonly failures: number;
  /** Of each kind the largest that was seen. */
  readonly peak: Memory;
  /** Megabytes a minute, by least squares over the second half. */
  readonly growth: Memory;
  /** A while after the load has ended. */
  readonly after: Memory;
}

const CONCURRENCY = 200;
const BODY_OCTETS = 150 * 1024;
const EVERY_MILLIS = 200;
const REST_MILLIS = 2_000;

/** 200 large bodies at a time for a while, with an eye on the gateway's memory. */
export async function soak(load: ChildProcess, { port, headers, pid }: Gateway, seconds: number): Promise<Soak> {
  const samples: { readonly minute: number; readonly memory: Memory }[] = [];
  const sample = (): void => void samples.push({ minute: performance.now() / 60_000, memory: memoryNow(pid) });
  const timer = setInterval(sample, EVERY_MILLIS);
  const result = await ask(load, {
    kind: "calls",
    port,
    headers,
    concurrency: CONCURRENCY,
    seconds,
    ramp: 0,
    octets: BODY_OCTETS,
  });
  clearInterval(timer);
  await sleep(REST_MILLIS);
  const half = samples.slice(samples.length >> 1);
  const peakOf = (kind: keyof Memory): number => Math.max(...samples.map(({ memory }) => memory[kind]));
  const growthOf = (kind: keyof Memory): number => slope(half.map(({ minute, memory }) => [minute, memory[kind]]));
  return {
    seconds,
    perSecond: result.perSecond,
    answered: result.answered,
    failures: result.failures,
    peak: { rss: peakOf("rss"), anon: peakOf("anon") },
    growth: { rss: growthOf("rss"), anon: growthOf("anon") },
    after: memoryNow(pid),
  };
}

function slope(points: readonly (readonly [number, number])[]): number {
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const middle = mean(points.map(([x]) => x));
  const level = mean(points.map(([, y]) => y));
  const rise = points.reduce((sum, [x, y]) => sum + (x - middle) * (y - level), 0);
  return rise / points.reduce((sum, [x]) => sum + (x - middle) ** 2, 0);
}
