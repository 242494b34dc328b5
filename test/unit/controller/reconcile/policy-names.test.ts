/** More policies than a namespace may have. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { NamespaceKeeper } from "../../../../controller/reconcile/keep-namespace.ts";
import type { ClusterView, ManagedFacts } from "../../../../controller/reconcile/cluster-view.ts";
import type { Followed } from "../../../../controller/reconcile/followed-collection.ts";
import type { KubeWriter, WriteOutcome } from "../../../../controller/reconcile/kube-writer.ts";
import { MANAGED_KINDS } from "../../../../controller/reconcile/managed.ts";
import { podFacts } from "../../../../controller/reconcile/pod-facts.ts";
import { policyResource } from "../../../../controller/reconcile/policy-resource.ts";
import { systemClock } from "../../../../router/app/clock.ts";
import { controllerConfig } from "../../../cluster/reconcile-world.ts";

const NAMESPACE = "research";

function followed<T>(entries: readonly (readonly [key: string, value: T])[] = []): Followed<T> {
  const all = new Map(entries);
  return {
    name: "test",
    get: (key) => all.get(key),
    values: () => all.values(),
    isKnown: true,
    condition: () => ({
      state: "synced",
      reason: "",
      message: "",
      syncedAt: undefined,
      lastEventAt: undefined,
      failures: 0,
      hasSynced: true,
    }),
    close: async () => undefined,
  };
}

interface Kept {
  readonly applied: ReadonlySet<string>;
  readonly removed: ReadonlySet<string>;
  readonly told: readonly string[];
}

/** Of one pass: what was written and taken away of NetworkPolicies, by the policy's name, and what was told. */
async function kept(live: readonly string[], targets: readonly string[], standing: readonly string[]): Promise<Kept> {
  const applied = new Set<string>();
  const removed = new Set<string>();
  const told: string[] = [];
  const nameOf = (path: string): string => /networkpolicies\/sluice-egress-(.*)$/.exec(path)?.[1] ?? "";
  const done = (body: unknown = {}): WriteOutcome => ({ kind: "done", body });
  const writer: KubeWriter = {
    async apply(path, object) {
      if (nameOf(path) !== "") applied.add(nameOf(path));
      return done(object);
    },
    async remove(path) {
      removed.add(nameOf(path));
      return done();
    },
    merge: async () => done(),
    create: async () => done(),
    read: async () => ({ kind: "gone", message: "" }),
    problems: () => [],
  };
  const pods = live.map((policy, index) => {
    const metadata = { name: `p-${index}`, namespace: NAMESPACE, labels: { "sluice.dev/policy-name": policy } };
    return [`${NAMESPACE}/p-${index}`, podFacts({ metadata, spec: {} })] as const;
  });
  const policies = targets.map((target, index) => {
    const metadata = { name: `r-${index}`, namespace: NAMESPACE, annotations: { "sluice.dev/policy": target } };
    return [`${NAMESPACE}/r-${index}`, policyResource("EgressPolicy", { metadata, spec: {} })] as const;
  });
  const networkPolicies = standing.map((policy): readonly [string, ManagedFacts] => {
    const name = `sluice-egress-${policy}`;
    const facts = { kind: "NetworkPolicy", namespace: NAMESPACE, name, uid: name, fingerprint: "", isHeld: false };
    return [`${NAMESPACE}/${name}`, facts];
  });
  const facts = { uid: "u", isEnforced: true, isKept: false, isTerminating: false, resourceVersion: "1" };
  const view: Omit<ClusterView, "all"> = {
    namespaces: followed([[NAMESPACE, { name: NAMESPACE, ...facts }]]),
    pods: followed(pods),
    managed: MANAGED_KINDS.map(({ kind }) => followed(kind === "NetworkPolicy" ? networkPolicies : [])),
    rendered: followed(),
    policies: [followed(policies)],
    approvals: followed(),
  };
  const unused = (): never => assert.fail("nothing asks it here");
  const keeper = new NamespaceKeeper({
    rooms: {
      config: controllerConfig(),
      client: { request: unused, open: unused, close: () => undefined },
      clock: systemClock,
      random: () => 0.5,
      log: { event: () => undefined },
      reconciled: () => undefined,
      ca: undefined,
      ask: unused,
    },
    view: { ...view, all: [] },
    writer,
    events: {
      tell: (_subject, _type, reason, message) => void told.push(`${reason}: ${message}`),
      close: async () => undefined,
    },
    trust: () => undefined,
    ca: () => "none",
  });
  await keeper.keep(NAMESPACE, new AbortController().signal);
  return { applied, removed, told: told.filter((text) => text.startsWith("TooMany")) };
}

const numbered = (prefix: string, count: number): readonly string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}-${String(index).padStart(3, "0")}`);

test("256 policies and those that nobody names any more: the second go, and nothing is told", async () => {
  const { applied, removed, told } = await kept(["zz"], numbered("a", 255), ["zz", "old"]);
  assert.equal(applied.size, 256);
  assert.deepEqual([...removed], ["old"]);
  assert.deepEqual(told, []);
});

test("who writes hundreds of policies takes no NetworkPolicy from a pod, and it is told", async () => {
  const { applied, removed, told } = await kept(["zz"], numbered("a", 300), ["zz", "a-299", "old"]);
  assert.ok(applied.has("zz"), "a pod's own comes first");
  assert.equal(applied.size, 256);
  assert.deepEqual([...removed].toSorted(), ["a-299", "old"]);
  assert.equal(told.length, 1);
  assert.match(told[0] ?? "", /More than 256 .*: a-255, a-256, a-257, a-258, a-259 and others\. /);
});

test("of hundreds of pods with a policy each none loses what it has", async () => {
  const live = numbered("p", 300);
  const { applied, removed, told } = await kept(live, ["a"], [...live, "old"]);
  assert.equal(applied.size, 256);
  assert.deepEqual([...removed], ["old"]);
  assert.equal(told.length, 1);
});
