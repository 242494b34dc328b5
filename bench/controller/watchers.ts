import { type ChildProcess, fork } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { KubeClient } from "../../router/edge/kubernetes/kube-client.ts";
import { approvalOf, FILES, NAMESPACE, PATH } from "../../test/cluster/approvals-world.ts";
import { type Cluster, requireCluster, startCluster } from "../../test/cluster/cluster.ts";
import { eventually } from "../../test/cluster/eventually.ts";
import { cpuSeconds, memoryNow } from "../inference/process-facts.ts";
import { quantiles } from "../inference/quantiles.ts";
import { clientFor, done } from "./admin-client.ts";
import { ownChild } from "./api-server-process.ts";
import { loadAverage } from "./load-average.ts";
import { sharedMillis, type SidecarOrder, type WatchAnswer, type WatchOrder } from "./watch-order.ts";

/**
 * What sidecars that follow approvals cost one real API server: connected at once, idle, and at each event, which all of
 * them must see. Then the same for approvals that name one pod, where each sidecar asks for all of the namespace, and where
 * it asks by `spec.target.pod`. Run: `node bench/controller/watchers.ts [--short]`. Exit 1 where an event was missed.
 */
const short = process.argv.includes("--short");
const STEPS = short ? [0, 50] : [0, 100, 500, 1_000];
const EVENTS = short ? 5 : 20;
const IDLE_MILLIS = short ? 3_000 : 60_000;
const APART_MILLIS = short ? 200 : 500;
const PROCESSES = short ? 1 : 4;
const POD = "pod-7";

interface Cost {
  readonly seconds: number;
  readonly cpu: number;
}

interface Fanned extends Cost {
  /** Sidecars that should have seen an event, and did not within ten seconds. */
  readonly missed: number;
  readonly delivered: number;
  readonly each: readonly number[];
  readonly last: readonly number[];
}

const { skip } = requireCluster();
if (skip === false) await measure();
else console.log(`not measured: ${skip}`);

async function measure(): Promise<void> {
  const ends: (() => void | Promise<void>)[] = [];
  try {
    const cluster = await startCluster(
      { after: (end) => void ends.push(end) },
      // As every API server runs; tests do without.
      { flags: ["--enable-priority-and-fairness=true"] },
    );
    const admin = clientFor(cluster, cluster.admin);
    ends.push(() => admin.close());
    await prepare(cluster, admin);
    const loads = Array.from({ length: PROCESSES }, () => fork(join(import.meta.dirname, "watch-load.ts")));
    ends.push(() => {
      for (const load of loads) load.disconnect();
    });
    await drive(cluster, admin, loads);
  } finally {
    for (const end of ends.toReversed()) await end();
  }
}

async function prepare(cluster: Cluster, admin: KubeClient): Promise<void> {
  const files = ["crds", "rbac"].flatMap((folder) => readdirSync(join(FILES, folder)).map((name) => join(FILES, folder, name)));
  const applied = await cluster.kubectl(["apply", ...files.flatMap((file) => ["-f", file])]);
  if (applied.status !== 0) throw new Error(applied.stderr);
  await cluster.createNamespace(NAMESPACE);
  await done(admin, "POST", `/apis/rbac.authorization.k8s.io/v1/namespaces/${NAMESPACE}/rolebindings`, {
    metadata: { name: "sluice-router" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "sluice-router" },
    subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "Group", name: `system:serviceaccounts:${NAMESPACE}` }],
  });
  await eventually(async () => void (await done(admin, "GET", PATH)));
  await done(admin, "POST", PATH, approvalOf("for-all", "admin", { target: { namespace: NAMESPACE } }));
  await done(admin, "POST", PATH, approvalOf("for-one", "admin", { target: { namespace: NAMESPACE, pod: POD } }));
}

async function drive(cluster: Cluster, admin: KubeClient, loads: readonly ChildProcess[]): Promise<void> {
  const pid = ownChild("kube-apiserver");
  const most = STEPS.at(-1) ?? 0;
  const tokens = await tokensFor(admin, most);
  const names = Array.from({ length: most }, (_, index) => `pod-${index}`);
  const open = async (from: number, to: number, selectors: (pod: string) => readonly string[]): Promise<Cost & { readonly listed: number }> =>
    costOf(pid, async () => {
      const began = sharedMillis();
      const answers = await Promise.all(
        loads.map(async (load, part) => {
          const sidecars = names.slice(from, to).flatMap((pod, index): SidecarOrder[] =>
            index % loads.length === part ? [{ token: tokens[from + index] ?? "", fieldSelectors: selectors(pod) }] : [],
          );
          return ask(load, { kind: "open", url: cluster.url, ca: cluster.caPem, path: PATH, sidecars });
        }),
      );
      const times = answers.flatMap(({ at }) => at);
      return { listed: times.length === 0 ? 0 : Math.max(...times) - began };
    });
  const fan = async (name: string, sidecars: number): Promise<Fanned> => costOf(pid, async () => fanOut(admin, loads, name, sidecars));

  console.log(`sidecars that watch the approvals of one namespace, each with a token and connections of its own; ${loadAverage()}`);
  console.log("                connect all        idle for a minute  API server   event until seen      all have seen it      CPU us");
  console.log("sidecars    s   CPU ms each        CPU s              MB rss/anon  p50/p99/max ms        p50/max ms            an event each");
  let before = 0;
  let missed = 0;
  let alone: Fanned | undefined;
  // The first minute of an API server is no minute like others.
  await delay(short ? 0 : 20_000);
  for (const count of STEPS) {
    const opened = await open(before, count, () => [""]);
    const added = count - before;
    before = count;
    await delay(short ? 500 : 3_000);
    const fanned = await fan("for-all", count);
    alone ??= fanned;
    missed += fanned.missed;
    const idle = await costOf(pid, async () => {
      await delay(IDLE_MILLIS);
      return {};
    });
    const memory = memoryNow(pid);
    const [each, last] = [quantiles([...fanned.each]), quantiles([...fanned.last])];
    const perEvent = ((fanned.cpu - alone.cpu) * 1e6) / Math.max(1, fanned.delivered);
    console.log(
      [
        String(count).padStart(8),
        (opened.listed / 1_000).toFixed(1).padStart(5),
        (added === 0 ? "" : ((opened.cpu * 1_000) / added).toFixed(1)).padStart(11),
        ((idle.cpu * 60) / idle.seconds).toFixed(2).padStart(13),
        `${memory.rss.toFixed(0)} / ${memory.anon.toFixed(0)}`.padStart(22),
        (count === 0 ? "" : [0.5, 0.99, 1].map((share) => each(share).toFixed(0)).join(" / ")).padStart(18),
        (count === 0 ? "" : [0.5, 1].map((share) => last(share).toFixed(0)).join(" / ")).padStart(17),
        (count === 0 ? "" : perEvent.toFixed(0)).padStart(20),
      ].join(" "),
    );
  }
  console.log(`${loadAverage()} by now; a write without watchers: ${((alone?.cpu ?? 0) * 1_000 / EVENTS).toFixed(1)} CPU ms`);
  if (!short) missed += await compareSelectors({ pid, loads, most, open, fan });
  console.log(JSON.stringify({ bench: "controller/watchers", missed }));
  if (missed > 0) {
    console.error(`${missed} sidecars missed an event`);
    process.exitCode = 1;
  }
}
