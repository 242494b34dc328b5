import { createServer, type Server } from "node:http";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { podAsker } from "../../controller/reconcile/ask-pod.ts";
import { openReconciler, type Reconciler } from "../../controller/reconcile/open-reconciler.ts";
import type { ControllerConfig } from "../../controller/config/controller-config.ts";
import { systemClock } from "../../router/app/clock.ts";
import { millis } from "../../router/core/base/quantity.ts";
import { createKubeClient } from "../../router/edge/kubernetes/kube-client.ts";
import { injectionConfig } from "../fakes/agent-pod.ts";
import { type TestSigner, testSigner, writeTrust } from "../fakes/signing.ts";
import type { KubeObject } from "./api-request.ts";
import type { Cluster } from "./cluster.ts";

const CHART = join(import.meta.dirname, "../../charts/sluice");
export const SYSTEM = "sluice-system";
export const RESOURCES = "/apis/sluice.dev/v1alpha1";

export interface ReconcileWorld {
  readonly cluster: Cluster;
  readonly signer: TestSigner;
  readonly config: ControllerConfig;
  /** A replica with the rights of the chart, and no others. */
  replica(identity: string, settings?: Partial<ControllerConfig>): Reconciler;
  get(path: string): Promise<KubeObject>;
  made(path: string, object: object): Promise<KubeObject>;
}

export function controllerConfig(overrides: Partial<ControllerConfig> = {}): ControllerConfig {
  return {
    namespace: SYSTEM,
    service: "sluice-controller",
    mutatingWebhook: "sluice-injector",
    validatingWebhook: "sluice-validator",
    listen: { webhookPort: 9443, adminPort: 18_090 },
    certificates: { mode: "provided", directory: "/nowhere", caBundle: "leave" },
    exemptNamespaces: ["kube-system"],
    injection: injectionConfig(),
    router: {},
    trustDirectory: "/nowhere",
    approvals: { maximumPerNamespace: 500, pending: millis(3_600_000), keep: millis(3_600_000) },
    networkPolicy: { enabled: true, monitoringNamespaces: [], ingress: "allow", egressCidrs: [] },
    log: { level: "info" },
    ...overrides,
  };
}

/** CRDs, the approvals' policies and the controller's own rights, all as the chart has them. */
export async function startReconcileWorld(
  cluster: Cluster,
  owner: { after(end: () => Promise<void>): void },
): Promise<ReconcileWorld> {
  const folder = (name: string): string[] =>
    readdirSync(join(CHART, "files", name)).map((file) => join(CHART, "files", name, file));
  const files = [
    ...folder("crds"),
    ...folder("rbac"),
    ...["approvals", "namespaces"].map((name) => join(CHART, `files/admission/${name}.yaml`)),
  ];
  const applied = await cluster.kubectl(["apply", ...files.flatMap((file) => ["-f", file])]);
  if (applied.status !== 0) throw new Error(applied.stderr);
  await cluster.createNamespace(SYSTEM);
  await grant(cluster);
  const token = await cluster.serviceAccountToken(SYSTEM, "sluice-controller");
  const signer = testSigner();
  const trustDirectory = join(cluster.directory, "trust");
  writeTrust(trustDirectory, signer);
  const config = controllerConfig({ trustDirectory });
  const ca = join(cluster.directory, "reconcile-ca.pem");
  writeFileSync(ca, cluster.caPem);
  return {
    cluster,
    signer,
    config,
    replica(identity, settings = {}) {
      const client = createKubeClient(
        { url: cluster.url, ca: { file: ca }, credential: { kind: "token", token: { text: token } } },
        { clock: systemClock, random: Math.random, connections: 32 },
      );
      if (!client.ok) throw new Error(client.problem);
      const reconciler = openReconciler({
        config: { ...config, ...settings },
        client: client.value,
        clock: systemClock,
        random: Math.random,
        log: {
          event: (level, event, facts) =>
            void (level === "warn" && process.env["SLUICE_TEST_LOG"] && console.log(event, facts)),
        },
        reconciled: () => undefined,
        identity,
        ca: { file: ca },
        ask: podAsker({ loopback: true }),
        leaderTimes: { lease: millis(3_000), deadline: millis(2_000), retry: millis(300) },
        watchTimes: { longestRetry: millis(1_000), slowRetry: millis(1_000) },
      });
      owner.after(async () => {
        await reconciler.close();
        client.value.close();
      });
      return reconciler;
    },
    async get(path) {
      const { status, body } = await cluster.api("GET", path);
      if (status !== 200) throw new Error(`GET ${path}: ${status}`);
      return body;
    },
    async made(path, object) {
      const { status, body } = await cluster.api("POST", path, object);
      if (status !== 201) throw new Error(`POST ${path}: ${status} ${body.message ?? ""}`);
      return body;
    },
  };
}

/** The rules of the chart's ClusterRole: what they lack, the reconciler lacks here too. */
async function grant(cluster: Cluster): Promise<void> {
  const template = readFileSync(join(CHART, "templates/controller-rbac.yaml"), "utf8");
  const text = /\nrules:\n([\s\S]*?)\n\s*\{\{/.exec(template)?.[0] ?? "";
  const { rules } = parse(text.replace(/\{\{$/, "")) as { rules: object[] };
  const rbac = "/apis/rbac.authorization.k8s.io/v1";
  const apiGroup = "rbac.authorization.k8s.io";
  const lease = {
    apiGroups: ["coordination.k8s.io"],
    resources: ["leases"],
    verbs: ["get", "create", "update", "patch"],
  };
  const subjects = [{ kind: "ServiceAccount", name: "sluice-controller", namespace: SYSTEM }];
  for (const [path, object] of [
    [`${rbac}/clusterroles`, { metadata: { name: "sluice-controller" }, rules }],
    [
      `${rbac}/clusterrolebindings`,
      {
        metadata: { name: "sluice-controller" },
        roleRef: { apiGroup, kind: "ClusterRole", name: "sluice-controller" },
        subjects,
      },
    ],
    [`${rbac}/namespaces/${SYSTEM}/roles`, { metadata: { name: "sluice-controller" }, rules: [lease] }],
    [
      `${rbac}/namespaces/${SYSTEM}/rolebindings`,
      {
        metadata: { name: "sluice-controller" },
        roleRef: { apiGroup, kind: "Role", name: "sluice-controller" },
        subjects,
      },
    ],
  ] as const) {
    const { status, body } = await cluster.api("POST", path, object);
    if (status !== 201) throw new Error(`POST ${path}: ${status} ${body.message ?? ""}`);
  }
}

/** An injected pod, as far as its labels and its address say, with a status that the test sets. */
export interface StatusPod {
  readonly name: string;
  status: unknown;
}

export async function statusPod(
  world: ReconcileWorld,
  owner: { after(end: () => void): void },
  namespace: string,
  name: string,
  address: string,
): Promise<StatusPod> {
  const pod: StatusPod = { name, status: {} };
  const server: Server = createServer((request, response) => {
    if (request.url !== "/status") response.writeHead(404);
    response.end(JSON.stringify(pod.status));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(18_090, address, resolve);
  });
  owner.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const labels = {
    "sluice.dev/injected": "true",
    "sluice.dev/agent": "research-agent",
    "sluice.dev/policy-name": "sluice-policy",
  };
  const spec = {
    nodeName: "node-1",
    initContainers: [{ name: "sluice-guard", image: "guard" }],
    containers: [{ name: "agent", image: "agent" }],
  };
  const path = `/api/v1/namespaces/${namespace}/pods`;
  await world.made(path, { metadata: { name, labels }, spec });
  const status = { phase: "Running", podIP: address, podIPs: [{ ip: address }] };
  const { status: code } = await world.cluster.api("PATCH", `${path}/${name}/status`, { status });
  if (code !== 200) throw new Error(`the pod's status: ${code}`);
  return pod;
}

/** What `/status` says of a policy that is in force. */
export function runs(digest: string, approvals: readonly string[] = []): object {
  const missing = { state: "missing", condition: { state: "missing", problems: [] } };
  return {
    policy: { state: "loaded", name: "p", version: 1, digest, condition: { state: "loaded", phase: "fresh" } },
    inference: { policy: missing },
    governance: { policy: missing, approvals: approvals.map((name) => ({ id: `${name}@${"0".repeat(16)}` })) },
    conditions: [{ name: "guard", state: "ok", reason: "" }],
  };
}

export function egressPolicy(version: number, port = 443): object {
  return {
    version,
    issuedAt: "2026-11-20T00:00:00Z",
    expiresAt: "2036-11-20T00:00:00Z",
    audience: { namespaces: ["*"], agents: ["*"] },
    mode: "enforce",
    allow: [{ id: "api", hosts: ["api.example.com"], ports: [port] }],
    deny: [],
  };
}

export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message?: string;
}

export function conditionOf(object: KubeObject, type: string): Condition {
  const { conditions = [] } = (object.status ?? {}) as { conditions?: readonly Condition[] };
  const found = conditions.find((condition) => condition.type === type);
  if (found === undefined) throw new Error(`no condition ${type} in ${JSON.stringify(object.status)}`);
  return found;
}

export async function eventReasons(world: ReconcileWorld, namespace: string, name: string): Promise<readonly string[]> {
  const { items = [] } = await world.get(
    `/api/v1/namespaces/${namespace}/events?fieldSelector=involvedObject.name=${name}`,
  );
  return items.map(({ reason = "" }) => reason).toSorted();
}
