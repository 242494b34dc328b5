import { readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { KubeClient } from "../../router/edge/kubernetes/kube-client.ts";
import { approvalOf, FILES, NAMESPACE, PATH } from "../../test/cluster/approvals-world.ts";
import { type Cluster, requireCluster, startCluster } from "../../test/cluster/cluster.ts";
import { eventually } from "../../test/cluster/eventually.ts";
import { type Memory, memoryNow } from "../inference/process-facts.ts";
import { quantiles } from "../inference/quantiles.ts";
import { clientFor, done } from "./admin-client.ts";
import { ownChild } from "./api-server-process.ts";
import { loadAverage } from "./load-average.ts";
import { type Selectors, simulatedSidecars, type SimulatedSidecars } from "./simulated-sidecars.ts";
import { spent } from "./spent.ts";
import { sharedMillis } from "./watch-order.ts";

/**
 * What sidecars that follow approvals cost one real API server: connected all at once, idle, and at each event, which all
 * of them must see. Then the plans for approvals that name one pod: every sidecar follows all of its namespace (as the
 * router does), or asks by `spec.target.pod`. Run: `node bench/controller/watchers.ts [--short]`. Exit 1 where an event was
 * missed.
 */
const short = process.argv.includes("--short");
const STEPS = short ? [0, 50] : [0, 100, 500, 1_000];
const EVENTS = short ? 5 : 20;
const IDLE_MILLIS = short ? 1_000 : 60_000;
const APART_MILLIS = short ? 100 : 500;
const PROCESSES = short ? 1 : 4;
/** An API server that has just started works for itself. */
const SETTLE_MILLIS = short ? 0 : 20_000;
const REST_MILLIS = short ? 300 : 3_000;
const POD = "pod-7";

const ALL: Selectors = () => [""];
const PLANS: readonly { readonly name: string; readonly selectors: Selectors; readonly isForAllSeen: boolean }[] = [
  { name: "all of the namespace", selectors: ALL, isForAllSeen: true },
  { name: "its own pod only", selectors: (pod) => [`spec.target.pod=${pod}`], isForAllSeen: false },
  {
    name: "its own, and those of no pod",
    selectors: (pod) => [`spec.target.pod=${pod}`, "spec.target.pod="],
    isForAllSeen: true,
  },
];

interface Fanned {
  /** Sidecars that should have seen an event and did not within ten seconds. */
  readonly missed: number;
  /** Events that watches have handed on. */
  readonly delivered: number;
  /** Milliseconds from the start of the write, of each sidecar and event. */
  readonly each: readonly number[];
  /** Of the last sidecar, of each event. */
  readonly last: readonly number[];
}

const { skip } = requireCluster();
if (skip === false) await measure();
else console.log(`not measured: ${skip}`);

async function measure(): Promise<void> {
  await using ends = new AsyncDisposableStack();
  const cluster = await startCluster(
    { after: (end) => ends.defer(async () => end()) },
    // As every API server runs; tests do without.
    { flags: ["--enable-priority-and-fairness=true"] },
  );
  const admin = clientFor(cluster, cluster.admin);
  ends.defer(() => admin.close());
  await prepare(cluster, admin);
  const sidecars = simulatedSidecars(cluster, PATH, await tokens(admin, STEPS.at(-1) ?? 0), PROCESSES);
  ends.defer(() => sidecars.close());
  let missed = await steps(admin, sidecars);
  if (!short) missed += await plans(cluster, admin, sidecars);
  console.log(JSON.stringify({ bench: "controller/watchers", missed }));
  if (missed > 0) throw new Error(`${missed} events were missed`);
}

async function prepare(cluster: Cluster, admin: KubeClient): Promise<void> {
  const files = ["crds", "rbac"].flatMap((folder) =>
    readdirSync(join(FILES, folder)).map((name) => join(FILES, folder, name)),
  );
  const applied = await cluster.kubectl(["apply", ...files.flatMap((file) => ["-f", file])]);
  if (applied.status !== 0) throw new Error(applied.stderr);
  await cluster.createNamespace(NAMESPACE);
  const group = `system:serviceaccounts:${NAMESPACE}`;
  await done(admin, "POST", `/apis/rbac.authorization.k8s.io/v1/namespaces/${NAMESPACE}/rolebindings`, {
    metadata: { name: "sluice-router" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "sluice-router" },
    subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "Group", name: group }],
  });
  await eventually(async () => void (await done(admin, "GET", PATH)));
  for (const [name, target] of [
    ["for-all", { namespace: NAMESPACE }],
    ["for-one", { namespace: NAMESPACE, pod: POD }],
  ] as const) {
    await done(admin, "POST", PATH, approvalOf(name, "admin", { target }));
  }
}

/** One each, as each pod has. */
async function tokens(admin: KubeClient, count: number): Promise<readonly string[]> {
  const path = `/api/v1/namespaces/${NAMESPACE}/serviceaccounts/default/token`;
  const body = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: {} };
  return Promise.all(
    Array.from({ length: count }, async () => {
      const made = (await done(admin, "POST", path, body)) as { readonly status: { readonly token: string } };
      return made.status.token;
    }),
  );
}

async function steps(admin: KubeClient, sidecars: SimulatedSidecars): Promise<number> {
  const pid = ownChild("kube-apiserver");
  await delay(SETTLE_MILLIS);
  console.log(`every sidecar in one namespace, with a token and a connection of its own; ${loadAverage()}`);
  let missed = 0;
  let connecting = 0;
  const at: { readonly memory: Memory; readonly event: number; readonly idle: number; readonly last: number }[] = [];
  const rows: Record<string, Record<string, number | string>> = {};
  for (const count of STEPS) {
    const added = count - sidecars.count;
    const opened = await spent(pid, async () => sidecars.open(added, ALL));
    await delay(REST_MILLIS);
    const fanned = await spent(pid, async () => fanOut(admin, sidecars, "for-all", count));
    missed += fanned.result.missed;
    const idle = await spent(pid, async () => delay(IDLE_MILLIS));
    const memory = memoryNow(pid);
    const event = fanned.cpuMillis / EVENTS;
    const minute = (idle.cpuMillis * 60_000) / idle.millis;
    connecting += count === 0 ? 0 : opened.cpuMillis;
    at.push({ memory, event, idle: minute, last: quantiles([...fanned.result.last])(0.5) });
    const alone = at[0]?.event ?? 0;
    rows[`${count} sidecars`] = {
      "more connected in s": count === 0 ? "" : `${added} in ${(opened.result / 1_000).toFixed(1)}`,
      "CPU ms each": count === 0 ? "" : (opened.cpuMillis / added).toFixed(1),
      "idle: CPU ms a minute": minute.toFixed(0),
      "MB rss / anon": `${memory.rss.toFixed(0)} / ${memory.anon.toFixed(0)}`,
      ...seenRow(fanned.result),
      "CPU ms an event": event.toFixed(1),
      "of that, us a sidecar": count === 0 ? "" : (((event - alone) * 1_000) / count).toFixed(0),
    };
  }
  console.table(rows);
  const [none, most] = [at[0], at.at(-1)];
  const count = STEPS.at(-1) ?? 0;
  // Of a few, the noise would be multiplied.
  if (!short && none !== undefined && most !== undefined) {
    const [memory, event, idle] = [
      most.memory.rss - none.memory.rss,
      most.event - none.event,
      most.idle - none.idle,
    ].map((more) => ((more * 1_000) / count).toFixed(0));
    console.log(
      `per thousand: ${memory} MB; to connect ${(connecting / count).toFixed(1)} s of CPU; idle ${idle} ms of CPU a minute more than without; an event ${event} ms of CPU, and the last has seen it after ${most.last.toFixed(0)} ms (p50, at ${count})`,
    );
    console.log(
      `in "CPU ms an event", ${none.event.toFixed(1)} are the write and what the API server does by itself in ${APART_MILLIS} ms; ${loadAverage()}`,
    );
  }
  return missed;
}

async function plans(cluster: Cluster, admin: KubeClient, sidecars: SimulatedSidecars): Promise<number> {
  const count = STEPS.at(-1) ?? 0;
  console.log(
    `an approval for one pod (and one for all of them), ${count} sidecars, the API server just started each time`,
  );
  let missed = 0;
  const rows: Record<string, Record<string, number | string>> = {};
  for (const { name, selectors, isForAllSeen } of PLANS) {
    await sidecars.leave();
    await cluster.restart();
    const pid = ownChild("kube-apiserver");
    await delay(SETTLE_MILLIS);
    const before = memoryNow(pid);
    const opened = await spent(pid, async () => sidecars.open(count, selectors));
    await delay(REST_MILLIS);
    const one = await spent(pid, async () => fanOut(admin, sidecars, "for-one", selectors === ALL ? count : 1));
    const all = await spent(pid, async () => fanOut(admin, sidecars, "for-all", isForAllSeen ? count : 0));
    missed += one.result.missed + all.result.missed;
    await delay(IDLE_MILLIS / 2);
    const { rss, anon } = memoryNow(pid);
    rows[name] = {
      "connected after s": (opened.result / 1_000).toFixed(1),
      "CPU ms each": (opened.cpuMillis / count).toFixed(1),
      "MB more rss / anon": `${(rss - before.rss).toFixed(0)} / ${(anon - before.anon).toFixed(0)}`,
      "for one: delivered": one.result.delivered / EVENTS,
      "CPU ms an event": (one.cpuMillis / EVENTS).toFixed(1),
      ...seenRow(one.result),
      "for all: delivered": all.result.delivered / EVENTS,
      "CPU ms": (all.cpuMillis / EVENTS).toFixed(1),
    };
  }
  console.table(rows);
  console.log(loadAverage());
  return missed;
}

/** Events some time apart, each waited for until `expected` sidecars have seen it. */
async function fanOut(admin: KubeClient, sidecars: SimulatedSidecars, name: string, expected: number): Promise<Fanned> {
  const each: number[] = [];
  const last: number[] = [];
  let missed = 0;
  let delivered = 0;
  for (let event = 0; event < EVENTS; event++) {
    const rest = delay(APART_MILLIS);
    const began = sharedMillis();
    const body = { metadata: { annotations: { "sluice.dev/bench": `${began}` } } };
    const { metadata } = (await done(admin, "PATCH", `${PATH}/${name}`, body)) as {
      metadata: { resourceVersion: string };
    };
    const seen = await sidecars.seen(metadata.resourceVersion, expected);
    const took = seen.at.map((at) => at - began);
    each.push(...took);
    if (took.length > 0) last.push(Math.max(...took));
    missed += Math.max(0, expected - took.length);
    await rest;
    // Also of those who should not have seen it.
    delivered += seen.events + (await sidecars.seen("", 0)).events;
  }
  return { missed, delivered, each, last };
}

function seenRow({ each, last }: Fanned): Record<string, string> {
  const [of, ofLast] = [quantiles([...each]), quantiles([...last])];
  const text = (values: readonly number[]): string => values.map((value) => value.toFixed(0)).join(" / ");
  return {
    "seen after ms, p50 / p99 / max": each.length === 0 ? "" : text([of(0.5), of(0.99), of(1)]),
    "the last, p50 / max": last.length === 0 ? "" : text([ofLast(0.5), ofLast(1)]),
  };
}
