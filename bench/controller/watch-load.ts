import { setTimeout as delay } from "node:timers/promises";
import { systemClock } from "../../router/app/clock.ts";
import { createKubeClient } from "../../router/edge/kubernetes/kube-client.ts";
import { watchResource } from "../../router/edge/kubernetes/watch-resource.ts";
import { sharedMillis, type SidecarOrder, type WatchAnswer, type WatchOrder } from "./watch-order.ts";

/**
 * Many sidecars' watches in one process, each with a client, connections and a token of its own, as the router makes them.
 * What an event says is not parsed further: on their own nodes a thousand would do that at the same time.
 */
const closing: (() => Promise<void>)[] = [];
const seen = new Map<string, Map<number, number>>();
let sidecars = 0;
let events = 0;

process.on("message", (order: WatchOrder) => {
  void obey(order).then((at) => {
    const answer: WatchAnswer = { at, events };
    events = 0;
    process.send?.(answer);
  });
});
process.once("disconnect", () => process.exit());

async function obey(order: WatchOrder): Promise<readonly number[]> {
  if (order.kind === "open") {
    const { url, ca, path } = order;
    return (await Promise.all(order.sidecars.map(async (sidecar) => open(url, ca, path, sidecar)))).flat();
  }
  if (order.kind === "close") {
    await Promise.all(closing.splice(0).map(async (close) => close()));
    sidecars = 0;
    return [];
  }
  const end = sharedMillis() + 10_000;
  const times = timesOf(order.version);
  while (times.size < order.count && sharedMillis() < end) await delay(20);
  seen.delete(order.version);
  return [...times.values()];
}

async function open(url: string, ca: string, path: string, { token, fieldSelectors }: SidecarOrder): Promise<number[]> {
  const sidecar = sidecars++;
  const made = createKubeClient(
    { url, ca: { text: ca }, credential: { kind: "token", token: { text: token } } },
    { clock: systemClock, random: Math.random, connections: 3, userAgent: "sluice-router" },
  );
  if (!made.ok) throw new Error(made.problem);
  const client = made.value;
  const listed = fieldSelectors.map(async (fieldSelector) => {
    const { promise, resolve } = Promise.withResolvers<number>();
    const watch = watchResource<string>({
      client,
      clock: systemClock,
      random: Math.random,
      path,
      ...(fieldSelector === "" ? {} : { fieldSelector }),
      project: ({ metadata }) => metadata.resourceVersion ?? "",
      synced: () => resolve(sharedMillis()),
      changed: (_type, version) => {
        events += 1;
        const times = timesOf(version);
        if (!times.has(sidecar)) times.set(sidecar, sharedMillis());
      },
    });
    closing.push(async () => {
      await watch.close();
      client.close();
    });
    return promise;
  });
  return Promise.all(listed);
}

function timesOf(version: string): Map<number, number> {
  let times = seen.get(version);
  if (times === undefined) seen.set(version, (times = new Map()));
  return times;
}
