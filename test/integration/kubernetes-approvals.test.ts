import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { auditRecord } from "../fakes/audit-records.ts";
import { type FakeKubeApi, type FakeStatus, startFakeKubeApi, type WrittenObject } from "../fakes/kube-api.ts";
import type { StoredObject } from "../fakes/kube-store.ts";
import { type Origin, tcpOrigin } from "../fakes/origins.ts";
import { openTunnel } from "../fakes/raw-client.ts";
import { type Sidecar, startSidecar } from "../fakes/sidecar.ts";
import { soonest } from "../fakes/soonest.ts";

/** Approvals that are asked for, given and taken back in an API server, while the real process runs. */
const PATH = "/apis/sluice.dev/v1alpha1/namespaces/test/egressapprovals";
const directory = mkdtempSync(join(tmpdir(), "sluice-kubernetes-"));
const TOKEN = "the-token-of-the-pod";

let api: FakeKubeApi;
let origin: Origin;
let sidecar: Sidecar;
let quota: FakeStatus | undefined;
let writes: WrittenObject[] = [];

before(async () => {
  api = await startFakeKubeApi({
    tokens: [TOKEN],
    kinds: { egressapprovals: "EgressApproval" },
    refuse: (method, _place, object) => {
      if (method === "POST") writes.push(object);
      return quota;
    },
  });
  origin = await tcpOrigin((socket) => socket.pipe(socket));
  writeFileSync(join(directory, "token"), `${TOKEN}\n`);
  sidecar = await startSidecar({
    directory,
    allow: [
      `{ id: echo, hosts: [echo.example, other.example], ports: [${origin.port}], protocol: tcp, addresses: ["127.0.0.1:${origin.port}"] }`,
    ],
    deny: ["{ id: no-gists, hosts: [gist.example] }"],
    hosts: { "echo.example": ["127.0.0.1"], "other.example": ["127.0.0.1"], "new.example": ["127.0.0.1"] },
    governance: [
      "delegate: [egress, inference]",
      "requests: { pending: 4, perMinute: 60, ttl: 10m, grant: 30m }",
      "rules:",
      "  - { id: careful, effect: require_approval, actions: [egress], when: { host: { names: [echo.example, other.example] } } }",
      "  - { id: never, effect: deny, actions: [egress], when: { host: { names: [never.example] } } }",
      "  - { id: hush, effect: require_approval, actions: [tool], obligations: { redact: [/token] } }",
    ],
    settings: [
      "limits: { drain: 200ms }",
      `kubernetes: { watch: true, server: "${api.url}", tokenFile: ${join(directory, "token")}, requests: denied }`,
    ],
  });
  await until(() => api.watches === 1);
});
after(async () => {
  await sidecar[Symbol.asyncDispose]();
  await api[Symbol.asyncDispose]();
  await origin[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
});

async function until(isSo: () => boolean | Promise<boolean>, within = 5_000): Promise<number> {
  const began = performance.now();
  while (!(await isSo())) {
    assert.ok(performance.now() - began < within, `it did not become so:\n${sidecar.output().slice(-2_000)}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return performance.now() - began;
}

const specOf = (object: StoredObject): Record<string, unknown> => object["spec"] as Record<string, unknown>;
const objectFor = (host: string): StoredObject | undefined =>
  api.list(PATH).find((object) => (specOf(object)["action"] as { host?: string }).host === host);

/** Why a tunnel is refused. */
async function reasonOf(target: string): Promise<string> {
  try {
    (await openTunnel(sidecar.port, target)).destroy();
    return "allowed";
  } catch (error) {
    return /Sluice-Reason: (\S+)/.exec(String(error))?.[1] ?? String(error);
  }
}
const echo = (): string => `echo.example:${origin.port}`;

/** What an approver's PATCH of the status comes to. */
function answer(name: string, status: "True" | "False", at = Date.now()): void {
  const lastTransitionTime = `${new Date(at).toISOString().slice(0, 19)}Z`;
  const conditions = [{ type: "Approved", status, reason: "ByHand", message: "", lastTransitionTime }];
  api.patchStatus(`${PATH}/${name}`, { conditions, approvedBy: "alice", phase: "Approved" });
}

const admin = async (path: string): Promise<string> =>
  (await fetch(`http://127.0.0.1:${sidecar.adminPort}${path}`)).text();

/** An approval of `host` for an hour, made and approved by hand. */
function grant(name: string, host: string, changes: object = {}): void {
  const action = { kind: "egress", host, port: origin.port, protocol: "tcp" };
  api.put(`${PATH}/${name}`, {
    apiVersion: "sluice.dev/v1alpha1",
    kind: "EgressApproval",
    metadata: { annotations: { by: "hand" }, managedFields: [{ manager: "kubectl" }] },
    spec: { action, reason: "Because.", requestedBy: "bob", duration: "1h", ...changes },
  });
  answer(name, "True");
}

const connected = async (host: string): Promise<Socket> => {
  let socket: Socket | undefined;
  await until(async () => {
    socket = await openTunnel(sidecar.port, `${host}:${origin.port}`).catch(() => undefined);
    return socket !== undefined;
  });
  assert.ok(socket);
  socket.resume();
  socket.on("error", () => undefined);
  return socket;
};

test("denied, asked for by the router, approved, passed, once: all within a second each", async (t) => {
  assert.equal(await reasonOf(echo()), "approval_required");
  const asked = await until(() => objectFor("echo.example") !== undefined);
  const made = objectFor("echo.example");
  assert.ok(made);
  assert.match(made.metadata.name, /^request-[0-9a-f]{16}$/);
  assert.deepEqual(made.metadata.labels, { "sluice.dev/pod": "pod-1", "sluice.dev/agent": "agent-1" });
  assert.deepEqual(specOf(made), {
    action: { kind: "egress", host: "echo.example", port: origin.port, protocol: "tcp" },
    reason: "The router denied it; nobody has given a reason yet.",
    target: { namespace: "test", agent: "agent-1", pod: "pod-1" },
    uses: 1,
  });
  assert.equal(made["status"], undefined, "it approves nothing");
  for (let at = 0; at < 20; at += 1) await reasonOf(echo());
  assert.equal(writes.length, 1, "the same again is the same object");
  answer(made.metadata.name, "True");
  const passed = await until(async () => (await reasonOf(echo())) === "allowed");
  assert.ok(asked < 1_000 && passed < 1_000, `asked ${asked} ms, passed ${passed} ms`);
  t.diagnostic(`asked ${asked.toFixed(0)} ms, passed ${passed.toFixed(0)} ms after the status`);
  const [granted, requested] = await Promise.all(
    ["granted", "requested"].map((what) =>
      auditRecord(sidecar.auditDirectory, ({ kind, action }) => kind === "approval" && action === what),
    ),
  );
  assert.equal(granted?.detail["digest"], requested?.detail["digest"], "what was asked for is what is granted");
  // The use is used up: the same denied again is asked for under another name, and the old object changes nothing.
  assert.equal(await reasonOf(echo()), "approval_expired");
  await until(() => writes.length === 2);
  assert.notEqual(writes[1]?.metadata?.name, made.metadata.name);
  for (const { metadata } of api.list(PATH)) api.remove(`${PATH}/${metadata.name}`);
});

test("what no rule of the egress policy allows is asked for too, and its approval is for nothing else", async () => {
  assert.equal(await reasonOf("new.example:443"), "host_not_allowed");
  await until(() => objectFor("new.example") !== undefined);
  const made = objectFor("new.example");
  assert.ok(made);
  answer(made.metadata.name, "True");
  // It leads to loopback, which no approval opens.
  await until(async () => (await reasonOf("new.example:443")) === "address_not_allowed");
  assert.equal(await reasonOf("new.example:444"), "host_not_allowed");
  assert.equal(await reasonOf("sub.new.example:443"), "host_not_allowed");
});

for (const how of [
  "revoked",
  "deleted",
  "deleted, and kept by a finalizer",
  "denied",
  "spoilt",
  "meant for another pod",
] as const) {
  test(`INV-GOV-GRANT-END: a live tunnel is cut within a second of the event that it is ${how}`, async (t) => {
    const took = await soonest(1_000, async () => {
      grant("tunnel", "echo.example");
      const socket = await connected("echo.example");
      const closed = new Promise<number>((resolve) => socket.once("close", () => resolve(performance.now())));
      const object = api.get(`${PATH}/tunnel`);
      assert.ok(object);
      const began = performance.now();
      if (how === "revoked") api.put(`${PATH}/tunnel`, { ...object, spec: { ...specOf(object), revoked: true } });
      if (how === "deleted") api.remove(`${PATH}/tunnel`);
      if (how === "deleted, and kept by a finalizer") {
        const deletionTimestamp = new Date().toISOString();
        api.put(`${PATH}/tunnel`, { ...object, metadata: { finalizers: ["example.com/hold"], deletionTimestamp } });
      }
      if (how === "denied") answer("tunnel", "False");
      if (how === "spoilt") api.put(`${PATH}/tunnel`, { ...object, spec: { ...specOf(object), uses: "many" } });
      if (how === "meant for another pod") {
        api.put(`${PATH}/tunnel`, { ...object, spec: { ...specOf(object), target: { pod: "pod-2" } } });
      }
      const millis = (await closed) - began;
      assert.match(await reasonOf(echo()), /^approval_(?:expired|required)$/);
      api.remove(`${PATH}/tunnel`);
      return millis;
    });
    t.diagnostic(`cut ${took.toFixed(1)} ms after the event`);
    assert.ok(took < 1_000, `${took} ms`);
  });
}

test("INV-GOV-GRANT-END: with the API server gone, a grant goes on until its end by our own clock, and not beyond", async () => {
  grant("short", "other.example", { duration: "6s" });
  const socket = await connected("other.example");
  const [, since = ""] = /"lastTransitionTime":"([^"]+)"/.exec(JSON.stringify(api.get(`${PATH}/short`))) ?? [];
  const end = Date.parse(since) + 6_000;
  const closed = new Promise<number>((resolve) => socket.once("close", () => resolve(Date.now())));
  await api.away();
  await until(async () => JSON.parse(await admin("/status")).governance.kubernetes.watch.state === "degraded");
  assert.match(await admin("/readyz"), /ok|ready/, "ready all the same");
  const again = await connected("other.example");
  again.destroy();
  const began = performance.now();
  for (let at = 0; at < 200; at += 1) assert.equal(await reasonOf(`h${at}.example:443`), "host_not_allowed");
  const each = (performance.now() - began) / 200;
  assert.ok(each < 50, `a denial takes ${each} ms`);
  const late = (await closed) - end;
  assert.ok(late > -1_000 && late < 1_000, `${late} ms after its end`);
  assert.equal(await reasonOf(`other.example:${origin.port}`), "approval_expired");
  await api.back();
  await until(async () => JSON.parse(await admin("/status")).governance.kubernetes.watch.state === "synced", 40_000);
  assert.equal(
    await reasonOf(`other.example:${origin.port}`),
    "approval_expired",
    "listed anew, what is over stays over",
  );
  api.remove(`${PATH}/short`);
});

test("INV-KUBE-ASKED: what cannot be approved is not asked for; a flood of hosts is bounded; a quota is a condition", async () => {
  const names = (): string[] =>
    writes.map((one) => String((one.spec?.["action"] as { host?: string } | undefined)?.host));
  for (const target of [
    "gist.example:443",
    "169.254.169.254:80",
    "127.0.0.1:22",
    "[fd00:ec2::254]:80",
    "never.example:443",
  ]) {
    await reasonOf(target);
  }
  await Promise.all(Array.from({ length: 300 }, (_, at) => reasonOf(`flood${at}.example:443`)));
  await new Promise((resolve) => setTimeout(resolve, 300));
  const unwanted = [
    "gist.example",
    "169.254.169.254",
    "127.0.0.1",
    "never.example",
    "fd00:ec2::254",
    "[fd00:ec2::254]",
  ];
  for (const name of unwanted) assert.ok(!names().includes(name), name);
  assert.ok(writes.length <= 12, `${writes.length} objects`);
  const metrics = await admin("/metrics");
  assert.match(metrics, /^sluice_kubernetes_watch_synced\{resource="egressapprovals"\} 1$/m);
  const dropped = Number(/sluice_kubernetes_requests_total\{outcome="dropped"\} ([0-9]+)/.exec(metrics)?.[1]);
  assert.ok(dropped > 200, String(dropped));
});

test("what the agent asks for waits for a quota that is used up, and arguments that are hidden stay hidden", async () => {
  quota = { code: 403, reason: "Forbidden", message: 'exceeded quota: sluice-approvals, "token" used up' };
  const action = { kind: "tool", server: "function", tool: "mail", arguments: { to: "x", token: "s3cret-s3cret" } };
  const before = writes.length;
  const asked = await fetch(`http://127.0.0.1:${sidecar.agentPort}/governance/v1/requests`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ action, reason: "A mail\u202e, please." }),
  });
  const made = (await asked.json()) as { state: string; digest: string };
  assert.deepEqual([asked.status, made.state], [202, "pending"]);
  await until(() => writes.length > before, 10_000);
  const written = JSON.stringify(writes.at(-1));
  assert.ok(!written.includes("s3cret-s3cret"), written);
  assert.match(written, /argumentsDigest":"sha256:[0-9a-f]{64}/);
  assert.match(written, /A mail\\\\u202e, please\./, "fit to print");
  await until(async () => /kubernetes-requests.*exceeded quota/s.test(await admin("/status")));
  const waiting = JSON.parse(await admin("/status")).governance.kubernetes.requests.waiting;
  assert.equal(waiting, 1);
  quota = undefined;
});

test("INV-KUBE-AWAY: an API server that is away at the start keeps nothing from beginning: ready, degraded, and no approval counts", async () => {
  const later = await startFakeKubeApi();
  await later.away();
  await using lonely = await startSidecar({
    allow: [`{ id: a, hosts: [a.example], ports: [443] }`],
    settings: [`kubernetes: { watch: true, server: "${later.url}", tokenFile: ${join(directory, "token")} }`],
  });
  const status = async (): Promise<string> => (await fetch(`http://127.0.0.1:${lonely.adminPort}/status`)).text();
  assert.match(await status(), /"name":"kubernetes","state":"degraded","reason":"no approval counts yet: /);
  await assert.rejects(openTunnel(lonely.port, "b.example:443"), /host_not_allowed/);
  await later.back();
  await until(async () => /"name":"kubernetes","state":"ok"/.test(await status()), 15_000);
  // Without a GovernancePolicy, what is denied is asked for all the same.
  await openTunnel(lonely.port, "b.example:443").catch(String);
  await until(() => later.list(PATH).length === 1);
  await later[Symbol.asyncDispose]();
  rmSync(lonely.directory, { recursive: true, force: true });
});
