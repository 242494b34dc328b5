/** What stood in a namespace before it was enforced. On a real API server: test/cluster/reconcile-takeover.ts. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "node:test";
import { kubeWriter } from "../../../../controller/reconcile/kube-writer.ts";
import { readServerCa } from "../../../../controller/reconcile/server-ca.ts";
import { removeUnscheduled } from "../../../../controller/reconcile/unscheduled-pods.ts";
import { systemClock } from "../../../../router/app/clock.ts";
import { createKubeClient } from "../../../../router/edge/kubernetes/kube-client.ts";
import { type FakeKubeApi, type FakeKubeOptions, startFakeKubeApi } from "../../../fakes/kube-api.ts";
import { testCa } from "../../../fakes/origins.ts";
import { fakeWorld, label, until } from "./fake-world.ts";

const NAMESPACE = "/api/v1/namespaces/research";
const TRUST = `${NAMESPACE}/configmaps/sluice-trust`;
const ROUTER = `${NAMESPACE}/configmaps/sluice-router`;
const QUOTA = `${NAMESPACE}/resourcequotas/sluice-approvals`;
const BINDING = "/apis/rbac.authorization.k8s.io/v1/namespaces/research/rolebindings/sluice-router";
const CA = { text: testCa().certificatePem };

const isKept = (api: FakeKubeApi) => (): boolean => api.get(NAMESPACE)?.metadata.labels?.["sluice.dev/kept"] === "true";
const isTold = (api: FakeKubeApi, reason: string) => (): boolean =>
  api.list("/api/v1/namespaces/default/events").some((event) => event["reason"] === reason);

/** As the API server does: what is immutable stays as it is, and what has finalizers is not gone when it is deleted. */
function stubborn(api: () => FakeKubeApi): NonNullable<FakeKubeOptions["refuse"]> {
  return (method, { plural, namespace, name }, asked) => {
    if (plural !== "configmaps" || namespace !== "research") return undefined;
    const stored = api().get(`${NAMESPACE}/configmaps/${name ?? ""}`);
    const finalizers = stored?.metadata["finalizers"];
    if (method === "DELETE" && Array.isArray(finalizers) && finalizers.length > 0) {
      return { code: 200, reason: "", message: "it waits for its finalizers" };
    }
    const isChanged = JSON.stringify(stored?.["data"]) !== JSON.stringify(asked["data"]);
    if (method === "PATCH" && stored?.["immutable"] === true && isChanged) {
      return { code: 422, reason: "Invalid", message: "data: Forbidden: field is immutable when `immutable` is set" };
    }
    return undefined;
  };
}

test("INV-RECONCILE-TAKEOVER: what a namespace's owner prepared is made anew, and only then are pods let in", async (t) => {
  const holder: { api?: FakeKubeApi } = {};
  const { api } = await fakeWorld(t, { refuse: stubborn(() => holder.api ?? assert.fail()) }, {}, CA);
  holder.api = api;
  const managed = { "app.kubernetes.io/managed-by": "sluice" };
  const evil = { data: { "signers.yaml": "EVIL", "evil.pub": "EVIL" }, immutable: true };
  api.put(TRUST, { metadata: { labels: managed, finalizers: ["evil.example/stay"] }, ...evil });
  api.put(ROUTER, { metadata: {}, ...evil });
  label(api, "research");
  await until("kept", isKept(api));
  const names = (path: string): readonly string[] => Object.keys(api.get(path)?.["data"] ?? {}).toSorted();
  assert.deepEqual(names(TRUST), ["release.pub", "signers.yaml"]);
  assert.deepEqual(names(ROUTER), ["ca.crt", "router.yaml"]);
  for (const path of [TRUST, ROUTER]) {
    assert.doesNotMatch(JSON.stringify(api.get(path)), /EVIL|immutable|finalizers/);
  }
  await until("told", isTold(api, "TookOver"));
});

test("INV-RECONCILE-MARK: one object that cannot be written keeps pods out, and none of the others back", async (t) => {
  let isRefused = true;
  const { api, reconciler } = await fakeWorld(t, {
    refuse: (method, { plural, name }) =>
      isRefused && method === "PATCH" && plural === "configmaps" && name === "sluice-trust"
        ? { code: 403, reason: "Forbidden", message: "not you" }
        : undefined,
  });
  // Somebody said so before.
  label(api, "research", { "sluice.dev/enforce": "true", "sluice.dev/kept": "true" });
  await until("the mark is taken", () => !isKept(api)());
  await until("the others are there", () => [ROUTER, QUOTA, BINDING].every((path) => api.get(path) !== undefined));
  await until("it is said", () =>
    reconciler.conditions().some(({ name, reason }) => name === "namespaces" && reason.includes("sluice-trust")),
  );
  await until("it is told", isTold(api, "NotKept"));
  await sleep(400);
  assert.equal(isKept(api)(), false);
  isRefused = false;
  await until("kept", isKept(api), 5_000);
  await until("nothing is wrong", () => reconciler.conditions().every(({ name }) => name !== "namespaces"));
  label(api, "research", { "sluice.dev/kept": "true" });
  await until("the mark goes with the enforcement", () => !isKept(api)());
});

test("INV-RECONCILE-MARK: what was seen is not enough, it is read back", async (t) => {
  const { api } = await fakeWorld(t);
  label(api, "research");
  await until("all is there", () => [TRUST, ROUTER, QUOTA, BINDING].every((path) => api.get(path) !== undefined));
  await sleep(50);
  // No watch tells of it.
  api.silence();
  const before = api.get(TRUST) ?? assert.fail();
  api.put(TRUST, { ...before, data: { "signers.yaml": "EVIL" } });
  await until("told", isTold(api, "NotKept"));
  assert.equal(isKept(api)(), false);
});

test("INV-RECONCILE-MARK: a mark from before this term counts only where what it speaks of is there", async (t) => {
  const unread = { code: 503, left: 0 };
  const { api, reconciler } = await fakeWorld(
    t,
    {
      refuseRead: ({ plural, name }) => {
        if (plural !== "configmaps" || name !== "sluice-trust" || unread.left === 0) return undefined;
        unread.left -= 1;
        return { code: unread.code, reason: "", message: "not now" };
      },
    },
    {},
    CA,
  );
  label(api, "research");
  await until("kept", isKept(api));
  const containers = [{ name: "a", image: "a" }];
  const term = async (meanwhile: () => void): Promise<readonly string[]> => {
    await api.away();
    await until("the lead is given up", () => !reconciler.isLeader);
    meanwhile();
    const { length } = api.requests;
    await api.back();
    await until("it leads", () => reconciler.isLeader, 10_000);
    await until("all is read", () => api.requests.slice(length).some(({ path }) => path === BINDING), 10_000);
    await until("kept", isKept(api), 10_000);
    return api.requests
      .slice(length)
      .filter(({ method, path }) => method === "PATCH" && [NAMESPACE, TRUST, ROUTER, BINDING].includes(path))
      .map(({ path, body }) => `${path} ${path === NAMESPACE ? JSON.stringify(body?.metadata?.["labels"]) : ""}`);
  };
  assert.deepEqual(await term(() => undefined), [], "what is as it was is believed");
  for (const code of [403, 503]) {
    const told = await term(() => Object.assign(unread, { code, left: 2 }));
    assert.deepEqual(told, [], `${code} says nothing of what is there`);
    assert.equal(unread.left, 0);
  }
  // Without policies anybody could write it.
  const forged = await term(() => {
    const before = api.get(TRUST) ?? assert.fail();
    api.put(TRUST, { ...before, data: { "signers.yaml": "EVIL" }, immutable: true });
    api.put(`${NAMESPACE}/pods/early`, { metadata: { name: "early" }, spec: { nodeName: "", containers } });
  });
  const [taken, given] = [null, "true"].map((value) => `${NAMESPACE} ${JSON.stringify({ "sluice.dev/kept": value })}`);
  assert.equal(forged[0], taken, "before anything is written");
  assert.equal(forged.at(-1), given);
  assert.ok(forged.includes(`${TRUST} `));
  assert.doesNotMatch(JSON.stringify(api.get(TRUST)), /EVIL/);
  assert.equal(api.get(`${NAMESPACE}/pods/early`), undefined);
});

test("pods from before that wait for a node go, whatever they say of themselves; others stay", async (t) => {
  const { api, reconciler } = await fakeWorld(t);
  const injected = { "sluice.dev/injected": "true" };
  const containers = [{ name: "a", image: "a" }];
  const pods = { parked: {}, forged: { labels: injected }, runs: {}, "forged-runs": { labels: injected } };
  for (const [name, metadata] of Object.entries(pods)) {
    const nodeName = name.endsWith("runs") ? "node-1" : "";
    api.put(`${NAMESPACE}/pods/${name}`, { metadata: { name, ...metadata }, spec: { nodeName, containers } });
  }
  label(api, "research");
  await until("kept", isKept(api));
  const left = (): string[] => api.list(`${NAMESPACE}/pods`).map(({ metadata }) => metadata.name);
  await until("gone", () => left().toSorted().join() === "forged-runs,runs");
  for (const reason of ["PodsDeleted", "PodsNotInjected", "PodsOlder"]) await until(reason, isTold(api, reason));
  assert.equal(reconciler.uninjectedPods(), 1);
});

test("a stray pod behind hundreds of others is found", async (t) => {
  const api = await startFakeKubeApi({ kinds: { pods: "Pod" } });
  t.after(async () => api[Symbol.asyncDispose]());
  const client = createKubeClient(
    { url: api.url, ca: undefined, credential: { kind: "none" } },
    { clock: systemClock, random: () => 0.5 },
  );
  assert.ok(client.ok);
  t.after(() => client.value.close());
  for (let count = 0; count < 600; count += 1) {
    const name = `p-${String(count).padStart(3, "0")}`;
    api.put(`${NAMESPACE}/pods/${name}`, { metadata: { name }, spec: { nodeName: "" } });
  }
  const facts = {
    name: "research",
    uid: "u",
    isEnforced: true,
    isKept: false,
    isTerminating: false,
    resourceVersion: "1",
  };
  const rooms = {
    writer: kubeWriter(client.value, systemClock),
    events: { tell: () => undefined, close: async () => undefined },
  };
  const signal = new AbortController().signal;
  const isStray = (pod: unknown): boolean => JSON.stringify(pod).includes('"p-599"');
  assert.equal(await removeUnscheduled(rooms, { facts, isStray }, signal), 1);
  assert.equal(api.list(`${NAMESPACE}/pods`).length, 599);
  api.failNext(20, 403);
  assert.equal(await removeUnscheduled(rooms, { facts, isStray }, signal), undefined, "not seen is not empty");
});

test("of the CA's file certificates are handed out, and nothing else", async () => {
  const certificatePem = testCa().certificatePem.replaceAll("\r", "");
  const { keyPem } = testCa().issue(["localhost"]);
  const plain = `${certificatePem.trim()}\n`;
  const broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
  for (const [name, text, expected] of [
    ["one", certificatePem, plain],
    ["two", certificatePem + certificatePem, plain + plain],
    ["with a key", `comment\n${keyPem}${certificatePem}`, plain],
    ["CRLF", certificatePem.replaceAll("\n", "\r\n"), plain],
    ["none", "", undefined],
    ["a key alone", keyPem, undefined],
    ["broken", certificatePem + broken, undefined],
    ["many", certificatePem.repeat(129), undefined],
    ["long", " ".repeat(300_000) + certificatePem, undefined],
    ["unended", "-----BEGIN CERTIFICATE-----\n".repeat(9_000), undefined],
  ] as const) {
    const read = await readServerCa({ text });
    assert.equal(read.ok ? read.value : undefined, expected, name);
  }
  const missing = await readServerCa({ file: "/nowhere/ca.crt" });
  assert.equal(missing.ok, false);
});

test("a CA that cannot be read is said, and no settings without it are written", async (t) => {
  const { api, reconciler } = await fakeWorld(t, {}, {}, { file: "/nowhere/ca.crt" });
  label(api, "research");
  await until("the rest is there", () => [TRUST, QUOTA, BINDING].every((path) => api.get(path) !== undefined));
  await until("it is said", () => reconciler.conditions().some(({ name }) => name === "ca"));
  await sleep(400);
  assert.equal(api.get(ROUTER), undefined);
  assert.equal(isKept(api)(), false);
});
