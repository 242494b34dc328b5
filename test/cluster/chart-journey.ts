import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import type { KubeObject } from "./api-request.ts";
import { CHART } from "./chart-render.ts";
import type { Cluster } from "./cluster.ts";
import { eventually } from "./eventually.ts";

/** What an installed chart does for the namespace `agents`, step by step. */
export const POLICY = join(CHART, "../../policies/examples/coding-agent/egress.yaml");

export async function injected(cluster: Cluster): Promise<void> {
  const pod = { metadata: { name: "agent" }, spec: { containers: [{ name: "app", image: "app.example/app" }] } };
  await eventually(async () => {
    const { status, body } = await cluster.api("POST", "/api/v1/namespaces/agents/pods", pod);
    assert.equal(status, 201, body.message ?? "");
    const { initContainers } = body.spec as { initContainers: readonly { name: string; image: string }[] };
    assert.deepEqual(
      initContainers.map(({ name, image }) => `${name} ${image}`),
      ["sluice-guard sluice-guard:0.1.0", "sluice-prove sluice-router:0.1.0", "sluice-router sluice-router:0.1.0"],
    );
  });
}

export async function provided(cluster: Cluster): Promise<void> {
  await eventually(async () => {
    for (const path of [
      "/api/v1/namespaces/agents/configmaps/sluice-router",
      "/api/v1/namespaces/agents/configmaps/sluice-trust",
      "/api/v1/namespaces/agents/resourcequotas/sluice-approvals",
      "/apis/rbac.authorization.k8s.io/v1/namespaces/agents/rolebindings/sluice-router",
    ])
      assert.equal((await cluster.api("GET", path)).status, 200, path);
    const policies = await cluster.api("GET", "/apis/networking.k8s.io/v1/namespaces/agents/networkpolicies");
    assert.equal(policies.body.items?.length, 1);
  });
  // The policies were installed a moment ago, and the API server takes a second or two to follow them.
  await eventually(async () => {
    const put = await cluster.api("PATCH", "/api/v1/namespaces/agents/configmaps/sluice-trust", { data: { x: "y" } });
    assert.equal(put.status, 403, JSON.stringify(put.body));
    assert.match(put.body.message ?? "", /written by Sluice's controller alone/);
  });
}

export async function letGo(cluster: Cluster): Promise<void> {
  const path = "/apis/sluice.dev/v1alpha1/namespaces/agents/egresspolicies";
  const document = parse(readFileSync(POLICY, "utf8")) as KubeObject;
  const made = await cluster.api("POST", path, document);
  assert.equal(made.status, 201, made.body.message ?? "");
  await eventually(async () => {
    const { body } = await cluster.api("GET", `${path}/${document.metadata.name}`);
    const { conditions = [] } = (body.status ?? {}) as { conditions?: { type: string; reason: string }[] };
    assert.equal(conditions.find(({ type }) => type === "Accepted")?.reason, "Unsigned");
  });
  assert.equal((await cluster.api("DELETE", "/api/v1/namespaces/agents/pods/agent")).status, 200);
  const unlabel = { metadata: { labels: { "sluice.dev/enforce": null } } };
  assert.equal((await cluster.api("PATCH", "/api/v1/namespaces/agents", unlabel)).status, 200);
  await eventually(async () => {
    for (const what of ["configmaps/sluice-router", "configmaps/sluice-trust", "resourcequotas/sluice-approvals"])
      assert.equal((await cluster.api("GET", `/api/v1/namespaces/agents/${what}`)).status, 404, what);
  });
}

export async function approved(cluster: Cluster): Promise<void> {
  const path = "/apis/sluice.dev/v1alpha1/namespaces/agents/egressapprovals";
  const binding = async (role: string, name: string): Promise<void> => {
    const of = [`--clusterrole=${role}`, `--user=${name}`, "--namespace=agents"];
    const { status, stderr } = await cluster.kubectl(["create", "rolebinding", `${name}-${role}`, ...of]);
    assert.equal(status, 0, stderr);
  };
  await binding("sluice-requester", "alice");
  await binding("sluice-approver", "bob");
  const approval = {
    apiVersion: "sluice.dev/v1alpha1",
    kind: "EgressApproval",
    metadata: { name: "report" },
    spec: {
      action: { kind: "egress", host: "api.example.com", port: 443, protocol: "tls" },
      reason: "The report is published there only.",
      target: { namespace: "agents", agent: "agent" },
      uses: 1,
      duration: "10m",
    },
  };
  await eventually(async () => {
    const { status, body } = await cluster.api("POST", path, approval, { as: "alice" });
    assert.equal(status, 201, body.message ?? "");
    assert.equal((body.spec as { requestedBy: string }).requestedBy, "alice");
  });
  const phase = async (wanted: string): Promise<void> =>
    eventually(async () => {
      const { body } = await cluster.api("GET", `${path}/report`);
      assert.equal((body.status as { phase?: string } | undefined)?.phase, wanted);
    });
  await phase("Pending");
  const lastTransitionTime = `${new Date().toISOString().slice(0, 19)}Z`;
  const condition = { type: "Approved", status: "True", lastTransitionTime, reason: "Reviewed", message: "Yes." };
  await eventually(async () => {
    const { metadata, status: before } = (await cluster.api("GET", `${path}/report`)).body;
    const { conditions = [] } = (before ?? {}) as { conditions?: object[] };
    const { resourceVersion } = metadata;
    const answer = {
      metadata: { resourceVersion },
      status: { approvedBy: "bob", conditions: [...conditions, condition] },
    };
    const { status, body } = await cluster.api("PATCH", `${path}/report/status`, answer, { as: "bob" });
    assert.equal(status, 200, body.message ?? "");
  });
  await phase("Approved");
}
