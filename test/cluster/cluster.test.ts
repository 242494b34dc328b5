/** That the test cluster is what the other tests of this folder take it for: a real API server, with what they lean on. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { type AdmissionServer, startAdmissionServer } from "./admission-server.ts";
import type { ApiAnswer, KubeObject } from "./api-request.ts";
import { type Cluster, requireCluster, requireHelm, startCluster } from "./cluster.ts";
import { eventually } from "./eventually.ts";

const GO_MOD = readFileSync(join(import.meta.dirname, "../tools/cluster/go.mod"), "utf8");
const pinned = (module: string): string => new RegExp(`^\t(?:${module}) (v[\\d.]+)`, "mu").exec(GO_MOD)?.[1] ?? "";

const RBAC = "/apis/rbac.authorization.k8s.io/v1";
const ADMISSION = "/apis/admissionregistration.k8s.io/v1";

let left: string | undefined;

test("the test cluster", requireCluster(), async (t) => {
  const cluster = await startCluster(t);
  left = cluster.directory;
  t.diagnostic(`ready in ${Math.round(cluster.readyMillis)} ms`);
  const subtest = (name: string, check: (cluster: Cluster, t: TestContext) => Promise<void>): Promise<void> =>
    t.test(name, async (inner) => check(cluster, inner));

  await subtest("is of the version that go.mod pins", version);
  await subtest("RBAC: absence denies", rbac);
  await subtest("pods are made without controllers, under Pod Security", pods);
  await subtest("an ephemeral container is added by its subresource alone", ephemeral);
  await subtest("service accounts have bound tokens", tokens);
  await subtest("a webhook is called by url, and by service", webhooks);
  await subtest("a policy asks the authorizer", policy);
  await subtest("a custom resource has CEL rules and a status of its own", customResource);
  await subtest("a watch brings events and bookmarks", watch);
  await subtest("kubectl acts as whom it is told", kubectl);
  await subtest("a killed API server comes back with its data", restart);
});

test("the test cluster leaves nothing behind", requireCluster(), () => {
  assert(left !== undefined);
  assert.equal(existsSync(left), false);
  const running = readdirSync("/proc").filter((pid) => /^\d+$/u.test(pid) && commandLine(pid).includes(left ?? "?"));
  assert.deepEqual(running, []);
});

test("the test cluster with service accounts", requireCluster(), async (t) => {
  const cluster = await startCluster(t, { serviceAccounts: true });
  await t.test("pods have their account's token before a webhook sees them", async () => tokenVolume(cluster));
  await t.test("helm installs a chart", requireHelm(), async () => helm(cluster));
});

async function version(cluster: Cluster): Promise<void> {
  const { status, body } = await cluster.api<{ gitVersion: string; minor: string }>("GET", "/version");
  assert.equal(status, 200);
  assert.equal(body.gitVersion, pinned("k8s.io/kubernetes"));
  assert.match(body.gitVersion, /^v1\.36\.\d+$/u);
  assert.equal(body.minor, "36");
}

async function rbac(cluster: Cluster): Promise<void> {
  await cluster.createNamespace("rbac");
  const path = "/api/v1/namespaces/rbac/configmaps";
  const alice = cluster.user("alice@corp.example", ["team-a", "team-b"]);
  refusedWith(await cluster.api("GET", path, undefined, { as: alice }), 403, /"alice@corp.example" cannot list/u);
  refusedWith(await cluster.api("GET", path, undefined, { as: "bob" }), 403, /"bob" cannot list/u);
  refusedWith(await cluster.api("GET", path, undefined, { token: "made-up" }), 401, /Unauthorized/u);

  const role = {
    metadata: { name: "reader" },
    rules: [{ apiGroups: [""], resources: ["configmaps"], verbs: ["list"] }],
  };
  const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "reader" };
  const subjects = [{ apiGroup: "rbac.authorization.k8s.io", kind: "Group", name: "team-b" }];
  await create(cluster, `${RBAC}/namespaces/rbac/roles`, role);
  await create(cluster, `${RBAC}/namespaces/rbac/rolebindings`, { metadata: { name: "readers" }, roleRef, subjects });
  await eventually(async () => assert.equal((await cluster.api("GET", path, undefined, { as: alice })).status, 200));
  const made = await cluster.api("POST", path, { metadata: { name: "x" } }, { as: alice });
  refusedWith(made, 403, /cannot create/u);
}

async function pods(cluster: Cluster): Promise<void> {
  await cluster.createNamespace("pods", { "pod-security.kubernetes.io/enforce": "restricted" });
  const path = "/api/v1/namespaces/pods/pods";
  refusedWith(await cluster.api("POST", path, pod("loose", {})), 403, /violates PodSecurity "restricted/u);
  const created = await create(cluster, path, pod("tight", RESTRICTED));
  assert.deepEqual((created.status as { phase: string }).phase, "Pending");
}

async function ephemeral(cluster: Cluster): Promise<void> {
  await cluster.createNamespace("ephemeral");
  const path = "/api/v1/namespaces/ephemeral/pods";
  await create(cluster, path, pod("app", {}));
  const patch = { spec: { ephemeralContainers: [{ name: "debug", image: "debug.example/debug" }] } };
  const options = { contentType: "application/strategic-merge-patch+json" };
  refusedWith(await cluster.api("PATCH", `${path}/app`, patch, options), 422, /pod updates may not change fields/u);
  const { status, body } = await cluster.api("PATCH", `${path}/app/ephemeralcontainers`, patch, options);
  assert.equal(status, 200, body.message ?? "");
  assert.equal((body.spec as typeof patch.spec).ephemeralContainers[0]?.name, "debug");
}

async function tokens(cluster: Cluster): Promise<void> {
  await cluster.createNamespace("tokens");
  const token = await cluster.serviceAccountToken("tokens", "robot");
  const path = "/api/v1/namespaces/tokens/secrets";
  const account = /"system:serviceaccount:tokens:robot" cannot list/u;
  refusedWith(await cluster.api("GET", path, undefined, { token }), 403, account);
  const whoAmI = await cluster.kubectl(["auth", "whoami", "--kubeconfig", cluster.tokenKubeconfig(token)]);
  assert.match(whoAmI.stdout, /system:serviceaccount:tokens:robot/u);

  const other = await cluster.serviceAccountToken("tokens", "robot", { audiences: ["sluice"] });
  refusedWith(await cluster.api("GET", path, undefined, { token: other }), 401, /Unauthorized/u);
  const review = {
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenReview",
    spec: { token: other, audiences: ["sluice"] },
  };
  const { body } = await cluster.api("POST", "/apis/authentication.k8s.io/v1/tokenreviews", review);
  const { authenticated, audiences } = body.status as { authenticated?: boolean; audiences?: readonly string[] };
  assert.deepEqual([authenticated, audiences], [true, ["sluice"]]);
}

async function webhooks(cluster: Cluster): Promise<void> {
  await cluster.createNamespace("hooks");
  await using server = await startAdmissionServer(["hook.hooks.svc"], ({ object }) =>
    object.metadata.labels?.["bad"] === "yes"
      ? { allowed: false, message: "the label is bad" }
      : { allowed: true, patch: [{ op: "add", path: "/data", value: { by: "webhook" } }] },
  );
  const { caBundle, port } = server;
  const service = await create(cluster, "/api/v1/namespaces/hooks/services", {
    metadata: { name: "hook" },
    spec: { ports: [{ port: 443, targetPort: 8443 }] },
  });
  assert.match((service.spec as { clusterIP: string }).clusterIP, /^10\.96\.0\./u);
  cluster.serveService("hooks", "hook", port);
  const ways = {
    url: { url: `https://127.0.0.1:${port}/mutate`, caBundle },
    service: { service: { namespace: "hooks", name: "hook", path: "/mutate" }, caBundle },
  };
  for (const [way, clientConfig] of Object.entries(ways)) await webhook(cluster, server, way, clientConfig);
}

async function webhook(cluster: Cluster, server: AdmissionServer, way: string, clientConfig: object): Promise<void> {
  const configurations = `${ADMISSION}/mutatingwebhookconfigurations`;
  const rules = [{ apiGroups: [""], apiVersions: ["v1"], resources: ["configmaps"], operations: ["CREATE"] }];
  const namespaceSelector = { matchLabels: { "kubernetes.io/metadata.name": "hooks" } };
  const common = { sideEffects: "None", admissionReviewVersions: ["v1"], failurePolicy: "Fail", timeoutSeconds: 5 };
  const hook = { name: "hook.sluice.dev", rules, namespaceSelector, clientConfig, ...common };
  await create(cluster, configurations, { metadata: { name: way }, webhooks: [hook] });

  const path = "/api/v1/namespaces/hooks/configmaps";
  await eventually(async () => {
    const { body } = await cluster.api("POST", `${path}?dryRun=All`, { metadata: { name: `${way}-probe` } });
    assert.deepEqual(body.data, { by: "webhook" }, JSON.stringify(body));
  });
  const before = server.seen.length;
  assert.deepEqual((await create(cluster, path, { metadata: { name: way } })).data, { by: "webhook" });
  assert.equal(server.seen[before]?.userInfo.username, "admin");
  const bad = await cluster.api("POST", path, { metadata: { name: `${way}-bad`, labels: { bad: "yes" } } });
  refusedWith(bad, 400, /denied the request: the label is bad/u);
  assert.equal((await cluster.api("DELETE", `${configurations}/${way}`)).status, 200);
  await eventually(async () => {
    const { body } = await cluster.api("POST", `${path}?dryRun=All`, { metadata: { name: `${way}-probe` } });
    assert.equal(body.data, undefined);
  });
}

async function policy(cluster: Cluster): Promise<void> {
  await cluster.createNamespace("policy");
  const check = 'authorizer.group("sluice.dev").resource("grants").namespace("policy").check("approve").allowed()';
  const resourceRules = [{ apiGroups: [""], apiVersions: ["v1"], resources: ["configmaps"], operations: ["CREATE"] }];
  const namespaceSelector = { matchLabels: { "kubernetes.io/metadata.name": "policy" } };
  await create(cluster, `${ADMISSION}/validatingadmissionpolicies`, {
    metadata: { name: "approvers" },
    spec: {
      matchConstraints: { resourceRules, namespaceSelector },
      validations: [{ expression: check, message: "only approvers" }],
    },
  });
  await create(cluster, `${ADMISSION}/validatingadmissionpolicybindings`, {
    metadata: { name: "approvers" },
    spec: { policyName: "approvers", validationActions: ["Deny"] },
  });
  const user = "system:serviceaccount:policy:default";
  const grant = async (name: string, rule: object): Promise<void> => {
    await create(cluster, `${RBAC}/namespaces/policy/roles`, { metadata: { name }, rules: [rule] });
    const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name };
    const subjects = [{ kind: "ServiceAccount", namespace: "policy", name: "default" }];
    await create(cluster, `${RBAC}/namespaces/policy/rolebindings`, { metadata: { name }, roleRef, subjects });
  };
  const attempt = (): Promise<ApiAnswer<KubeObject>> =>
    cluster.api("POST", "/api/v1/namespaces/policy/configmaps?dryRun=All", { metadata: { name: "x" } }, { as: user });
  await grant("writer", { apiGroups: [""], resources: ["configmaps"], verbs: ["create"] });
  await eventually(async () => refusedWith(await attempt(), 422, /only approvers/u));
  await grant("approver", { apiGroups: ["sluice.dev"], resources: ["grants"], verbs: ["approve"] });
  await eventually(async () => assert.equal((await attempt()).status, 201));
}

async function customResource(cluster: Cluster): Promise<void> {
  await cluster.createNamespace("crd");
  const integer = { type: "integer" };
  const spec = {
    type: "object",
    properties: { least: integer, most: integer },
    "x-kubernetes-validations": [{ rule: "self.least <= self.most", message: "least is above most" }],
  };
  const status = { type: "object", properties: { phase: { type: "string" } } };
  const schema = { openAPIV3Schema: { type: "object", properties: { spec, status } } };
  await create(cluster, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", {
    metadata: { name: "ranges.test.sluice.dev" },
    spec: {
      group: "test.sluice.dev",
      scope: "Namespaced",
      names: { plural: "ranges", singular: "range", kind: "Range" },
      versions: [{ name: "v1", served: true, storage: true, schema, subresources: { status: {} } }],
    },
  });
  const path = "/apis/test.sluice.dev/v1/namespaces/crd/ranges";
  const range = (least: number, most: number): object => ({
    apiVersion: "test.sluice.dev/v1",
    kind: "Range",
    metadata: { name: "r" },
    spec: { least, most },
    status: { phase: "given by the author" },
  });
  await eventually(async () => refusedWith(await cluster.api("POST", path, range(2, 1)), 422, /least is above most/u));
  const made = await create(cluster, path, range(1, 2));
  assert.deepEqual([made.metadata.generation, made.status], [1, undefined]);
  const told = await cluster.api("PATCH", `${path}/r/status`, { spec: { most: 9 }, status: { phase: "Ready" } });
  assert.deepEqual([told.status, told.body.metadata.generation], [200, 1], told.body.message ?? "");
  assert.deepEqual([told.body.spec, told.body.status], [{ least: 1, most: 2 }, { phase: "Ready" }]);
}

async function watch(cluster: Cluster): Promise<void> {
  await cluster.createNamespace("watch");
  const path = "/api/v1/namespaces/watch/configmaps";
  await create(cluster, path, { metadata: { name: "first" } });
  const query = "watch=1&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan";
  const seen: string[] = [];
  for await (const { type, object } of cluster.watch(`${path}?${query}`, { signal: AbortSignal.timeout(20_000) })) {
    seen.push(type === "BOOKMARK" ? type : `${type} ${object.metadata.name}`);
    if (type === "BOOKMARK") {
      assert.equal(object.metadata.annotations?.["k8s.io/initial-events-end"], "true");
      await create(cluster, path, { metadata: { name: "second" } });
    }
    if (object.metadata.name === "second") break;
  }
  assert.deepEqual(seen, ["ADDED first", "BOOKMARK", "ADDED second"]);
}

async function kubectl(cluster: Cluster): Promise<void> {
  await cluster.createNamespace("kubectl");
  const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "x", namespace: "kubectl" } };
  const input = JSON.stringify(object);
  const applied = await cluster.kubectl(["apply", "--server-side", "-f", "-"], { input });
  assert.deepEqual([applied.status, applied.stdout], [0, "configmap/x serverside-applied\n"], applied.stderr);
  for (const as of ["mallory", cluster.user("mallory")]) {
    const refused = await cluster.kubectl(["get", "configmaps", "-n", "kubectl"], { as });
    assert.equal(refused.status, 1);
    assert.match(refused.stderr, /User "mallory" cannot list/u);
  }
}

async function tokenVolume(cluster: Cluster): Promise<void> {
  await cluster.createNamespace("accounts");
  await using server = await startAdmissionServer([], () => ({ allowed: true }));
  const clientConfig = { url: `https://127.0.0.1:${server.port}/`, caBundle: server.caBundle };
  const rules = [{ apiGroups: [""], apiVersions: ["v1"], resources: ["pods"], operations: ["CREATE"] }];
  const common = { sideEffects: "None", admissionReviewVersions: ["v1"], failurePolicy: "Fail" };
  const hook = { name: "pods.sluice.dev", rules, clientConfig, ...common };
  const configuration = { metadata: { name: "pods" }, webhooks: [hook] };
  await create(cluster, `${ADMISSION}/mutatingwebhookconfigurations`, configuration);
  const path = "/api/v1/namespaces/accounts/pods";
  await eventually(async () => {
    await cluster.api("POST", `${path}?dryRun=All`, pod("probe", {}));
    assert(server.seen.length > 0);
  });
  const spec = server.seen[0]?.object.spec as { serviceAccountName: string; volumes: readonly { name: string }[] };
  assert.equal(spec.serviceAccountName, "default");
  assert.match(spec.volumes[0]?.name ?? "none", /^kube-api-access-/u);
  assert.equal((await cluster.api("DELETE", `${ADMISSION}/mutatingwebhookconfigurations/pods`)).status, 200);

  await create(cluster, "/api/v1/namespaces", { metadata: { name: "bare" } });
  const orphan = await cluster.api("POST", "/api/v1/namespaces/bare/pods", pod("orphan", {}));
  refusedWith(orphan, 403, /service account bare\/default/u);
}

async function helm(cluster: Cluster): Promise<void> {
  const chart = join(cluster.directory, "chart");
  mkdirSync(join(chart, "templates"), { recursive: true });
  writeFileSync(join(chart, "Chart.yaml"), 'apiVersion: v2\nname: tiny\nversion: 1.0.0\nkubeVersion: ">= 1.33.0"\n');
  const head = "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: tiny }\n";
  writeFileSync(join(chart, "templates/map.yaml"), `${head}data: { kube: {{ .Capabilities.KubeVersion }} }\n`);
  await cluster.createNamespace("charts");
  const version = await cluster.helm(["version", "--template", "{{ .Version }}"]);
  assert.equal(version.stdout, pinned("helm.sh/helm/v4"));
  const installed = await cluster.helm(["install", "tiny", chart, "--namespace", "charts"]);
  assert.equal(installed.status, 0, installed.stderr);
  const { body } = await cluster.api("GET", "/api/v1/namespaces/charts/configmaps/tiny");
  assert.equal(body.data?.["kube"], pinned("k8s.io/kubernetes"));
  for (const as of ["nobody", cluster.user("nobody")]) {
    const refused = await cluster.helm(["list", "--namespace", "charts"], { as });
    assert.notEqual(refused.status, 0);
    assert.match(refused.stderr, /User "nobody" cannot list/u);
  }
}

async function restart(cluster: Cluster): Promise<void> {
  const path = "/api/v1/namespaces/default/configmaps";
  await create(cluster, path, { metadata: { name: "kept" }, data: { for: "later" } });
  const token = await cluster.serviceAccountToken("default", "kept");
  await cluster.stop();
  await assert.rejects(cluster.api("GET", path), { code: "ECONNREFUSED" });
  const { url } = cluster;
  await cluster.restart();
  assert.equal(cluster.url, url);
  assert.deepEqual((await cluster.api("GET", `${path}/kept`)).body.data, { for: "later" });
  refusedWith(await cluster.api("GET", path, undefined, { token }), 403, /default:kept" cannot list/u);
}

const RESTRICTED = {
  runAsNonRoot: true,
  runAsUser: 1000,
  allowPrivilegeEscalation: false,
  capabilities: { drop: ["ALL"] },
  seccompProfile: { type: "RuntimeDefault" },
};

function pod(name: string, securityContext: object): object {
  const containers = [{ name: "app", image: "app.example/app", securityContext }];
  return { apiVersion: "v1", kind: "Pod", metadata: { name }, spec: { containers } };
}

async function create(cluster: Cluster, path: string, object: object): Promise<KubeObject> {
  const { status, body } = await cluster.api("POST", path, object);
  assert.equal(status, 201, `${path}: ${JSON.stringify(body)}`);
  return body;
}

function refusedWith({ status, body }: ApiAnswer<KubeObject>, code: number, message: RegExp): void {
  assert.equal(status, code, JSON.stringify(body));
  assert.match(body.message ?? "no message", message);
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return ""; // It has ended since.
  }
}
