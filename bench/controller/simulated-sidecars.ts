import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Cluster } from "../../test/cluster/cluster.ts";
import { cpuSeconds } from "../inference/process-facts.ts";
import { sharedMillis, type WatchAnswer, type WatchOrder } from "./watch-order.ts";

/** The field selectors of a sidecar's watches, one watch each; the empty one selects nothing. */
export type Selectors = (pod: string) => readonly string[];

export interface Fanned {
  /** Sidecars that should have seen an event and did not within ten seconds. */
  readonly missed: number;
  /** Events that watches have handed on. */
  readonly delivered: number;
  /** Milliseconds from the write's start, of each sidecar and event. */
  readonly each: readonly number[];
  /** Of the last sidecar, of each event. */
  readonly last: readonly number[];
}

/** Sidecars `pod-0`, `pod-1` and so on that watch one collection, in a few processes of their own. */
export interface SimulatedSidecars {
  readonly count: number;
  /** So many more, at once; resolves with the milliseconds until the last has listed, which is when it watches. */
  open(more: number, selectors: Selectors): Promise<number>;
  /** When sidecars first saw the event of this version, on the clock of `now`: once `expected` have, or after ten seconds. */
  seen(version: string, expected: number): Promise<WatchAnswer>;
  /** Events since the last answer. */
  delivered(): Promise<number>;
  leave(): Promise<void>;
  now(): number;
  close(): void;
}

export function simulatedSidecars(
  { url, caPem }: Cluster,
  path: string,
  tokens: readonly string[],
  processes: number,
): SimulatedSidecars {
  const loads = Array.from({ length: processes }, () => fork(join(import.meta.dirname, "watch-load.ts")));
  let selectorsNow: Selectors = () => [""];
  let count = 0;
  const together = async (order: (part: number) => WatchOrder): Promise<WatchAnswer> => {
    const answers = await Promise.all(loads.map(async (load, part) => ask(load, order(part))));
    return {
      at: answers.flatMap(({ at }) => at),
      events: answers.reduce((sum, { events }) => sum + events, 0),
    };
  };
  /** Of these sidecars, those that a process plays: one after another in turn. */
  const share = (part: number, of: number): number => Math.floor((of + processes - 1 - part) / processes);
  return {
    get count() {
      return count;
    },
    async open(more, selectors) {
      selectorsNow = selectors;
      const began = sharedMillis();
      const pods = Array.from({ length: more }, (_, index) => count + index);
      count += more;
      const { at } = await together((part) => ({
        kind: "open",
        url,
        ca: caPem,
        path,
        sidecars: pods
          .filter((pod) => pod % processes === part)
          .map((pod) => ({ token: tokens[pod] ?? "", fieldSelectors: selectorsNow(`pod-${pod}`) })),
      }));
      return Math.max(began, ...at) - began;
    },
    seen: async (version, expected) => together(() => ({ kind: "await", version, count: 0 })),
    delivered: async () => (await together(() => ({ kind: "count" }))).events,
    async leave() {
      await together(() => ({ kind: "close" }));
      count = 0;
    },
    now: sharedMillis,
    close() {
      for (const load of loads) load.disconnect();
    },
  };
}
