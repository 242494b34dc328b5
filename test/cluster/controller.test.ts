/** The whole of it: Helm's one command, two replicas of `sluice controller` as processes, pods, policies and approvals of people. */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parse, parseAllDocuments } from "yaml";
import { canonicalDocument } from "../../controller/policies/canonical-document.ts";
import { agentPod } from "../fakes/agent-pod.ts";
import { type Cluster, requireCluster, requireHelm, startCluster } from "./cluster.ts";
import { eventually } from "./eventually.ts";
import { type OwnedProcess, startOwned } from "./owned-process.ts";
import { quietPort } from "./quiet-port.ts";

const ROOT = join(import.meta.dirname, "../..");
const SYSTEM = "sluice-system";
const IMAGE = `sha256:${"a".repeat(64)}`;
const GUARD = `sha256:${"b".repeat(64)}`;

interface Replica {
  readonly process: OwnedProcess;
  readonly webhookPort: number;
  readonly adminPort: number;
}

async function install(cluster: Cluster): Promise<string> {
  const values = {
    image: { digest: IMAGE },
    guardImage: { digest: GUARD },
    trust: { files: { "signers.yaml": SIGNERS } },
  };
  const input = JSON.stringify(values);
  const helm = ["install", "sluice", join(ROOT, "charts/sluice"), "--namespace", SYSTEM, "--values", "-"];
  const { status, stdout, stderr } = await cluster.helm(helm, { input });
  assert.equal(status, 0, stdout + stderr);
  const { stdout: manifest } = await cluster.helm(["get", "manifest", "sluice", "--namespace", SYSTEM]);
  const config = parseAllDocuments(manifest)
    .map((document) => document.toJS() as { kind?: string; data?: Record<string, string> } | null)
    .find((object) => object?.data?.["controller.yaml"] !== undefined);
  return config?.data?.["controller.yaml"] ?? assert.fail("no controller.yaml");
}

/** Development's trust: nothing has to be signed. */
const SIGNERS = `apiVersion: sluice.dev/v1alpha1
kind: SignerPolicy
metadata: { name: development }
spec:
  signers: []
  requirements:
    - { kind: EgressPolicy, unsigned: allow }
`;

async function startReplica(cluster: Cluster, source: string, name: string): Promise<Replica> {
  const [webhookPort, adminPort] = [await quietPort(), await quietPort()];
  const config = parse(source) as { spec: { listen: object; trustDirectory: string } };
  config.spec.listen = { webhookPort, adminPort };
  config.spec.trustDirectory = join(cluster.directory, "trust");
  mkdirSync(config.spec.trustDirectory, { recursive: true });
  writeFileSync(join(config.spec.trustDirectory, "signers.yaml"), SIGNERS);
  const file = join(cluster.directory, `${name}.yaml`);
  const token = join(cluster.directory, `${name}.token`);
  writeFileSync(file, JSON.stringify(config));
  writeFileSync(token, await cluster.serviceAccountToken(SYSTEM, "sluice-controller"));
  const args = [join(ROOT, "cli/sluice.ts"), "controller", "--config", file, "--server", cluster.url];
  const rest = ["--ca-file", cluster.caFile, "--token-file", token];
  const process_ = startOwned(process.execPath, [...args, ...rest], join(cluster.directory, `${name}.log`));
  return { process: process_, webhookPort, adminPort };
}

interface StoredPod {
  readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> };
  readonly spec: {
    readonly initContainers: readonly { readonly name: string; readonly image: string }[];
    readonly containers: readonly { readonly name: string; readonly securityContext: { readonly runAsUser: number } }[];
  };
}

/** What a person writes: no account, no token, no settings that the API server fills in. */
function plainPod(name: string, members: object = {}): object {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, labels: { app: "scout", "sluice.dev/inject": "false" } },
    spec: { containers: [{ name: "agent", image: "agent:1" }], ...members },
  };
}

const POLICY = {
  apiVersion: "sluice.dev/v1alpha1",
  kind: "EgressPolicy",
  metadata: { name: "scout" },
  spec: {
    version: 3,
    issuedAt: "2026-11-20T00:00:00Z",
    expiresAt: "2036-11-20T00:00:00Z",
    audience: { namespaces: ["research"], agents: ["*"] },
    allow: [{ id: "docs", hosts: ["docs.example"], ports: [443] }],
  },
};

const skip = requireCluster().skip || requireHelm().skip;

test("Helm's one command, and two replicas of the controller", { skip }, async (t) => {
  const cluster = await startCluster(t, { serviceAccounts: true });
  await cluster.createNamespace(SYSTEM);
  const source = await install(cluster);
  const replicas = [await startReplica(cluster, source, "one"), await startReplica(cluster, source, "other")] as const;
  t.after(async () => {
    for (const { process: replica } of replicas) await replica.end();
  });
  const [one, other] = replicas;
  cluster.serveService(SYSTEM, "sluice-controller", one.webhookPort);
  const ready = async ({ adminPort, process: replica }: Replica): Promise<void> => {
    const answer = await fetch(`http://127.0.0.1:${adminPort}/readyz?verbose`);
    assert.equal(answer.status, 200, `${await answer.text()}\n${replica.tail()}`);
  };
  const create = (pod: object, namespace = "research") =>
    cluster.api<StoredPod & { message?: string }>("POST", `/api/v1/namespaces/${namespace}/pods`, pod);

  await t.test("both become ready by themselves", async () => {
    await eventually(() => ready(one), 30_000);
    await eventually(() => ready(other), 30_000);
  });

  await t.test("a labelled namespace gets what its pods need", async () => {
    await cluster.createNamespace("research", { "sluice.dev/enforce": "true" });
    await eventually(async () => {
      for (const [path, name] of [
        ["/api/v1", "configmaps/sluice-router"],
        ["/api/v1", "configmaps/sluice-trust"],
        ["/api/v1", "resourcequotas/sluice-approvals"],
        ["/apis/rbac.authorization.k8s.io/v1", "rolebindings/sluice-router"],
      ] as const) {
        const { status } = await cluster.api("GET", `${path}/namespaces/research/${name}`);
        assert.equal(status, 200, name);
      }
      const { body: namespace } = await cluster.api("GET", "/api/v1/namespaces/research");
      assert.equal(namespace.metadata.labels?.["sluice.dev/kept"], "true");
    });
    const { body } = await cluster.api("GET", "/api/v1/namespaces/research/configmaps/sluice-router");
    const { spec } = parse(body.data?.["router.yaml"] ?? "") as { spec: { kubernetes: object } };
    assert.deepEqual(spec.kubernetes, { watch: true, server: cluster.url });
    assert.equal(body.data?.["ca.crt"]?.trim(), cluster.caPem.replaceAll("\r", "").trim());
  });

  await t.test("a pod that asks to be left out begins with guard, proof and router, and is stored so", async () => {
    let stored: StoredPod | undefined;
    await eventually(async () => {
      const { status, body } = await create(plainPod("scout-1"));
      assert.equal(status, 201, body.message ?? "");
      stored = body;
    });
    assert.deepEqual(
      stored?.spec.initContainers.map(({ name }) => name),
      ["sluice-guard", "sluice-prove", "sluice-router"],
    );
    assert.ok(stored?.spec.initContainers[0]?.image.endsWith(`@${GUARD}`));
    assert.equal(stored?.metadata.labels["sluice.dev/injected"], "true");
    assert.equal(stored?.spec.containers[0]?.securityContext.runAsUser, 1000);
    assert.doesNotMatch(JSON.stringify(stored?.spec.containers), /serviceaccount/);
  });

  await t.test("what would get around it is refused, with how to mend it", async () => {
    for (const [name, members, sentence] of [
      ["host", { hostNetwork: true }, /hostNetwork/],
      ["root", { containers: [{ name: "a", image: "a", securityContext: { runAsUser: 0 } }] }, /runAsUser/],
      ["twin", { containers: [{ name: "a", image: "a", securityContext: { runAsUser: 20480 } }] }, /20480/],
      ["proc", { shareProcessNamespace: true }, /shareProcessNamespace/],
    ] as const) {
      const { status, body } = await create(plainPod(name, members));
      assert.equal(status, 403, name);
      assert.match(body.message ?? "", sentence);
    }
    const { status } = await create({ ...agentPod(), metadata: { name: "scout-x", namespace: "default" } }, "default");
    assert.notEqual(status, 500, "elsewhere nobody is bothered");
  });

  await t.test("a policy that is applied stands in the ConfigMap, byte for byte as it is signed", async () => {
    const { status, stderr } = await cluster.kubectl(["apply", "-n", "research", "-f", "-"], {
      input: JSON.stringify(POLICY),
    });
    assert.equal(status, 0, stderr);
    const expected = canonicalDocument({ ...POLICY, name: "scout" });
    await eventually(async () => {
      const { body } = await cluster.api("GET", "/api/v1/namespaces/research/configmaps/sluice-policy");
      assert.equal(body.data?.["egresspolicy-scout.yaml"], expected);
    });
    const broken = { ...POLICY, metadata: { name: "broken" }, spec: { ...POLICY.spec, allow: [{ id: "x" }] } };
    const refused = await cluster.kubectl(["apply", "-n", "research", "-f", "-"], { input: JSON.stringify(broken) });
    assert.notEqual(refused.status, 0);
    assert.match(refused.stderr, /spec.allow\[0\]: empty_rule/, refused.stderr);
  });

  await t.test("who asks is stamped by the webhook", async () => {
    const approval = {
      apiVersion: "sluice.dev/v1alpha1",
      kind: "EgressApproval",
      metadata: { name: "ask" },
      spec: {
        action: { kind: "egress", host: "new.example", port: 443, protocol: "tls" },
        reason: "the docs moved",
        uses: 1,
      },
    };
    const path = "/apis/sluice.dev/v1alpha1/namespaces/research/egressapprovals";
    const { status, body } = await cluster.api<{ spec: { requestedBy?: string }; message?: string }>(
      "POST",
      path,
      approval,
    );
    assert.equal(status, 201, body.message ?? "");
    assert.equal(body.spec.requestedBy, cluster.admin.name);
    await eventually(async () => {
      const { body: found } = await cluster.api<{ status?: { phase?: string } }>("GET", `${path}/ask`);
      assert.equal(found.status?.phase, "Pending");
    });
  });

  await t.test("one replica is killed: the other admits, and takes over the reconciling", async () => {
    await one.process.end();
    cluster.serveService(SYSTEM, "sluice-controller", other.webhookPort);
    await eventually(async () => {
      const { status, body } = await create(plainPod("scout-2"));
      assert.equal(status, 201, body.message ?? "");
    });
    await cluster.createNamespace("later", { "sluice.dev/enforce": "true" });
    await eventually(async () => {
      const { status } = await cluster.api("GET", "/api/v1/namespaces/later/configmaps/sluice-router");
      assert.equal(status, 200);
    }, 60_000);
  });

  await t.test("SIGTERM: not ready, then the end with 0", async () => {
    await other.process.end("SIGTERM");
    assert.equal(other.process.ended(), "exit code 0", other.process.tail());
  });
});
