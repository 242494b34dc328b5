import type { ChildProcess } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { ask } from "./child.ts";
import type { Gateway } from "./gateway.ts";
import { type Memory, memoryNow } from "./process-facts.ts";

export interface Soak {
  /** Of the settled part, which `perSecond` and `growth` are about. */
  readonly seconds: number;
  readonly perSecond: number;
  readonly answered: number;
  readonly failures: number;
  /** Of each kind the largest that was seen. */
  readonly peak: Memory;
  /** Megabytes a minute, by least squares over the lowest of each few seconds, once it has settled. */
  readonly growth: Memory;
  /** A while after the load has ended. */
  readonly after: Memory;
}

const CONCURRENCY = 200;
const BODY_OCTETS = 150 * 1024;
const EVERY_MILLIS = 200;
/** Until then the engine compiles, and the heap takes what it will keep. */
const SETTLE_SECONDS = 15;
/**
 * What is resident goes up and down by 10 MB with each collection; the lowest of a few seconds is what is kept. By all samples
 * of ten seconds the slope of a flat line was anything up to 40 MB a minute.
 */
const TROUGH_MINUTES = 3 / 60;
const REST_MILLIS = 2_000;

/** 200 large bodies at a time for a while, with an eye on the gateway's memory. */
export async function soak(load: ChildProcess, { port, headers, pid }: Gateway, seconds: number): Promise<Soak> {
  const samples: { readonly minute: number; readonly memory: Memory }[] = [];
  const sample = (): void => void samples.push({ minute: performance.now() / 60_000, memory: memoryNow(pid) });
  const timer = setInterval(sample, EVERY_MILLIS);
  const order = { kind: "calls", port, headers, concurrency: CONCURRENCY, ramp: 0, octets: BODY_OCTETS } as const;
  const settling = await ask(load, { ...order, seconds: SETTLE_SECONDS });
  const settled = samples.length;
  const result = await ask(load, { ...order, seconds });
  clearInterval(timer);
  await sleep(REST_MILLIS);
  const peakOf = (kind: keyof Memory): number => Math.max(...samples.map(({ memory }) => memory[kind]));
  const growthOf = (kind: keyof Memory): number =>
    slope(troughs(samples.slice(settled).map(({ minute, memory }) => [minute, memory[kind]])));
  return {
    seconds,
    perSecond: result.perSecond,
    answered: settling.answered + result.answered,
    failures: settling.failures + result.failures,
    peak: { rss: peakOf("rss"), anon: peakOf("anon") },
    growth: { rss: growthOf("rss"), anon: growthOf("anon") },
    after: memoryNow(pid),
  };
}

type Point = readonly [minute: number, value: number];

/** The lowest point of each few seconds. */
function troughs(points: readonly Point[]): readonly Point[] {
  const windows = Map.groupBy(points, ([minute]) => Math.floor(minute / TROUGH_MINUTES));
  return [...windows.values()].map((window) => window.reduce((low, point) => (point[1] < low[1] ? point : low)));
}

function slope(points: readonly Point[]): number {
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const middle = mean(points.map(([x]) => x));
  const level = mean(points.map(([, y]) => y));
  const rise = points.reduce((sum, [x, y]) => sum + (x - middle) * (y - level), 0);
  return rise / points.reduce((sum, [x]) => sum + (x - middle) ** 2, 0);
}
