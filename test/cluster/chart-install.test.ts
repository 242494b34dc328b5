/** The chart as a real API server takes it, and the controller with the settings and rights that it gives. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { parse } from "yaml";
import type { KubeObject } from "./api-request.ts";
import { CHART_CASES } from "./chart-cases.ts";
import { runController } from "./chart-controller.ts";
import { approved, injected, letGo, POLICY, provided } from "./chart-journey.ts";
import { manifests, NAMESPACE, one, RELEASE, rendered } from "./chart-render.ts";
import { rights } from "./chart-rights.ts";
import { type Cluster, requireCluster, requireHelm, startCluster } from "./cluster.ts";
import { eventually } from "./eventually.ts";
import { quietPort } from "./quiet-port.ts";

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

  await t.test("INV-CHART-RIGHTS: the controller's rights are these and no others", async () => rights(cluster));

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
    assert.ok(before.length >= 6 && before.every((bundle) => bundle.length > 100 && bundle === before[0]));
    await install(["upgrade"], { ...values, replicaCount: 3, webhooks: { timeoutSeconds: 4 } });
    assert.deepEqual(await bundles(cluster), before, "helm upgrade leaves the caBundle");
    const { body } = await cluster.api<Webhooks>("GET", `${ADMISSION}/mutatingwebhookconfigurations/sluice-injector`);
    assert.equal(body.webhooks[0]?.timeoutSeconds, 4);
  });

  await t.test("INV-CHART-BUNDLE: uninstalled and installed again, CRDs and what is in them stay", async () => {
    const documents = "/apis/sluice.dev/v1alpha1/namespaces/others/egresspolicies";
    const uninstall = async (): Promise<void> => {
      const { status, stderr } = await cluster.helm(["uninstall", "sluice", "--namespace", NAMESPACE]);
      assert.equal(status, 0, stderr);
      const left = await cluster.api("GET", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions");
      const ending = left.body.items?.map(({ metadata }) => metadata.deletionTimestamp);
      assert.deepEqual(ending, [undefined, undefined, undefined, undefined]);
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
    const options = { contentType: "application/json-patch+json" };
    for (const path of WEBHOOKS) {
      const { webhooks } = (await cluster.api<Webhooks>("GET", `${ADMISSION}/${path}`)).body;
      const patch = webhooks.map((_, index) => ({
        op: "add",
        path: `/webhooks/${index}/clientConfig/caBundle`,
        value: Buffer.from(cluster.caPem).toString("base64"),
      }));
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
