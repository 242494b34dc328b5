/** The reconciler before a real API server, with the rights, CRDs and admission policies of the chart. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test, type TestContext } from "node:test";
import { canonicalDocument } from "../../controller/policies/canonical-document.ts";
import type { Reconciler } from "../../controller/reconcile/open-reconciler.ts";
import { millis } from "../../router/core/base/quantity.ts";
import { answerOf, approvalOf } from "./approvals-world.ts";
import { requireCluster, startCluster } from "./cluster.ts";
import { soonest } from "../fakes/soonest.ts";
import { eventually } from "./eventually.ts";
import { heldApproval, markTaken, olderPods, takenOver } from "./reconcile-takeover.ts";
import {
  conditionOf,
  egressPolicy,
  eventReasons,
  type ReconcileWorld,
  RESOURCES,
  runs,
  startReconcileWorld,
  type StatusPod,
  statusPod,
  SYSTEM,
} from "./reconcile-world.ts";

const NAMESPACE = "research";
const CONFIG_MAPS = `/api/v1/namespaces/${NAMESPACE}/configmaps`;
const POLICIES = `${RESOURCES}/namespaces/${NAMESPACE}/egresspolicies`;
const APPROVALS = `${RESOURCES}/namespaces/${NAMESPACE}/egressapprovals`;
const NETWORK = `/apis/networking.k8s.io/v1/namespaces/${NAMESPACE}/networkpolicies`;

test("the reconciler", requireCluster(), async (t) => {
  const cluster = await startCluster(t);
  const world = await startReconcileWorld(cluster, t);
  await cluster.createNamespace(NAMESPACE);
  const first = world.replica("first");
  await eventually(async () => assert.equal(first.isLeader, true));
  const second = world.replica("second");
  const pods = [
    await statusPod(world, t, NAMESPACE, "agent-0", "127.77.6.1"),
    await statusPod(world, t, NAMESPACE, "agent-1", "127.77.6.2"),
  ] as const;
  const subtest = (name: string, check: () => Promise<void>): Promise<void> => t.test(name, check);

  await subtest("a namespace that is labelled has all it needs", async () => labelled(world, first));
  await subtest("drift is repaired within two seconds", async () => drift(world));
  await subtest("a policy becomes the very bytes that were signed, and says when all pods run them", async () =>
    rendered(world, pods),
  );
  await subtest("what is unsigned, older or second is not rendered, and what was stays", async () =>
    refusedPolicies(world),
  );
  await subtest("an approval goes its way, and tells it", async () => approval(world, pods[0]));
  await subtest(
    "what a namespace's owner prepared is Sluice's before pods may be made, and within a second",
    async () => takenOver(world, t),
  );
  await subtest("the mark goes with the enforcement, and nobody gives it before", async () => markTaken(world));
  await subtest("pods from before that wait for a node are deleted, those that run are named", async () =>
    olderPods(world),
  );
  await subtest("an approval that only finalizers keep is over", async () => heldApproval(world, cluster.admin.name));
  await subtest("the other replica takes over, and what is over is deleted", async () =>
    failOver(world, first, second, t),
  );
  await subtest("a policy that is deleted takes its keys with it, others' keys stay", async () => deleted(world));
  await subtest("without label and pods nothing of ours is left", async () => cleared(world));
});

async function labelled(world: ReconcileWorld, leader: Reconciler): Promise<void> {
  const { cluster } = world;
  // Somebody was there before, with a file of his own.
  const foreign = { metadata: { name: "sluice-trust" }, data: { "signers.yaml": "mine", "evil.pub": "mine" } };
  // The pods alone made it ours already: take it away first.
  await eventually(async () => void (await world.get(`${CONFIG_MAPS}/sluice-router`)));
  await cluster.api("PATCH", `/api/v1/namespaces/${NAMESPACE}`, {
    metadata: { labels: { "sluice.dev/enforce": "true" } },
  });
  await cluster.createNamespace("later", {});
  await world.made("/api/v1/namespaces/later/configmaps", foreign);
  await world.made("/api/v1/namespaces/later/pods", {
    metadata: { name: "old" },
    spec: { nodeName: "node-1", containers: [{ name: "a", image: "a" }] },
  });
  await cluster.api("PATCH", "/api/v1/namespaces/later", { metadata: { labels: { "sluice.dev/enforce": "true" } } });
  await eventually(async () => {
    for (const namespace of [NAMESPACE, "later"]) {
      const { data } = await world.get(`/api/v1/namespaces/${namespace}/configmaps/sluice-trust`);
      assert.deepEqual(Object.keys(data ?? {}).toSorted(), ["release.pub", "signers.yaml"]);
      assert.equal(data?.["release.pub"], world.signer.publicKeyPem);
      const router = await world.get(`/api/v1/namespaces/${namespace}/configmaps/sluice-router`);
      assert.match(
        router.data?.["router.yaml"] ?? "",
        /^\{"apiVersion":"sluice.dev\/v1alpha1","kind":"RouterConfig".*"watch":true/,
      );
      const quota = await world.get(`/api/v1/namespaces/${namespace}/resourcequotas/sluice-approvals`);
      assert.deepEqual(quota.spec, { hard: { "count/egressapprovals.sluice.dev": "500" } });
      const binding = await world.get(
        `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/rolebindings/sluice-router`,
      );
      assert.equal(binding.metadata.labels?.["app.kubernetes.io/managed-by"], "sluice");
    }
  });
  // Without a policy pods reach DNS and the API server.
  const network = await world.get(`${NETWORK}/sluice-egress-sluice-policy`);
  assert.equal((network.spec as { egress: unknown[] }).egress.length, 2);
  await eventually(async () => {
    const { items = [] } = await world.get("/api/v1/namespaces/default/events?fieldSelector=involvedObject.name=later");
    assert.deepEqual(items.map(({ reason = "" }) => reason).toSorted(), ["PodsNotInjected", "TookOver"]);
  });
  assert.equal(leader.uninjectedPods(), 1);
  assert.equal(leader.injectedPods()?.get("guard"), 2);
  await eventually(async () =>
    assert.deepEqual(
      leader.conditions().map(({ name }) => name),
      ["injection"],
    ),
  );
}

async function drift(world: ReconcileWorld): Promise<void> {
  const { cluster } = world;
  const router = `${CONFIG_MAPS}/sluice-router`;
  const before = await world.get(router);
  const took = async (what: string, damage: () => Promise<unknown>, check: () => Promise<void>): Promise<void> => {
    const millis = await soonest(2_000, async () => {
      await damage();
      const began = performance.now();
      await eventually(check);
      return performance.now() - began;
    });
    assert.ok(millis < 2_000, `${what}: ${millis} ms`);
  };
  const isWhole = async (): Promise<void> => assert.deepEqual((await world.get(router)).data, before.data);
  await took(
    "changed",
    async () => cluster.api("PATCH", router, { data: { "router.yaml": "open: true", more: "x" } }),
    isWhole,
  );
  await took("deleted", async () => cluster.api("DELETE", router), isWhole);
  await took(
    "its label",
    async () => cluster.api("PATCH", router, { metadata: { labels: null } }),
    async () => assert.equal((await world.get(router)).metadata.labels?.["app.kubernetes.io/managed-by"], "sluice"),
  );
  const quota = `/api/v1/namespaces/${NAMESPACE}/resourcequotas/sluice-approvals`;
  await took(
    "quota",
    async () => cluster.api("PATCH", quota, { spec: { hard: { "count/egressapprovals.sluice.dev": "9" } } }),
    async () =>
      assert.deepEqual((await world.get(quota)).spec, { hard: { "count/egressapprovals.sluice.dev": "500" } }),
  );
  const policy = `${NETWORK}/sluice-egress-sluice-policy`;
  await took(
    "network policy",
    async () => cluster.api("PATCH", policy, { spec: { egress: [{}] } }),
    async () => assert.equal(((await world.get(policy)).spec as { egress: unknown[] }).egress.length, 2),
  );
  const binding = `/apis/rbac.authorization.k8s.io/v1/namespaces/${NAMESPACE}/rolebindings/sluice-router`;
  await took(
    "role binding",
    async () => {
      await cluster.api("DELETE", binding);
      await cluster.api("POST", binding.replace("/sluice-router", ""), {
        metadata: { name: "sluice-router", labels: { "app.kubernetes.io/managed-by": "sluice" } },
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "sluice-viewer" },
      });
    },
    async () =>
      assert.equal(((await world.get(binding)) as { roleRef?: { name: string } }).roleRef?.name, "sluice-router"),
  );
}

function document(name: string, spec: object): string {
  const text = canonicalDocument({
    apiVersion: "sluice.dev/v1alpha1",
    kind: "EgressPolicy",
    name,
    spec: spec as never,
  });
  return text ?? assert.fail("it has no canonical form");
}

function digestOf(text: string): string {
  return `sha256:${createHash("sha256").update(text).digest("hex")}`;
}

function resource(world: ReconcileWorld, name: string, spec: object, annotations: object = {}): object {
  const signatures = world.signer.bundleFor(document(name, spec));
  return {
    apiVersion: "sluice.dev/v1alpha1",
    kind: "EgressPolicy",
    metadata: { name, annotations: { "sluice.dev/signatures": signatures, ...annotations } },
    spec,
  };
}

async function rendered(world: ReconcileWorld, [one, other]: readonly [StatusPod, StatusPod]): Promise<void> {
  const spec = egressPolicy(3, 8443);
  const text = document("main", spec);
  await world.made(CONFIG_MAPS, { metadata: { name: "sluice-policy" }, data: { "notes.txt": "somebody's" } });
  const made = resource(world, "main", spec) as { metadata: { annotations: Record<string, string> } };
  const signatures = made.metadata.annotations["sluice.dev/signatures"] ?? "";
  await world.made(POLICIES, made);
  await eventually(async () => {
    const { data } = await world.get(`${CONFIG_MAPS}/sluice-policy`);
    assert.equal(data?.["egresspolicy-main.yaml"], text);
    const bundle: unknown = JSON.parse(data?.["egresspolicy-main.yaml.sigstore.json"] ?? "");
    assert.deepEqual(bundle, JSON.parse(signatures));
    assert.equal(data?.["notes.txt"], "somebody's");
  });
  one.status = runs(digestOf(text));
  other.status = {
    policy: {
      state: "missing",
      condition: { state: "missing", problems: [{ code: "wrong_audience", message: "Not for us." }] },
    },
  };
  await eventually(async () => {
    const policy = await world.get(`${POLICIES}/main`);
    assert.deepEqual(
      ["Accepted", "Verified", "Rendered", "Loaded"].map((type) => conditionOf(policy, type).status),
      ["True", "True", "True", "False"],
    );
    const { pods, digest, shortDigest, version } = policy.status as {
      pods: object;
      digest: string;
      shortDigest: string;
      version: number;
    };
    assert.deepEqual([digest, shortDigest, version], [digestOf(text), digestOf(text).slice(7, 19), 3]);
    assert.deepEqual(pods, {
      total: 2,
      loaded: 1,
      behind: [{ name: "agent-1", message: "wrong_audience: Not for us." }],
    });
  });
  other.status = runs(digestOf(text));
  await eventually(async () => assert.equal(conditionOf(await world.get(`${POLICIES}/main`), "Loaded").status, "True"));
  await eventually(async () => {
    const { spec: network } = await world.get(`${NETWORK}/sluice-egress-sluice-policy`);
    assert.match(JSON.stringify(network), /"port":8443/);
  });
}

async function refusedPolicies(world: ReconcileWorld): Promise<void> {
  const { cluster } = world;
  const accepted = async (name: string): Promise<string> => {
    const { status, reason } = conditionOf(await world.get(`${POLICIES}/${name}`), "Accepted");
    return `${status} ${reason}`;
  };
  const file = async (): Promise<string | undefined> =>
    (await world.get(`${CONFIG_MAPS}/sluice-policy`)).data?.["egresspolicy-main.yaml"];
  const standing = await file();
  const change = async (spec: object, annotations: object = {}): Promise<void> => {
    const { status, body } = await cluster.api("PATCH", `${POLICIES}/main`, resource(world, "main", spec, annotations));
    assert.equal(status, 200, body.message ?? "");
  };
  const cases = [
    ["False Rollback", egressPolicy(2), {}],
    ["False SameVersion", egressPolicy(3, 444), {}],
    ["False Unsigned", egressPolicy(4), { "sluice.dev/signatures": null }],
    ["False Invalid", { ...egressPolicy(5), allow: [{ id: "x" }] }, {}],
    ["False BadSignatures", egressPolicy(6), { "sluice.dev/signatures": "[1]" }],
    ["False BadTarget", egressPolicy(6), { "sluice.dev/policy": "../x" }],
    ["False BadTarget", egressPolicy(6), { "sluice.dev/policy": "sluice-trust" }],
  ] as const;
  for (const [expected, spec, annotations] of cases) {
    await change(spec, annotations);
    await eventually(async () => assert.equal(await accepted("main"), expected));
    if (expected !== "False BadTarget") assert.equal(await file(), standing, expected);
  }
  await change(egressPolicy(7), { "sluice.dev/policy": null });
  await eventually(async () => assert.equal(await file(), document("main", egressPolicy(7))));
  const forged = resource(world, "main", egressPolicy(7), {});
  await change(egressPolicy(8), (forged as { metadata: { annotations: object } }).metadata.annotations);
  await eventually(async () =>
    assert.equal(conditionOf(await world.get(`${POLICIES}/main`), "Verified").status, "False"),
  );
  assert.equal(await file(), document("main", egressPolicy(7)));
  await new Promise((resolve) => setTimeout(resolve, 1_100));
  await world.made(POLICIES, resource(world, "second", egressPolicy(1)));
  await eventually(async () => assert.equal(await accepted("second"), "False Conflict"));
  await change(egressPolicy(9));
  await eventually(async () => assert.equal(await accepted("main"), "True Conflict"));
  await cluster.api("DELETE", `${POLICIES}/second`);
  await eventually(async () => assert.equal(await accepted("main"), "True Valid"));
}

async function approval(world: ReconcileWorld, pod: StatusPod): Promise<void> {
  const { cluster } = world;
  const phase = async (name: string, expected: string): Promise<void> =>
    eventually(async () =>
      assert.equal(
        ((await world.get(`${APPROVALS}/${name}`)).status as { phase?: string } | undefined)?.phase,
        expected,
      ),
    );
  // The admin of the test cluster asks; alice answers.
  const alice = cluster.user("alice");
  const subjects = [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "alice" }];
  const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "sluice-approver" };
  await world.made("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", {
    metadata: { name: "approvers" },
    roleRef,
    subjects,
  });
  const { body: self } = await cluster.api<{ status: { userInfo: { username: string } } }>(
    "POST",
    "/apis/authentication.k8s.io/v1/selfsubjectreviews",
    {
      apiVersion: "authentication.k8s.io/v1",
      kind: "SelfSubjectReview",
    },
  );
  const admin = self.status.userInfo.username;
  const ask = async (name: string, spec: object = {}): Promise<unknown> =>
    world.made(APPROVALS, approvalOf(name, admin, spec));
  const answer = async (name: string, status: string): Promise<void> =>
    eventually(async () => {
      const { conditions = [] } = ((await world.get(`${APPROVALS}/${name}`)).status ?? {}) as { conditions?: object[] };
      const given = answerOf(status, "alice");
      const answered = await cluster.api(
        "PATCH",
        `${APPROVALS}/${name}/status?fieldManager=alice`,
        { status: { ...given, conditions: [...conditions, ...given.conditions] } },
        { as: alice },
      );
      assert.equal(answered.status, 200, answered.body.message ?? "");
    });
  await ask("yes", {
    duration: "10s",
    action: { kind: "egress", host: "api.example.com", port: 9_999, protocol: "tls" },
  });
  await ask("no");
  await ask("back");
  for (const name of ["yes", "no", "back"]) await phase(name, "Pending");
  await answer("yes", "True");
  await answer("no", "False");
  await phase("no", "Denied");
  await phase("yes", "Approved");
  const approved = conditionOf(await world.get(`${APPROVALS}/yes`), "Approved");
  pod.status = { ...(pod.status as object), governance: { policy: {}, approvals: [{ id: `yes@${"0".repeat(16)}` }] } };
  await phase("yes", "Active");
  const active = await world.get(`${APPROVALS}/yes`);
  assert.deepEqual((active.status as { pods: object }).pods, { matching: 1, active: 1 });
  assert.equal(conditionOf(active, "Ready").status, "True");
  assert.deepEqual(conditionOf(active, "Approved"), approved);
  await eventually(async () =>
    assert.match(JSON.stringify(await world.get(`${NETWORK}/sluice-egress-sluice-policy`)), /"port":9999/),
  );
  await answer("back", "True");
  await phase("back", "Approved");
  await cluster.api("PATCH", `${APPROVALS}/back`, { spec: { revoked: true } });
  await phase("back", "Revoked");
  await phase("yes", "Expired");
  assert.equal(conditionOf(await world.get(`${APPROVALS}/yes`), "Expired").status, "True");
  for (const [name, expected] of [
    ["yes", ["Active", "Approved", "Expired", "Requested"]],
    ["no", ["Denied", "Requested"]],
    ["back", ["Approved", "Requested", "Revoked"]],
  ] as const) {
    await eventually(async () => assert.deepEqual(await eventReasons(world, NAMESPACE, name), expected));
  }
}

async function failOver(world: ReconcileWorld, first: Reconciler, second: Reconciler, t: TestContext): Promise<void> {
  assert.equal(second.isLeader, false);
  assert.equal(second.injectedPods(), undefined);
  const began = performance.now();
  await first.close();
  await eventually(async () => assert.equal(second.isLeader, true), 8_000);
  t.diagnostic(`handed over in ${Math.round(performance.now() - began)} ms`);
  await second.close();
  const lease = await world.get(`/apis/coordination.k8s.io/v1/namespaces/${SYSTEM}/leases/sluice-controller`);
  assert.equal((lease.spec as { holderIdentity?: string }).holderIdentity ?? "", "");
  const approvals = { maximumPerNamespace: 500, pending: millis(3_600_000), keep: millis(1_000) };
  const third = world.replica("third", { approvals });
  await eventually(async () => assert.deepEqual((await world.get(APPROVALS)).items, []));
  assert.equal(third.isLeader, true);
}

async function deleted(world: ReconcileWorld): Promise<void> {
  const own = `${CONFIG_MAPS}/team-a`;
  await world.made(POLICIES, resource(world, "solo", egressPolicy(1), { "sluice.dev/policy": "team-a" }));
  await eventually(async () => assert.equal((await world.get(own)).metadata.labels?.["sluice.dev/rendered"], "true"));
  await world.cluster.api("PATCH", own, { metadata: { labels: null }, data: { "egresspolicy-solo.yaml": "open" } });
  await eventually(async () => {
    const { data, metadata } = await world.get(own);
    assert.equal(data?.["egresspolicy-solo.yaml"], document("solo", egressPolicy(1)));
    assert.equal(metadata.labels?.["sluice.dev/rendered"], "true");
  });
  await world.cluster.api("DELETE", `${POLICIES}/solo`);
  await eventually(async () => assert.equal((await world.cluster.api("GET", own)).status, 404));
  await world.cluster.api("DELETE", `${POLICIES}/main`);
  await eventually(async () => {
    const { data, metadata } = await world.get(`${CONFIG_MAPS}/sluice-policy`);
    assert.deepEqual(data, { "notes.txt": "somebody's" });
    assert.equal(metadata.labels, undefined);
  });
}

async function cleared(world: ReconcileWorld): Promise<void> {
  const { cluster } = world;
  await cluster.api("PATCH", `/api/v1/namespaces/${NAMESPACE}`, {
    metadata: { labels: { "sluice.dev/enforce": null } },
  });
  // As long as injected pods run, what they stand on stays.
  await new Promise((resolve) => setTimeout(resolve, 500));
  await world.get(`${CONFIG_MAPS}/sluice-router`);
  for (const pod of ["agent-0", "agent-1"]) {
    await cluster.api("DELETE", `/api/v1/namespaces/${NAMESPACE}/pods/${pod}?gracePeriodSeconds=0`);
  }
  await eventually(async () => {
    for (const path of [
      CONFIG_MAPS,
      NETWORK,
      `/api/v1/namespaces/${NAMESPACE}/resourcequotas`,
      `/apis/rbac.authorization.k8s.io/v1/namespaces/${NAMESPACE}/rolebindings`,
    ]) {
      const { items = [] } = await world.get(path);
      assert.deepEqual(
        items
          .map(({ metadata }) => metadata.name)
          .filter((name) => name !== "sluice-policy" && name !== "kube-root-ca.crt"),
        [],
      );
    }
  });
}
