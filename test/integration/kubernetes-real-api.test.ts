/** The sidecar's watch and its requests against a real API server, with the chart's resources, rights and policies. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { stampApproval } from "../../controller/approvals/stamp.ts";
import { type AdmissionServer, startAdmissionServer } from "../cluster/admission-server.ts";
import type { KubeObject } from "../cluster/api-request.ts";
import { answerOf, startApprovalsWorld } from "../cluster/approvals-world.ts";
import { type Cluster, requireCluster, startCluster } from "../cluster/cluster.ts";
import { eventually } from "../cluster/eventually.ts";
import { type Origin, tcpOrigin } from "../fakes/origins.ts";
import { openTunnel } from "../fakes/raw-client.ts";
import { type Sidecar, startSidecar } from "../fakes/sidecar.ts";

const PATH = "/apis/sluice.dev/v1alpha1/namespaces/test/egressapprovals";
const CREATED = {
  apiGroups: ["sluice.dev"],
  apiVersions: ["*"],
  operations: ["CREATE"],
  resources: ["egressapprovals"],
};

describe("a real API server", requireCluster(), () => {
  const ends: (() => void | Promise<void>)[] = [];
  let cluster: Cluster;
  let stamper: AdmissionServer;
  let origin: Origin;
  let sidecar: Sidecar;

  before(async () => {
    cluster = await startCluster({ after: (end) => void ends.push(end) });
    await startApprovalsWorld(cluster);
    stamper = await startAdmissionServer([], ({ object, userInfo }) => {
      const stamped = stampApproval(object, userInfo.username);
      return "refused" in stamped
        ? { allowed: false, message: stamped.refused }
        : { allowed: true, patch: stamped.patch };
    });
    await made("/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations", {
      metadata: { name: "stamp" },
      webhooks: [
        {
          name: "stamp.sluice.dev",
          clientConfig: { url: `https://127.0.0.1:${stamper.port}/stamp`, caBundle: stamper.caBundle },
          rules: [CREATED],
          sideEffects: "None",
          admissionReviewVersions: ["v1"],
          failurePolicy: "Fail",
        },
      ],
    });
    await cluster.createNamespace("test");
    await made("/apis/rbac.authorization.k8s.io/v1/namespaces/test/rolebindings", {
      metadata: { name: "sluice-router" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "sluice-router" },
      subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "Group", name: "system:serviceaccounts:test" }],
    });
    origin = await tcpOrigin((socket) => socket.pipe(socket));
    const directory = mkdtempSync(join(tmpdir(), "sluice-real-api-"));
    ends.push(() => rmSync(directory, { recursive: true, force: true }));
    writeFileSync(join(directory, "token"), await cluster.serviceAccountToken("test", "agent"));
    sidecar = await startSidecar({
      directory,
      allow: [
        `{ id: echo, hosts: [echo.example], ports: [${origin.port}], protocol: tcp, addresses: ["127.0.0.1:${origin.port}"] }`,
      ],
      hosts: { "echo.example": ["127.0.0.1"] },
      governance: [
        "delegate: [egress, inference]",
        "rules:",
        "  - { id: careful, effect: require_approval, actions: [egress], when: { host: { names: [echo.example] } } }",
      ],
      settings: [
        "limits: { drain: 200ms }",
        `kubernetes: { watch: true, server: "${cluster.url}", tokenFile: ${join(directory, "token")}, caFile: ${cluster.caFile} }`,
      ],
    });
    await synced();
  });
  after(async () => {
    await sidecar[Symbol.asyncDispose]();
    await origin[Symbol.asyncDispose]();
    await stamper[Symbol.asyncDispose]();
    for (const end of ends.toReversed()) await end();
  });

  async function made(path: string, object: object): Promise<void> {
    const { status, body } = await cluster.api("POST", path, object);
    assert.equal(status, 201, body.message ?? "");
  }

  const status = async (): Promise<string> => (await fetch(`http://127.0.0.1:${sidecar.adminPort}/status`)).text();
  const synced = async (): Promise<void> =>
    eventually(async () => assert.match(await status(), /"name":"kubernetes","state":"ok"/));

  async function objects(): Promise<readonly KubeObject[]> {
    const { body } = await cluster.api<{ items: readonly KubeObject[] }>("GET", PATH);
    return body.items;
  }

  const tunnel = async (): Promise<Socket | string> =>
    openTunnel(sidecar.port, `echo.example:${origin.port}`).catch(
      (error: unknown) => /Sluice-Reason: (\S+)/.exec(String(error))?.[1] ?? String(error),
    );

  async function connected(): Promise<{ readonly socket: Socket; readonly took: number }> {
    const began = performance.now();
    for (;;) {
      const socket = await tunnel();
      if (typeof socket !== "string") {
        socket.resume();
        return { socket, took: performance.now() - began };
      }
      assert.ok(performance.now() - began < 5_000, socket);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  async function approve(name: string): Promise<void> {
    // The admin is who approves here, and is not who asked.
    const who = await cluster.api<{ status: { userInfo: { username: string } } }>(
      "POST",
      "/apis/authentication.k8s.io/v1/selfsubjectreviews",
      { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" },
    );
    const { username } = who.body.status.userInfo;
    const answered = await cluster.api("PATCH", `${PATH}/${name}/status`, { status: answerOf("True", username) });
    assert.equal(answered.status, 200, answered.body.message ?? "");
  }

  test("denied, asked for, approved, passed; revoked, cut: each within a second", async (t) => {
    assert.equal(await tunnel(), "approval_required");
    let name = "";
    await eventually(async () => {
      const [one] = await objects();
      assert.ok(one);
      name = one.metadata.name ?? "";
      assert.equal((one.spec as { requestedBy?: string }).requestedBy, "system:serviceaccount:test:agent");
    });
    await approve(name);
    const { socket, took } = await connected();
    assert.ok(took < 1_000, `${took} ms`);
    const closed = new Promise<number>((resolve) => socket.once("close", () => resolve(performance.now())));
    const began = performance.now();
    const revoked = await cluster.api("PATCH", `${PATH}/${name}`, { spec: { revoked: true } });
    assert.equal(revoked.status, 200, revoked.body.message ?? "");
    const cut = (await closed) - began;
    t.diagnostic(`passed ${took.toFixed(0)} ms after the approval, cut ${cut.toFixed(0)} ms after the revocation`);
    assert.ok(cut < 1_000, `${cut} ms`);
    assert.notEqual(typeof (await tunnel()), "object");
  });

  test("an API server that ends and comes back: what stands stands, and what was taken back meanwhile is over", async (t) => {
    const action = { kind: "egress", host: "echo.example", port: origin.port, protocol: "tcp" };
    await made(PATH, {
      apiVersion: "sluice.dev/v1alpha1",
      kind: "EgressApproval",
      metadata: { name: "by-hand" },
      spec: { action, reason: "Because.", duration: "10m", target: { namespace: "test" } },
    });
    // Who asked does not answer; so it is asked for by the admin, and answered by the approver.
    const bob = cluster.user("bob");
    await made("/apis/rbac.authorization.k8s.io/v1/namespaces/test/rolebindings", {
      metadata: { name: "approver" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "sluice-approver" },
      subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "bob" }],
    });
    await eventually(async () => {
      const body = { status: answerOf("True", "bob") };
      const answered = await cluster.api("PATCH", `${PATH}/by-hand/status`, body, { as: bob });
      assert.equal(answered.status, 200, answered.body.message ?? "");
    });
    const { socket } = await connected();
    const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
    await cluster.stop();
    await eventually(async () => assert.match(await status(), /"name":"kubernetes","state":"degraded"/));
    const second = await connected();
    second.socket.destroy();
    const stopped = performance.now();
    await cluster.restart();
    const began = performance.now();
    await cluster.api("DELETE", `${PATH}/by-hand`);
    await closed;
    const [away, took] = [began - stopped, performance.now() - began];
    t.diagnostic(`away ${away.toFixed(0)} ms; cut ${took.toFixed(0)} ms after it was back`);
    assert.ok(took < 15_000, `${took} ms`);
    await synced();
    assert.equal(typeof (await tunnel()), "string");
  });
});
