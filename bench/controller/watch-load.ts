import { systemClock } from "../../router/app/clock.ts";
import { createKubeClient } from "../../router/edge/kubernetes/kube-client.ts";
import { watchResource } from "../../router/edge/kubernetes/watch-resource.ts";
import { sharedMillis, type SidecarOrder, type WatchAnswer, type WatchOrder } from "./watch-order.ts";

/**
 * Many sidecars' watches in one process, each with a client, connections and a token of its own, as the router makes them.
 * What an event says is not parsed further: on their own nodes a thousand would do that at the same time.
 */
const closing: (() => Promise<void>)[] = [];
/** By version, then by sidecar. */
const seen = new Map<string, Map<number, number>>();
let sidecars = 0;
let events = 0;

process.on("message", (order: WatchOrder) => void answer(order));
process.once("disconnect", () => process.exit());

async function answer(order: WatchOrder): Promise<void> {
  const at = await obey(order);
  const given: WatchAnswer = { at, events };
  events = 0;
  process.send?.(given);
}

async function obey(order: WatchOrder): Promise<readonly number[]> {
  if (order.kind === "open") {
    const { url, ca, path } = order;
    return (await Promise.all(order.sidecars.map(async (sidecar) => open(url, ca, path, sidecar)))).flat();
  }
  if (order.kind === "close") {
    await Promise.all(closing.splice(0).map(async (close) => close()));
    seen.clear();
    return [];
  }
  return [...(seen.get(order.version)?.values() ?? [])];
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
        const times = seen.get(version) ?? new Map<number, number>();
        seen.set(version, times);
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
