/** The chart as Helm renders it. `SLUICE_UPDATE_CHART=1 node test/cluster/chart.test.ts` writes test/golden/chart anew. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { stringify } from "yaml";
import type { ControllerConfig } from "../../controller/config/controller-config.ts";
import { parseControllerConfig } from "../../controller/config/parse-controller-config.ts";
import { localhostProfile } from "../../seccomp/profiles.ts";
import { operatorProfile } from "../../seccomp/spo.ts";
import { ADMISSION_FILES, admissionFile } from "./admission-files.ts";
import { CHART_CASES, REFUSED_VALUES } from "./chart-cases.ts";
import { CHART, configOf, helm, type Manifest, manifests, NAMESPACE, one, RELEASE, rendered } from "./chart-render.ts";
import { requireHelm } from "./cluster.ts";

const GOLDEN = join(import.meta.dirname, "../golden/chart");
const update = process.env["SLUICE_UPDATE_CHART"] === "1";

/** What has tests of its own is only named in the golden files. */
const NAMED_ONLY = new Set(["CustomResourceDefinition", "SeccompProfile"]);
/** These are held to their files below, and are not in the golden files at all. */
const POLICIES = new Set(["ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"]);

function goldenText(objects: readonly Manifest[]): string {
  return objects
    .filter(({ kind }) => !POLICIES.has(kind))
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
      assert.equal(webhooks.length, kind === "ValidatingWebhookConfiguration" ? 4 : 3);
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
