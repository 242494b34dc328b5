import assert from "node:assert/strict";
import { test } from "node:test";
import type { InjectionConfig } from "../../controller/config/controller-config.ts";
import { injectPod } from "../../controller/inject/inject-pod.ts";
import { jsonPatch } from "../../controller/inject/json-patch.ts";
import { sameContainer, sameVolume } from "../../controller/inject/same-container.ts";
import { desiredVolumes } from "../../controller/inject/template-volumes.ts";
import { desiredContainers } from "../../controller/inject/template.ts";
import type { JsonObject, PodObject } from "../../controller/pod/pod.ts";
import { readPod } from "../../controller/pod/read-pod.ts";
import { millis } from "../../router/core/base/quantity.ts";
import { agentPod, injectionConfig, type PodOverrides } from "../fakes/agent-pod.ts";
import { eventually } from "./eventually.ts";
import { type Cluster, requireCluster, startCluster } from "./cluster.ts";

const PODS = "/api/v1/namespaces/research/pods?dryRun=All";
const equal = { limits: { cpu: "2", memory: "4Gi" }, requests: { cpu: "2000m", memory: "4096Mi" } };
const unspecific: PodOverrides = {
  container: { resources: {}, terminationMessagePath: undefined, readinessProbe: undefined },
};

const pods: readonly (readonly [name: string, pod: PodOverrides])[] = [
  ["a usual pod", {}],
  ["a pod that leaves everything to the API server", unspecific],
  ["a pod of class Guaranteed", { container: { resources: equal } }],
  ["a pod with init containers", { spec: { initContainers: [{ name: "i", image: "x" }] } }],
];

const configs: readonly (readonly [name: string, settings: InjectionConfig])[] = [
  ["the default settings", injectionConfig()],
  [
    "settings in another spelling",
    injectionConfig({
      guard: "notEnforced",
      pullPolicy: "Never",
      pullSecrets: ["pull"],
      resources: {
        requests: { cpu: "0.25", memory: "1024Mi" },
        limits: { cpu: "1000m", memory: "1.5Gi" },
      },
      seccomp: { mode: "runtimeDefault" },
      tokens: [{ path: "v/token", audience: "x", expirationSeconds: 700 }],
      apiAudience: "sluice",
      auditSize: "2048Mi",
      drain: millis(60_000),
    }),
  ],
];

/** As the API server has it when webhooks are asked, or at the end: decoded, defaulted, through its own admission. */
async function through(cluster: Cluster, pod: JsonObject): Promise<PodObject> {
  const { status, body } = await cluster.api<JsonObject>("POST", PODS, pod);
  assert.equal(status, 201, JSON.stringify(body).slice(0, 500));
  const read = readPod(body);
  assert.ok(read.ok);
  return read.value;
}

/** Without what the API server will not be told: volumes and values that its own admission added. */
function written(overrides: PodOverrides): JsonObject {
  const { priority: _, preemptionPolicy: __, volumes: ___, ...spec } = agentPod(overrides).spec;
  const containers = spec.containers.map(({ volumeMounts: ____, ...container }) => container);
  return {
    ...agentPod(),
    metadata: { generateName: "p-", labels: { app: "p" } },
    spec: { ...spec, containers },
  };
}

test("what the API server stores of the template is the template", requireCluster(), async (t) => {
  const flags = ["--enable-admission-plugins=AlwaysPullImages"];
  const cluster = await startCluster(t, { serviceAccounts: true, flags });
  await cluster.createNamespace("research");
  const account = { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "research" } };
  await cluster.api("POST", "/api/v1/namespaces/research/serviceaccounts", account);

  for (const limited of [false, true]) {
    if (limited) await limitRange(cluster);
    for (const [podName, overrides] of pods) {
      for (const [configName, settings] of configs) {
        await t.test(`${podName}, ${configName}${limited ? ", a LimitRange" : ""}`, async () => {
          const asked = await through(cluster, written(overrides));
          assert.match(JSON.stringify(asked.spec.volumes), /kube-api-access-/);
          const { pod } = injectPod(asked, settings);
          const stored = await through(cluster, {
            ...pod,
            metadata: { ...pod.metadata, name: undefined },
          });
          const { initContainers = [], volumes = [] } = stored.spec;
          for (const [index, desired] of desiredContainers(stored, settings).entries()) {
            const actual = initContainers[index] ?? { name: "" };
            assert.ok(sameContainer(actual, desired), JSON.stringify(jsonPatch(desired, actual)));
          }
          for (const [index, desired] of desiredVolumes(stored, settings).entries()) {
            const actual = volumes[index] ?? { name: "" };
            assert.ok(sameVolume(actual, desired), JSON.stringify(jsonPatch(desired, actual)));
          }
          assert.deepEqual(jsonPatch(stored, injectPod(stored, settings).pod), []);
          assert.doesNotMatch(JSON.stringify(stored), /kube-api-access-/);
        });
      }
    }
  }
});

async function limitRange(cluster: Cluster): Promise<void> {
  const limits = [{ type: "Container", default: { cpu: "500m", memory: "512Mi", "ephemeral-storage": "2048Mi" } }];
  const object = {
    apiVersion: "v1",
    kind: "LimitRange",
    metadata: { name: "l" },
    spec: { limits },
  };
  assert.equal((await cluster.api("POST", "/api/v1/namespaces/research/limitranges", object)).status, 201);
  await eventually(async () => {
    const pod = await through(cluster, written(unspecific));
    assert.match(JSON.stringify(pod.spec.containers[0]?.["resources"]), /ephemeral-storage/);
  });
}
