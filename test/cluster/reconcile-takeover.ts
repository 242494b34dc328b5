/** What the owner of a namespace prepares before the operator labels it. */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { soonest } from "../fakes/soonest.ts";
import { approvalOf } from "./approvals-world.ts";
import { eventually } from "./eventually.ts";
import { conditionOf, eventReasons, type ReconcileWorld, RESOURCES } from "./reconcile-world.ts";

const MANAGED = { "app.kubernetes.io/managed-by": "sluice" };
const FOREVER = { finalizers: ["evil.example/stay"] };
const EVIL = { "signers.yaml": "EVIL", "router.yaml": "EVIL", "evil.pub": "EVIL" };

interface Prepared {
  readonly metadata?: object;
  /** Of the ConfigMaps; undefined: nothing is there. */
  readonly members: object | undefined;
  /** Deleted meanwhile, so that it waits for its finalizers. */
  readonly isDeleted?: boolean;
}

const PREPARED: readonly (readonly [string, Prepared])[] = [
  ["nothing", { members: undefined }],
  ["immutable", { members: { immutable: true } }],
  ["mutable", { members: { binaryData: { more: "AAAA" }, immutable: false } }],
  ["held", { metadata: FOREVER, members: { immutable: true } }],
  ["held-ours", { metadata: { ...FOREVER, labels: MANAGED }, members: { immutable: true } }],
  ["deleted", { metadata: { ...FOREVER, labels: MANAGED }, members: {}, isDeleted: true }],
];

export async function takenOver(world: ReconcileWorld, t: TestContext): Promise<void> {
  for (const [name, { metadata = {}, members, isDeleted = false }] of PREPARED) {
    // One after the other they wait for the limit of writes.
    const most = members === undefined ? 1_000 : 3_000;
    let tries = 0;
    const took = await soonest(most, async () => {
      const namespace = tries === 0 ? `taken-${name}` : `taken-${name}-${tries}`;
      tries += 1;
      await world.cluster.createNamespace(namespace);
      const maps = `/api/v1/namespaces/${namespace}/configmaps`;
      const bindings = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/rolebindings`;
      if (members !== undefined) {
        for (const map of ["sluice-trust", "sluice-router"]) {
          await world.made(maps, { metadata: { ...metadata, name: map }, data: EVIL, ...members });
          if (isDeleted) await world.cluster.api("DELETE", `${maps}/${map}`);
        }
        await world.made(bindings, {
          metadata: { ...metadata, name: "sluice-router" },
          roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "sluice-viewer" },
        });
      }
      const kept = await enforce(world, namespace);
      const trust = await world.get(`${maps}/sluice-trust`);
      assert.deepEqual(Object.keys(trust.data ?? {}).toSorted(), ["release.pub", "signers.yaml"], name);
      assert.equal(trust.data?.["release.pub"], world.signer.publicKeyPem);
      const router = await world.get(`${maps}/sluice-router`);
      assert.deepEqual(Object.keys(router.data ?? {}).toSorted(), ["ca.crt", "router.yaml"], name);
      assert.equal(router.data?.["ca.crt"]?.trim(), world.cluster.caPem.replaceAll("\r", "").trim());
      const binding = await world.get(`${bindings}/sluice-router`);
      assert.equal((binding as { roleRef?: { name: string } }).roleRef?.name, "sluice-router", name);
      for (const object of [trust, router, binding]) {
        for (const member of ["immutable", "binaryData"]) assert.ok(!(member in object), `${name}: ${member}`);
        for (const member of ["finalizers", "deletionTimestamp"]) {
          assert.ok(!(member in object.metadata), `${name}: ${member}`);
        }
      }
      return kept;
    });
    t.diagnostic(`${name}: kept ${took} ms after the label`);
    assert.ok(took < most, `${name}: ${took} ms`);
  }
}

/** Milliseconds from the label until pods may be made. */
async function enforce(world: ReconcileWorld, namespace: string): Promise<number> {
  const path = `/api/v1/namespaces/${namespace}`;
  const began = performance.now();
  const labels = { "sluice.dev/enforce": "true" };
  const { status } = await world.cluster.api("PATCH", path, { metadata: { labels } });
  assert.equal(status, 200);
  await eventually(async () => assert.equal((await world.get(path)).metadata.labels?.["sluice.dev/kept"], "true"));
  return Math.round(performance.now() - began);
}

export async function markTaken(world: ReconcileWorld): Promise<void> {
  const path = "/api/v1/namespaces/taken-nothing";
  const marks = async (): Promise<unknown> => (await world.get(path)).metadata.labels?.["sluice.dev/kept"];
  await world.cluster.api("PATCH", path, { metadata: { labels: { "sluice.dev/enforce": null } } });
  await eventually(async () => assert.equal(await marks(), undefined));
  // Said before it is so, by one who may.
  await world.cluster.api("PATCH", path, { metadata: { labels: { "sluice.dev/kept": "true" } } });
  await eventually(async () => assert.equal(await marks(), undefined));
}

export async function olderPods(world: ReconcileWorld): Promise<void> {
  const namespace = "parked";
  await world.cluster.createNamespace(namespace);
  const path = `/api/v1/namespaces/${namespace}/pods`;
  const containers = [{ name: "a", image: "a" }];
  const forged = { "sluice.dev/injected": "true", "sluice.dev/policy-name": "sluice-policy" };
  const pods: readonly (readonly [string, object, object])[] = [
    ["parked", {}, { schedulerName: "mine" }],
    ["gated", {}, { schedulingGates: [{ name: "example.com/wait" }] }],
    ["stuck", { ...FOREVER }, { schedulerName: "mine" }],
    [
      "forged",
      { labels: forged },
      { schedulerName: "mine", initContainers: [{ name: "sluice-router", image: "evil" }] },
    ],
    ["runs", {}, { nodeName: "node-1" }],
    ["forged-runs", { labels: forged }, { nodeName: "node-1" }],
  ];
  for (const [name, metadata, spec] of pods) {
    await world.made(path, { metadata: { ...metadata, name }, spec: { containers, ...spec } });
  }
  await enforce(world, namespace);
  await eventually(async () => {
    const { items = [] } = await world.get(path);
    const alive = items
      .filter(({ metadata }) => !("deletionTimestamp" in metadata))
      .map(({ metadata }) => metadata.name ?? "");
    assert.deepEqual(new Set(alive), new Set(["forged-runs", "runs"]));
  });
  await eventually(async () => {
    const reasons = new Set(await eventReasons(world, "default", namespace));
    for (const reason of ["PodsDeleted", "PodsNotInjected", "PodsOlder"]) assert.ok(reasons.has(reason), reason);
  });
}

export async function heldApproval(world: ReconcileWorld, requester: string): Promise<void> {
  const approvals = `${RESOURCES}/namespaces/taken-mutable/egressapprovals`;
  const asked = approvalOf("held", requester, {}) as { metadata: object };
  await world.made(approvals, { ...asked, metadata: { ...asked.metadata, finalizers: ["evil.example/stay"] } });
  const phase = async (expected: string): Promise<void> =>
    eventually(async () => {
      const { status } = await world.get(`${approvals}/held`);
      assert.equal((status as { phase?: string } | undefined)?.phase, expected);
    });
  await phase("Pending");
  await world.cluster.api("DELETE", `${approvals}/held`);
  await phase("Revoked");
  const held = await world.get(`${approvals}/held`);
  assert.deepEqual((held.metadata as { finalizers?: unknown }).finalizers, ["evil.example/stay"]);
  for (const type of ["Ready", "Expired"]) assert.match(conditionOf(held, type).message ?? "", /^It was deleted/);
  await world.cluster.api("PATCH", `${approvals}/held`, { metadata: { finalizers: null } });
}
