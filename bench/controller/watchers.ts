import { readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { KubeClient } from "../../router/edge/kubernetes/kube-client.ts";
import { approvalOf, FILES, NAMESPACE, PATH } from "../../test/cluster/approvals-world.ts";
import { type Cluster, requireCluster, startCluster } from "../../test/cluster/cluster.ts";
import { eventually } from "../../test/cluster/eventually.ts";
import { memoryNow } from "../inference/process-facts.ts";
import { quantiles } from "../inference/quantiles.ts";
import { clientFor, done } from "./admin-client.ts";
import { ownChild } from "./api-server-process.ts";
import { loadAverage } from "./load-average.ts";
import { type Fanned, type Selectors, simulatedSidecars, type SimulatedSidecars, spent } from "./simulated-sidecars.ts";

/**
 * What sidecars that follow approvals cost one real API server: connected all at once, idle, and at each event, which all
 * of them must see. Then the plans for approvals that name one pod: every sidecar follows all of its namespace (as the
 * router does), or asks by `spec.target.pod`. Run: `node bench/controller/watchers.ts [--short]`. Exit 1 where an event was
 * missed.
 */
const short = process.argv.includes("--short");
const STEPS = short ? [0, 50] : [0, 100, 500, 1_000];
const EVENTS = short ? 5 : 20;
const IDLE_MILLIS = short ? 3_000 : 60_000;
const APART_MILLIS = short ? 100 : 500;
const PROCESSES = short ? 1 : 4;
/** An API server that has just started works for itself. */
const SETTLE_MILLIS = short ? 0 : 20_000;
const REST_MILLIS = short ? 300 : 3_000;
const POD = "pod-7";

const ALL: Selectors = () => [""];
const PLANS: readonly (readonly [string, Selectors])[] = [
  ["all of the namespace", ALL],
  ["its own pod only", (pod) => [`spec.target.pod=${pod}`]],
  ["its own, and those of no pod", (pod) => [`spec.target.pod=${pod}`, "spec.target.pod="]],
];

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
  let write = 0;
  const rows: Record<string, Record<string, number | string>> = {};
  for (const count of STEPS) {
    const added = count - sidecars.count;
    const opened = await spent(pid, async () => sidecars.open(added, ALL));
    await delay(REST_MILLIS);
    const fanned = await spent(pid, async () => fanOut(admin, sidecars, "for-all", count));
    missed += fanned.result.missed;
    if (count === 0) write = fanned.cpuMillis / EVENTS;
    const idle = await spent(pid, async () => delay(IDLE_MILLIS));
    const { rss, anon } = memoryNow(pid);
    rows[`${count} sidecars`] = {
      "connected after s": count === 0 ? "" : (opened.result / 1_000).toFixed(1),
      "CPU ms each": count === 0 ? "" : (opened.cpuMillis / added).toFixed(1),
      "idle: CPU ms a minute": ((idle.cpuMillis * 60_000) / idle.millis).toFixed(0),
      "MB rss / anon": `${rss.toFixed(0)} / ${anon.toFixed(0)}`,
      ...seenRow(fanned.result),
      "CPU ms an event": (fanned.cpuMillis / EVENTS).toFixed(1),
      "more, us each": count === 0 ? "" : (((fanned.cpuMillis / EVENTS - write) * 1_000) / count).toFixed(0),
    };
  }
  console.table(rows);
  console.log(loadAverage());
  return missed;
}

async function plans(cluster: Cluster, admin: KubeClient, sidecars: SimulatedSidecars): Promise<number> {
  const count = STEPS.at(-1) ?? 0;
  console.log(`an approval for one pod (and one for all of them), ${count} sidecars, the API server just started each time`);
  let missed = 0;
  const rows: Record<string, Record<string, number | string>> = {};
  for (const [name, selectors] of PLANS) {
    await sidecars.leave();
    await cluster.restart();
    const pid = ownChild("kube-apiserver");
    await delay(SETTLE_MILLIS);
    const before = memoryNow(pid);
    const opened = await spent(pid, async () => sidecars.open(count, selectors));
    await delay(REST_MILLIS);
    const isFollowedByAll = selectors("").includes("") || selectors("").length > 1;
    const one = await spent(pid, async () => fanOut(admin, sidecars, "for-one", selectors === ALL ? count : 1));
    const all = await spent(pid, async () => fanOut(admin, sidecars, "for-all", isFollowedByAll ? count : 0));
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
    const began = sidecars.now();
    const body = { metadata: { annotations: { "sluice.dev/bench": `${began}` } } };
    const { metadata } = (await done(admin, "PATCH", `${PATH}/${name}`, body)) as { metadata: { resourceVersion: string } };
    const seen = await sidecars.seen(metadata.resourceVersion, expected);
    const took = seen.at.map((at) => at - began);
    each.push(...took);
    if (took.length > 0) last.push(Math.max(...took));
    missed += Math.max(0, expected - took.length);
    await rest;
    delivered += seen.events;
  }
  delivered += await sidecars.delivered();
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
