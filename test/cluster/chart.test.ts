/** The chart as Helm renders it, and as a real API server takes it. `SLUICE_UPDATE_CHART=1` writes test/golden/chart anew. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { after, test } from "node:test";
import { parse, parseAllDocuments, stringify } from "yaml";
import type { ControllerConfig } from "../../controller/config/controller-config.ts";
import { parseControllerConfig } from "../../controller/config/parse-controller-config.ts";
import { startController } from "../../controller/start-controller.ts";
import { systemClock } from "../../router/app/clock.ts";
import { openLog } from "../../router/edge/log/log.ts";
import { localhostProfile } from "../../seccomp/profiles.ts";
import { operatorProfile } from "../../seccomp/spo.ts";
import { findTool } from "../tools/find.ts";
import { ADMISSION_FILES, admissionFile } from "./admission-files.ts";
import type { KubeObject } from "./api-request.ts";
import { CHART_CASES, REFUSED_VALUES } from "./chart-cases.ts";
import { type Cluster, requireCluster, requireHelm, startCluster } from "./cluster.ts";
import { eventually } from "./eventually.ts";
import { quietPort } from "./quiet-port.ts";
import { type Printed, runProgram } from "./run-program.ts";

const CHART = join(import.meta.dirname, "../../charts/sluice");
const GOLDEN = join(import.meta.dirname, "../golden/chart");
const NAMESPACE = "sluice-system";
const POLICY = join(CHART, "../../policies/examples/coding-agent/egress.yaml");
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

const SIGNERS = `apiVersion: sluice.dev/v1alpha1
kind: SignerPolicy
metadata: { name: test }
spec:
  signers:
    - id: release
      key: { file: release.pub }
  requirements:
    - { kind: EgressPolicy, signers: [release] }
`;

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

  const ports = { webhook: await quietPort(), admin: await quietPort() };
  const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const key = publicKey.export({ type: "spki", format: "pem" }).toString();
  const values = { ports, trust: { files: { "signers.yaml": SIGNERS, "release.pub": key } } };
  await t.test("helm installs it", async () => install(["install"], values));

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

  await t.test("the controller runs with these rights and settings, and an upgrade leaves it alone", async (inner) => {
    assert.deepEqual([...new Set(await bundles(cluster))], [""]);
    const { stdout } = await cluster.helm(["get", "manifest", "sluice", "--namespace", NAMESPACE]);
    const running = await runController(cluster, manifests(stdout), inner);
    await inner.test("it is ready, and the API server trusts it", async () => running.ready());
    await inner.test("a pod is injected, and the policies take what was injected", async () => injected(cluster));
    await inner.test("a namespace gets what it needs", async () => provided(cluster));
    await inner.test("an approval is stamped, answered and followed", async () => approved(cluster));
    await inner.test("a policy is looked at, and a namespace that is let go is cleared", async () => letGo(cluster));
    await inner.test("nothing of it was forbidden", async () => running.unhindered());
    const before = await bundles(cluster);
    assert.ok(before.length === 6 && before.every((bundle) => bundle.length > 100 && bundle === before[0]));
    await install(["upgrade"], { ...values, replicaCount: 3, webhooks: { timeoutSeconds: 4 } });
    assert.deepEqual(await bundles(cluster), before, "helm upgrade leaves the caBundle");
    const { body } = await cluster.api<Webhooks>("GET", `${ADMISSION}/mutatingwebhookconfigurations/sluice-injector`);
    assert.equal(body.webhooks[0]?.timeoutSeconds, 4);
  });

  await t.test("uninstalled and installed again, CRDs and what is in them stay", async () => {
    const documents = "/apis/sluice.dev/v1alpha1/namespaces/others/egresspolicies";
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
    const made = await cluster.api("POST", documents, parse(readFileSync(POLICY, "utf8")));
    assert.equal(made.status, 201, made.body.message ?? "");
    // By three-way merge this time, as Helm 3 does it.
    await install(["install", "--server-side=false"], {
      seccomp: { mode: "installer" },
      dashboards: { enabled: true },
    });
    const patch = [0, 1, 2].map((index) => ({
      op: "add",
      path: `/webhooks/${index}/clientConfig/caBundle`,
      value: Buffer.from(cluster.caPem).toString("base64"),
    }));
    const options = { contentType: "application/json-patch+json" };
    for (const path of WEBHOOKS) {
      assert.equal((await cluster.api("PATCH", `${ADMISSION}/${path}`, patch, options)).status, 200);
    }
    const before = await bundles(cluster);
    await install(["upgrade", "--server-side=false"], { webhooks: { timeoutSeconds: 7 } });
    assert.deepEqual(await bundles(cluster), before);
    assert.ok(before.every((bundle) => bundle.length > 100));
    await uninstall();
    const { body } = await cluster.api("GET", documents);
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

const WEBHOOKS = ["mutatingwebhookconfigurations/sluice-injector", "validatingwebhookconfigurations/sluice-validator"];

async function bundles(cluster: Cluster): Promise<readonly string[]> {
  const found: string[] = [];
  for (const path of WEBHOOKS) {
    const { body } = await cluster.api<Webhooks>("GET", `${ADMISSION}/${path}`);
    found.push(...body.webhooks.map(({ clientConfig }) => clientConfig.caBundle ?? ""));
  }
  return found;
}

interface Running {
  ready(): Promise<void>;
  unhindered(): Promise<void>;
}

/** The controller with the settings that the chart rendered and the token of the account that the chart made. */
async function runController(
  cluster: Cluster,
  objects: readonly Manifest[],
  owner: { after(end: () => Promise<void>): void },
): Promise<Running> {
  const token = await cluster.serviceAccountToken(NAMESPACE, "sluice-controller");
  const config = configOf(objects);
  const trustDirectory = join(directory, "trust");
  mkdirSync(trustDirectory);
  const { data = {} } = one(objects, "ConfigMap", "sluice-controller-trust");
  for (const [file, content] of Object.entries(data)) writeFileSync(join(trustDirectory, file), content);
  const lines: string[] = [];
  const output = new Writable({
    write(chunk: Buffer, _, done) {
      lines.push(chunk.toString());
      done();
    },
  });
  const running = await startController({
    config: { ...config, trustDirectory },
    endpoint: {
      url: cluster.url,
      ca: { text: cluster.caPem },
      credential: { kind: "token", token: { text: token } },
    },
    version: "1.2.3",
    identity: "controller-0",
    clock: systemClock,
    random: Math.random,
    log: openLog("info", output),
  });
  assert.ok(running.ok, running.ok ? "" : running.problem);
  owner.after(async () => running.value.stop());
  cluster.serveService(NAMESPACE, config.service, running.value.webhookPort);
  const admin = async (path: string): Promise<{ readonly status: number; readonly said: string }> => {
    const answer = await fetch(`http://127.0.0.1:${config.listen.adminPort}${path}`);
    return { status: answer.status, said: await answer.text() };
  };
  return {
    ready: async () =>
      eventually(async () => {
        const { status, said } = await admin("/readyz");
        assert.equal(status, 200, said + lines.join(""));
      }),
    async unhindered() {
      await eventually(async () => {
        const { said } = await admin("/status");
        const { conditions } = JSON.parse(said) as { conditions: readonly { name: string; state: string }[] };
        const states = conditions.map(({ name, state }) => `${name} ${state}`);
        assert.deepEqual(states, ["certificate ok", "reconciler ok"], said);
      }, 5_000);
      assert.doesNotMatch(lines.join(""), /forbidden|"level":"?error/iu);
      const metrics = (await admin("/metrics")).said;
      assert.match(metrics, /sluice_reconciles_total\{kind="namespace",outcome="changed"\} [1-9]/u);
      assert.doesNotMatch(metrics, /outcome="failed"\} [1-9]/u);
    },
  };
}

async function injected(cluster: Cluster): Promise<void> {
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

async function provided(cluster: Cluster): Promise<void> {
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
  const put = await cluster.api("PATCH", "/api/v1/namespaces/agents/configmaps/sluice-trust", { data: { x: "y" } });
  assert.equal(put.status, 403);
  assert.match(put.body.message ?? "", /written by Sluice's controller alone/);
}

async function letGo(cluster: Cluster): Promise<void> {
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

async function approved(cluster: Cluster): Promise<void> {
  const path = "/apis/sluice.dev/v1alpha1/namespaces/agents/egressapprovals";
  const binding = async (role: string, name: string): Promise<void> => {
    const { status, stderr } = await cluster.kubectl([
      ...["create", "rolebinding", `${name}-${role}`, `--clusterrole=${role}`, `--user=${name}`, "-n", "agents"],
    ]);
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
  ["patch", "egressapprovals.sluice.dev", "agents", "x", false],
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
