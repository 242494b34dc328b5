/** The chart as Helm renders it, and as a real API server takes it. `SLUICE_UPDATE_CHART=1` writes test/golden/chart anew. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { parse, parseAllDocuments, stringify } from "yaml";
import { keepInSecret } from "../../controller/certificates/secret-keeper.ts";
import type { ControllerConfig } from "../../controller/config/controller-config.ts";
import { parseControllerConfig } from "../../controller/config/parse-controller-config.ts";
import { localhostProfile } from "../../seccomp/profiles.ts";
import { operatorProfile } from "../../seccomp/spo.ts";
import { epochMillis, millis } from "../../router/core/base/quantity.ts";
import { createKubeClient } from "../../router/edge/kubernetes/kube-client.ts";
import { systemClock } from "../../router/app/clock.ts";
import { findTool } from "../tools/find.ts";
import { ADMISSION_FILES, admissionFile } from "./admission-files.ts";
import type { KubeObject } from "./api-request.ts";
import { CHART_CASES, REFUSED_VALUES } from "./chart-cases.ts";
import { type Cluster, requireCluster, requireHelm, startCluster } from "./cluster.ts";
import { eventually } from "./eventually.ts";
import { type Printed, runProgram } from "./run-program.ts";

const CHART = join(import.meta.dirname, "../../charts/sluice");
const GOLDEN = join(import.meta.dirname, "../golden/chart");
const NAMESPACE = "sluice-system";
const RELEASE = ["sluice", CHART, "--namespace", NAMESPACE];
const update = process.env["SLUICE_UPDATE_CHART"] === "1";

const directory = mkdtempSync(join(tmpdir(), "sluice-chart-"));
after(() => rmSync(directory, { recursive: true, force: true }));

interface Manifest extends KubeObject {
  readonly kind: string;
  readonly metadata: KubeObject["metadata"] & { readonly name: string };
  readonly [member: string]: unknown;
}

async function helm(args: readonly string[], values: object): Promise<Printed> {
  const program = findTool("helm");
  assert.ok(program !== undefined);
  const environment = { HOME: directory, PATH: "/usr/bin:/bin" };
  return runProgram(program, [...args, "--values", "-"], JSON.stringify(values), directory, environment);
}

async function rendered(values: object): Promise<readonly Manifest[]> {
  const { status, stdout, stderr } = await helm(["template", ...RELEASE], values);
  assert.equal(status, 0, stderr);
  return manifests(stdout);
}

function manifests(text: string): readonly Manifest[] {
  return parseAllDocuments(text).flatMap((document) => {
    assert.deepEqual(document.errors, []);
    const value = document.toJS() as Manifest | null;
    return value === null ? [] : [value];
  });
}

function one(objects: readonly Manifest[], kind: string, name: string): Manifest {
  const found = objects.filter((object) => object.kind === kind && object.metadata.name === name);
  assert.equal(found.length, 1, `${kind} ${name}`);
  return found[0] ?? assert.fail();
}

function configOf(objects: readonly Manifest[], name = "sluice-controller"): ControllerConfig {
  const source = one(objects, "ConfigMap", `${name}-config`).data?.["controller.yaml"] ?? "";
  const parsed = parseControllerConfig("controller.yaml", source);
  assert.ok(parsed.ok, JSON.stringify(parsed.ok ? "" : parsed.problem));
  return parsed.value;
}

/** What has tests of its own is only named in the golden files. */
const NAMED_ONLY = new Set(["CustomResourceDefinition", "ValidatingAdmissionPolicy", "SeccompProfile"]);

function goldenText(objects: readonly Manifest[]): string {
  return objects
    .map((object) => {
      const isDashboard = object.metadata.name === "sluice-dashboard";
      const { kind, metadata } = object;
      if (NAMED_ONLY.has(kind)) return { kind, metadata };
      return isDashboard ? { kind, metadata, data: Object.keys(object.data ?? {}) } : object;
    })
    .map((object) => stringify(object, { lineWidth: 0, aliasDuplicateObjects: false }))
    .join("---\n");
}

for (const [name, values] of Object.entries(CHART_CASES)) {
  test(`chart, ${name}: lint, and as test/golden/chart/${name}.yaml has it`, requireHelm(), async () => {
    const linted = await helm(["lint", "--strict", CHART], values);
    assert.equal(linted.status, 0, linted.stdout + linted.stderr);
    const objects = await rendered(values);
    const identities = objects.map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ""} ${metadata.name}`);
    assert.deepEqual(identities, [...new Set(identities)]);
    const file = join(GOLDEN, `${name}.yaml`);
    if (update) {
      mkdirSync(GOLDEN, { recursive: true });
      writeFileSync(file, goldenText(objects));
    }
    assert.equal(goldenText(objects), readFileSync(file, "utf8"));
  });
}

for (const [name, values, said] of REFUSED_VALUES) {
  test(`chart refuses ${name}`, requireHelm(), async () => {
    const { status, stderr } = await helm(["template", ...RELEASE], values);
    assert.notEqual(status, 0);
    assert.match(stderr.replaceAll("\n", " "), said);
  });
}

test("chart: controller.yaml is what the values say", requireHelm(), async () => {
  const plain = configOf(await rendered({}));
  const none = `apiVersion: sluice.dev/v1alpha1
kind: ControllerConfig
spec: { namespace: ${NAMESPACE}, injection: { routerImage: "sluice-router:0.1.0", guardImage: "sluice-guard:0.1.0" } }
`;
  const defaults = parseControllerConfig("defaults", none);
  assert.ok(defaults.ok);
  assert.deepEqual(plain, defaults.value, "the chart has no other defaults than the controller");

  const values = CHART_CASES["everything"] as { injection: object; router: object };
  const full = configOf(await rendered(values));
  assert.deepEqual(full.certificates, { mode: "certManager", directory: "/etc/sluice/webhook-tls", caBundle: "leave" });
  const { drain, tokens, initResources, ...injection } = full.injection;
  assert.equal(drain, 40_000);
  assert.deepEqual(
    tokens.map(({ expirationSeconds }) => expirationSeconds),
    [7200, 3600],
  );
  assert.deepEqual(initResources.limits, { cpu: "1", memory: "128Mi" });
  const given: Partial<ControllerConfig["injection"]> = values.injection;
  for (const [key, value] of Object.entries(injection)) {
    if (key in given) assert.deepEqual(value, given[key as keyof typeof given], key);
  }
  assert.match(full.injection.routerImage, /^registry\.example\/sluice\/router@sha256:(?:1a){32}$/);
  assert.match(full.injection.guardImage, /^registry\.example\/sluice\/guard@sha256:(?:2b){32}$/);
  assert.equal(full.injection.pullPolicy, "Always");
  assert.deepEqual(full.injection.seccomp, {
    mode: "localhost",
    profiles: {
      agent: localhostProfile("agent"),
      browser: localhostProfile("browser"),
      router: localhostProfile("router"),
    },
  });
  assert.deepEqual(full.router, values.router, "large numbers stay whole");
  assert.deepEqual(full.listen, { webhookPort: 19_443, adminPort: 19_090 });
  assert.deepEqual(full.approvals, { maximumPerNamespace: 50, pending: 7_200_000, keep: 24 * 86_400_000 });
  assert.deepEqual(full.networkPolicy.monitoringNamespaces, ["monitoring"]);
  assert.equal(full.networkPolicy.ingress, "deny");
  assert.equal(full.log.level, "debug");

  const bare = configOf(await rendered(CHART_CASES["bare"] ?? {}), "egress-controller");
  assert.equal(bare.service, "egress-controller");
  assert.equal(bare.certificates.mode === "provided" && bare.certificates.caBundle, "leave");
  assert.deepEqual(bare.injection.seccomp, {
    mode: "localhost",
    profiles: { agent: "ours/agent.json", router: "ours/router.json" },
  });
  const weak = configOf(await rendered(CHART_CASES["not-enforced"] ?? {}));
  assert.equal(weak.injection.guard, "notEnforced");
  assert.equal(weak.certificates.mode === "provided" && weak.certificates.caBundle, "repair");
  const { seccomp } = weak.injection;
  assert.equal(seccomp.mode === "localhost" && seccomp.profiles["agent"], operatorProfile("agent"));
});

/** Go writes the members of an object by name, JavaScript as they come: in CEL both are the same map. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, sorted(inner)]));
  }
  if (typeof value !== "string" || !/^[[{]/.test(value)) return value;
  try {
    return { json: JSON.parse(value) as unknown };
  } catch {
    return value;
  }
}

for (const [name, values] of Object.entries(CHART_CASES)) {
  test(`chart, ${name}: policies and controller go by the same settings`, requireHelm(), async () => {
    const objects = await rendered(values);
    const { fullnameOverride, serviceAccount } = values as {
      fullnameOverride?: string;
      serviceAccount?: { name?: string };
    };
    const config = configOf(objects, fullnameOverride);
    const settings = {
      injection: config.injection,
      exemptNamespaces: [...config.exemptNamespaces, NAMESPACE],
      controllerUser: `system:serviceaccount:${NAMESPACE}:${serviceAccount?.name ?? "sluice-controller"}`,
    };
    for (const file of ADMISSION_FILES) {
      for (const wanted of manifests(admissionFile(file, settings))) {
        assert.deepEqual(sorted(one(objects, wanted.kind, wanted.metadata.name)), sorted(wanted));
      }
    }
    for (const kind of ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"]) {
      const [found] = objects.filter((object) => object.kind === kind);
      const { webhooks } = found as unknown as { webhooks: { failurePolicy: string; namespaceSelector?: object }[] };
      const exempt = { key: "kubernetes.io/metadata.name", operator: "NotIn", values: settings.exemptNamespaces };
      assert.equal(webhooks.length, 3);
      for (const { failurePolicy, namespaceSelector } of webhooks) {
        assert.equal(failurePolicy, "Fail");
        const { matchExpressions = [] } = (namespaceSelector ?? {}) as { matchExpressions?: object[] };
        if (namespaceSelector !== undefined) assert.deepEqual(matchExpressions[1], exempt);
      }
    }
    const text = JSON.stringify(objects.filter(({ kind }) => kind === "ClusterRole" || kind === "Role"));
    assert.doesNotMatch(text, /"\*"|escalate|impersonate/, "no role takes more than it names");
  });
}

test("chart: changed settings make new pods, and nothing else does", requireHelm(), async () => {
  const checksum = async (values: object): Promise<string> => {
    const { spec } = one(await rendered(values), "Deployment", "sluice-controller");
    const { template } = spec as { template: { metadata: { annotations: Record<string, string> } } };
    return template.metadata.annotations["checksum/config"] ?? "";
  };
  const before = await checksum({});
  assert.match(before, /^[0-9a-f]{64}$/);
  assert.equal(await checksum({ replicaCount: 5 }), before);
  assert.notEqual(await checksum({ log: { level: "debug" } }), before);
  assert.notEqual(await checksum({ trust: { files: { "signers.yaml": "x" } } }), before);
});

test("chart: what is weak is said at the end of an install", requireHelm(), async () => {
  const notes = async (values: object): Promise<string> => {
    const { status, stdout, stderr } = await helm(["install", ...RELEASE, "--dry-run=client"], values);
    assert.equal(status, 0, stderr);
    return stdout.slice(stdout.indexOf("NOTES:"));
  };
  const plain = await notes({});
  for (const part of ["image.digest is not set", "guardImage.digest is not set", "trust is empty", "runtimeDefault"])
    assert.ok(plain.includes(part), part);
  assert.doesNotMatch(await notes(CHART_CASES["everything"] ?? {}), /WARNING/);
  assert.match(await notes(CHART_CASES["not-enforced"] ?? {}), /agents can go around the router/);
});

/** Kinds of other projects, which this cluster does not know. */
const FOREIGN = /^(?:cert-manager\.io|monitoring\.coreos\.com|security-profiles-operator\.x-k8s\.io)\//;

test("chart on a cluster", { skip: requireCluster().skip || requireHelm().skip }, async (t) => {
  const cluster = await startCluster(t, { serviceAccounts: true });
  const install = async (verb: readonly string[], values: object): Promise<void> => {
    const { status, stdout, stderr } = await cluster.helm([...verb, ...RELEASE, "--values", "-"], {
      input: JSON.stringify(values),
    });
    assert.equal(status, 0, stdout + stderr);
  };

  await t.test("the API server takes every object of every case, strictly", async () => {
    await cluster.createNamespace(NAMESPACE);
    for (const [name, values] of Object.entries(CHART_CASES)) {
      const objects = (await rendered(values)).filter(({ apiVersion }) => !FOREIGN.test(apiVersion ?? ""));
      const input = objects.map((object) => JSON.stringify(object)).join("\n---\n");
      const args = ["apply", "--server-side", "--dry-run=server", "--validate=strict", "-n", NAMESPACE, "-f", "-"];
      const { status, stderr } = await cluster.kubectl(args, { input });
      assert.equal(status, 0, `${name}: ${stderr}`);
      assert.doesNotMatch(stderr, /Warning/, name);
    }
  });

  await t.test("helm installs it", async () => install(["install"], {}));

  await t.test("the controller's pod is as restricted as Pod Security can ask for", async () => {
    await cluster.createNamespace("restricted", { "pod-security.kubernetes.io/enforce": "restricted" });
    const { stdout } = await cluster.helm(["get", "manifest", "sluice", "--namespace", NAMESPACE]);
    const { spec } = one(manifests(stdout), "Deployment", "sluice-controller");
    const { template } = spec as { template: { metadata: object; spec: object } };
    await cluster.api("POST", "/api/v1/namespaces/restricted/serviceaccounts", {
      metadata: { name: "sluice-controller" },
    });
    const pod = { metadata: { ...template.metadata, name: "controller" }, spec: template.spec };
    const { status, body } = await cluster.api("POST", "/api/v1/namespaces/restricted/pods", pod);
    assert.equal(status, 201, body.message ?? "");
  });

  await t.test("the controller's rights are these and no others", async () => rights(cluster));

  await t.test("its rights suffice for its certificate, which an upgrade leaves alone", async () => {
    const found = parse(
      (await cluster.kubectl(["get", "mutatingwebhookconfiguration", "sluice-injector", "-o", "yaml"])).stdout,
    ) as Webhooks;
    assert.ok(found.webhooks.every(({ clientConfig }) => (clientConfig.caBundle ?? "") === ""));
    await keptCertificate(cluster);
    const before = await bundles(cluster);
    assert.ok(before.length === 6 && before.every((bundle) => bundle.length > 100 && bundle === before[0]));
    await install(["upgrade"], { replicaCount: 3, webhooks: { timeoutSeconds: 4 } });
    assert.deepEqual(await bundles(cluster), before, "helm upgrade leaves the caBundle");
    const { body } = await cluster.api<Webhooks>("GET", `${ADMISSION}/mutatingwebhookconfigurations/sluice-injector`);
    assert.equal(body.webhooks[0]?.timeoutSeconds, 4);
  });

  await t.test("without a controller nothing gets past the webhooks, and nobody else is bothered", async () => {
    await cluster.createNamespace("agents", { "sluice.dev/enforce": "true" });
    await cluster.createNamespace("others");
    const pod = (labels: object) => ({
      metadata: { name: "app", labels },
      spec: { containers: [{ name: "app", image: "app.example/app" }] },
    });
    await eventually(async () => {
      const { status, body } = await cluster.api("POST", "/api/v1/namespaces/agents/pods", pod({}));
      assert.equal(status, 500, body.message ?? "");
      assert.match(body.message ?? "", /failed calling webhook "inject\.sluice\.dev"/);
    });
    const labelled = await cluster.api("POST", "/api/v1/namespaces/others/pods", pod({ "sluice.dev/inject": "true" }));
    assert.match(labelled.body.message ?? "", /failed calling webhook "inject-labelled\.sluice\.dev"/);
    assert.equal((await cluster.api("POST", "/api/v1/namespaces/others/pods", pod({}))).status, 201);
    const own = await cluster.api("POST", `/api/v1/namespaces/${NAMESPACE}/pods`, pod({ "sluice.dev/inject": "true" }));
    assert.equal(own.status, 201, "the controller's own namespace depends on no controller");
  });

  await t.test("uninstalled and installed again, CRDs and what is in them stay", async () => {
    const path = "/apis/sluice.dev/v1alpha1/namespaces/others/egresspolicies";
    const uninstall = async (): Promise<void> => {
      const { status, stderr } = await cluster.helm(["uninstall", "sluice", "--namespace", NAMESPACE]);
      assert.equal(status, 0, stderr);
      const left = await cluster.kubectl(["get", "crd", "-o", "name"]);
      assert.equal(left.stdout.trim().split("\n").length, 4);
      for (const kind of [
        "mutatingwebhookconfigurations",
        "validatingwebhookconfigurations",
        "validatingadmissionpolicies",
      ]) {
        const { body } = await cluster.api("GET", `${ADMISSION}/${kind}`);
        assert.deepEqual(body.items?.map(({ metadata }) => metadata.name) ?? [], [], kind);
      }
    };
    await uninstall();
    const document = readFileSync(join(CHART, "../../policies/examples/coding-agent/egress.yaml"), "utf8");
    const made = await cluster.api("POST", path, parse(document));
    assert.equal(made.status, 201, made.body.message ?? "");
    await install(["install"], { seccomp: { mode: "installer" }, dashboards: { enabled: true } });
    await uninstall();
    const { body } = await cluster.api("GET", path);
    assert.equal(body.items?.length, 1);
  });
});

const ADMISSION = "/apis/admissionregistration.k8s.io/v1";

interface Webhooks extends KubeObject {
  readonly webhooks: readonly {
    readonly clientConfig: { readonly caBundle?: string };
    readonly timeoutSeconds: number;
  }[];
}

async function bundles(cluster: Cluster): Promise<readonly string[]> {
  const found: string[] = [];
  for (const path of [
    "mutatingwebhookconfigurations/sluice-injector",
    "validatingwebhookconfigurations/sluice-validator",
  ]) {
    const { body } = await cluster.api<Webhooks>("GET", `${ADMISSION}/${path}`);
    found.push(...body.webhooks.map(({ clientConfig }) => clientConfig.caBundle ?? ""));
  }
  return found;
}

/** The controller's own code with the controller's own token, until the webhooks trust what it serves. */
async function keptCertificate(cluster: Cluster): Promise<void> {
  const token = await cluster.serviceAccountToken(NAMESPACE, "sluice-controller");
  const endpoint = {
    url: cluster.url,
    ca: { text: cluster.caPem },
    credential: { kind: "token" as const, token: { text: token } },
  };
  const client = createKubeClient(endpoint, { clock: systemClock, random: Math.random });
  assert.ok(client.ok, client.ok ? "" : client.problem);
  const said: string[] = [];
  const keeper = keepInSecret({
    kube: client.value,
    clock: { wall: () => epochMillis(Date.now()), monotonic: () => performance.now() },
    events: { serve: () => {}, event: (level, event, facts) => said.push(JSON.stringify([level, event, facts])) },
    namespace: NAMESPACE,
    service: "sluice-controller",
    secret: "sluice-webhook-tls",
    webhooks: { mutatingWebhook: "sluice-injector", validatingWebhook: "sluice-validator" },
    caLifetime: millis(365 * 86_400_000),
    leafLifetime: millis(30 * 86_400_000),
    overlap: millis(10),
    interval: millis(60_000),
  });
  try {
    await eventually(async () => {
      await keeper.look();
      assert.equal(keeper.condition().state, "ok", `${keeper.condition().reason} ${said.join("\n")}`);
    });
  } finally {
    await keeper[Symbol.asyncDispose]();
    client.value.close();
  }
}

/** `[verb, resource[.group][/subresource], namespace, name, allowed]`. */
const RIGHTS: readonly (readonly [string, string, string, string, boolean])[] = [
  ["watch", "namespaces", "", "", true],
  ["patch", "namespaces", "", "x", false],
  ["list", "pods", "agents", "", true],
  ["create", "pods", "agents", "", false],
  ["delete", "pods", "agents", "x", false],
  ["create", "pods/exec", "agents", "x", false],
  ["patch", "configmaps", "agents", "sluice-router", true],
  ["delete", "resourcequotas", "agents", "sluice-approvals", true],
  ["create", "networkpolicies.networking.k8s.io", "agents", "", true],
  ["create", "rolebindings.rbac.authorization.k8s.io", "agents", "", true],
  ["bind", "clusterroles.rbac.authorization.k8s.io", "", "sluice-router", true],
  ["bind", "clusterroles.rbac.authorization.k8s.io", "", "sluice-approver", false],
  ["bind", "clusterroles.rbac.authorization.k8s.io", "", "cluster-admin", false],
  ["escalate", "clusterroles.rbac.authorization.k8s.io", "", "sluice-router", false],
  ["create", "clusterrolebindings.rbac.authorization.k8s.io", "", "", false],
  ["reconcile", "egressapprovals.sluice.dev", "agents", "x", true],
  ["approve", "egressapprovals.sluice.dev", "agents", "x", false],
  ["create", "egressapprovals.sluice.dev", "agents", "", false],
  ["patch", "egressapprovals.sluice.dev/status", "agents", "x", true],
  ["delete", "egressapprovals.sluice.dev", "agents", "x", true],
  ["patch", "egresspolicies.sluice.dev", "agents", "x", false],
  ["patch", "egresspolicies.sluice.dev/status", "agents", "x", true],
  ["create", "events", "agents", "", true],
  ["get", "secrets", NAMESPACE, "sluice-webhook-tls", true],
  ["update", "secrets", NAMESPACE, "sluice-webhook-tls", true],
  ["create", "secrets", NAMESPACE, "", true],
  ["list", "secrets", NAMESPACE, "", false],
  ["get", "secrets", NAMESPACE, "another", false],
  ["get", "secrets", "agents", "sluice-webhook-tls", false],
  ["create", "secrets", "agents", "", false],
  ["update", "leases.coordination.k8s.io", NAMESPACE, "sluice-controller", true],
  ["update", "leases.coordination.k8s.io", "kube-system", "sluice-controller", false],
  ["patch", "mutatingwebhookconfigurations.admissionregistration.k8s.io", "", "sluice-injector", true],
  ["patch", "mutatingwebhookconfigurations.admissionregistration.k8s.io", "", "another", false],
  ["delete", "validatingwebhookconfigurations.admissionregistration.k8s.io", "", "sluice-validator", false],
  ["patch", "validatingadmissionpolicies.admissionregistration.k8s.io", "", "sluice-pods", false],
  ["unenforce", "namespaces.sluice.dev", "", "agents", false],
  ["exec", "pods.sluice.dev", "agents", "x", false],
  ["get", "nodes", "", "x", false],
  ["impersonate", "users", "", "admin", false],
];

async function rights(cluster: Cluster): Promise<void> {
  const token = await cluster.serviceAccountToken(NAMESPACE, "sluice-controller");
  for (const [verb, what, namespace, name, allowed] of RIGHTS) {
    const [whole = "", subresource = ""] = what.split("/");
    const [resource = "", ...group] = whole.split(".");
    const resourceAttributes = { verb, resource, group: group.join("."), subresource, namespace, name };
    const review = { spec: { resourceAttributes } };
    const path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    await eventually(async () => {
      const { status, body } = await cluster.api("POST", path, review, { token });
      assert.equal(status, 201, body.message ?? "");
      assert.equal((body.status as { allowed: boolean }).allowed, allowed, `${verb} ${what} ${namespace} ${name}`);
    }, 3_000);
  }
}
