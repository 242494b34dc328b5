import { collectDefaultMetrics, Counter, Gauge, Registry } from "prom-client";
import { assertNever } from "../../core/base/assert-never.ts";
import type { Series } from "./tally.ts";

/** A metric family whose series are read at each scrape; prom-client keeps nothing of it in between. */
export interface Family {
  readonly type: "counter" | "gauge";
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
  readonly read: () => readonly Series[];
}

/** How often the event loop's delay is sampled; at prom-client's own 10 ms that alone costs 0.6 % of a core (measured). */
const LOOP_SAMPLE_MILLIS = 100;

/** A registry of its own, with these families and prom-client's process defaults under their usual names. */
export function openRegistry(families: readonly Family[]): Registry {
  const registry = new Registry();
  for (const family of families) register(registry, family);
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: LOOP_SAMPLE_MILLIS });
  return registry;
}

function register(registry: Registry, { type, read, ...shape }: Family): void {
  const registers = [registry];
  switch (type) {
    case "counter": {
      const metric = new Counter({
        ...shape,
        registers,
        collect: () => {
          metric.reset();
          for (const { labels, value } of read()) metric.inc(labels, value);
        },
      });
      return;
    }
    case "gauge": {
      const metric = new Gauge({
        ...shape,
        registers,
        collect: () => {
          metric.reset();
          for (const { labels, value } of read()) metric.set(labels, value);
        },
      });
      return;
    }
    default:
      assertNever(type);
  }
}
