import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Cluster } from "../../test/cluster/cluster.ts";
import { message } from "../inference/child.ts";
import { sharedMillis, type WatchAnswer, type WatchOrder } from "./watch-order.ts";

/** The field selectors of a sidecar's watches, one watch each; the empty one selects nothing. */
export type Selectors = (pod: string) => readonly string[];

/** Sidecars `pod-0`, `pod-1` and so on that watch one collection, in a few processes of their own. */
export interface SimulatedSidecars {
  readonly count: number;
  /** So many more, at once; resolves with the milliseconds until the last has listed, when its watch begins. */
  open(more: number, selectors: Selectors): Promise<number>;
  /**
   * When sidecars first saw the event of this version, on the clock of `sharedMillis`: once so many have, or after ten
   * seconds. `events`: handed on since the answer before.
   */
  seen(version: string, expected: number): Promise<WatchAnswer>;
  /** All of them close. */
  leave(): Promise<void>;
  /** Their processes end. */
  close(): void;
}

const LONGEST_MILLIS = 10_000;
const LOOK_MILLIS = 40;

export function simulatedSidecars(
  { url, caPem }: Cluster,
  path: string,
  tokens: readonly string[],
  processes: number,
): SimulatedSidecars {
  const loads = Array.from({ length: processes }, () => fork(join(import.meta.dirname, "watch-load.ts")));
  let count = 0;
  return {
    get count() {
      return count;
    },
    async open(more, selectors) {
      const began = sharedMillis();
      const pods = Array.from({ length: more }, (_, index) => count + index);
      count += more;
      const { at } = await together(loads, (part) => ({
        kind: "open",
        url,
        ca: caPem,
        path,
        sidecars: pods
          .filter((pod) => pod % processes === part)
          .map((pod) => ({ token: tokens[pod] ?? "", fieldSelectors: selectors(`pod-${pod}`) })),
      }));
      return Math.max(began, ...at) - began;
    },
    async seen(version, expected) {
      const end = sharedMillis() + LONGEST_MILLIS;
      let events = 0;
      for (;;) {
        const answer = await together(loads, () => ({ kind: "seen", version }));
        events += answer.events;
        if (answer.at.length >= expected || sharedMillis() > end) return { at: answer.at, events };
        await delay(LOOK_MILLIS);
      }
    },
    async leave() {
      await together(loads, () => ({ kind: "close" }));
      count = 0;
    },
    close() {
      for (const load of loads) load.disconnect();
    },
  };
}

async function together(loads: readonly ChildProcess[], order: (part: number) => WatchOrder): Promise<WatchAnswer> {
  const answers = await Promise.all(
    loads.map(async (load, part) => {
      const answer = message<WatchAnswer>(load);
      load.send(order(part));
      return answer;
    }),
  );
  return {
    at: answers.flatMap(({ at }) => at),
    events: answers.reduce((sum, { events }) => sum + events, 0),
  };
}
