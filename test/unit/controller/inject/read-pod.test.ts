import assert from "node:assert/strict";
import { test } from "node:test";
import { MAXIMUM_CONTAINERS, readPod } from "../../../../controller/pod/read-pod.ts";
import { agentContainer, agentPod } from "../../../fakes/agent-pod.ts";

const many = (count: number) => Array.from({ length: count }, (_, index) => ({ name: `c${index}` }));
const context = (securityContext: object) => agentPod({ container: { securityContext } });

const refused: readonly (readonly [name: string, pod: unknown, code: string, path: string, must: RegExp])[] = [
  ["nothing", undefined, "malformed_pod", "", /^The pod must be an object\.$/],
  ["null", null, "malformed_pod", "", /object/],
  ["a list", [], "malformed_pod", "", /object/],
  ["a text", "pod", "malformed_pod", "", /object/],
  ["no metadata", { spec: { containers: [] } }, "malformed_pod", "metadata", /^metadata must be there\.$/],
  ["no spec", { metadata: {} }, "malformed_pod", "spec", /must be there/],
  ["spec null", { metadata: {}, spec: null }, "malformed_pod", "spec", /must be an object/],
  ["no containers", { metadata: {}, spec: {} }, "malformed_pod", "spec.containers", /must be there/],
  [
    "containers that are no list",
    agentPod({ spec: { containers: { length: 1 } } }),
    "malformed_pod",
    "spec.containers",
    /list/,
  ],
  [
    "a container that is null",
    agentPod({ spec: { containers: [null] } }),
    "malformed_pod",
    "spec.containers[0]",
    /object/,
  ],
  [
    "a container without a name",
    agentPod({ spec: { containers: [{}] } }),
    "malformed_pod",
    "spec.containers[0].name",
    /there/,
  ],
  [
    "a name that is a number",
    agentPod({ container: { name: 7 } }),
    "malformed_pod",
    "spec.containers[0].name",
    /string/,
  ],
  ["an empty name", agentPod({ container: { name: "" } }), "malformed_pod", "spec.containers[0].name", /empty/],
  [
    "an image that is a list",
    agentPod({ container: { image: ["x"] } }),
    "malformed_pod",
    "spec.containers[0].image",
    /string/,
  ],
  ["env that is null", agentPod({ container: { env: null } }), "malformed_pod", "spec.containers[0].env", /list/],
  [
    "env without a name",
    agentPod({ container: { env: [{ value: "x" }] } }),
    "malformed_pod",
    "spec.containers[0].env[0].name",
    /there/,
  ],
  [
    "an env value that is a number",
    agentPod({ container: { env: [{ name: "A", value: 1 }] } }),
    "malformed_pod",
    "spec.containers[0].env[0].value",
    /string/,
  ],
  [
    "a mount without a path",
    agentPod({ container: { volumeMounts: [{ name: "x" }] } }),
    "malformed_pod",
    "spec.containers[0].volumeMounts[0].mountPath",
    /there/,
  ],
  [
    "10,001 variables",
    agentPod({ container: { env: many(10_001) } }),
    "malformed_pod",
    "spec.containers[0].env",
    /at most 10000/,
  ],
  ["257 volumes", agentPod({ spec: { volumes: many(257) } }), "malformed_pod", "spec.volumes", /at most 256 items/],
  [
    "257 tolerations",
    agentPod({ spec: { tolerations: many(257) } }),
    "malformed_pod",
    "spec.tolerations",
    /at most 256 items/,
  ],
  [
    "257 labels of nodes",
    agentPod({ spec: { nodeSelector: Object.fromEntries(many(257).map(({ name }) => [name, "x"])) } }),
    "malformed_pod",
    "spec.nodeSelector",
    /at most 256 members/,
  ],
  [
    "513 mounts",
    agentPod({ container: { volumeMounts: many(513).map(({ name }) => ({ name, mountPath: `/${name}` })) } }),
    "malformed_pod",
    "spec.containers[0].volumeMounts",
    /at most 512 items/,
  ],
  [
    "runAsUser as a text",
    context({ runAsUser: "0" }),
    "malformed_pod",
    "spec.containers[0].securityContext.runAsUser",
    /integer/,
  ],
  [
    "runAsUser with a fraction",
    context({ runAsUser: 0.5 }),
    "malformed_pod",
    "spec.containers[0].securityContext.runAsUser",
    /integer/,
  ],
  [
    "privileged as a text",
    context({ privileged: "false" }),
    "malformed_pod",
    "spec.containers[0].securityContext.privileged",
    /true or false/,
  ],
  [
    "a capability that is an object",
    context({ capabilities: { add: [{}] } }),
    "malformed_pod",
    "spec.containers[0].securityContext.capabilities.add[0]",
    /string/,
  ],
  [
    "a profile that is a text",
    context({ seccompProfile: "Unconfined" }),
    "malformed_pod",
    "spec.containers[0].securityContext.seccompProfile",
    /object/,
  ],
  [
    "an init container without a name",
    agentPod({ spec: { initContainers: [agentContainer(), { image: "x" }] } }),
    "malformed_pod",
    "spec.initContainers[1].name",
    /there/,
  ],
  [
    "an ephemeral container that is a text",
    agentPod({ spec: { ephemeralContainers: ["x"] } }),
    "malformed_pod",
    "spec.ephemeralContainers[0]",
    /object/,
  ],
  [
    "a volume without a name",
    agentPod({ spec: { volumes: [{ emptyDir: {} }] } }),
    "malformed_pod",
    "spec.volumes[0].name",
    /there/,
  ],
  [
    "hostNetwork as a text",
    agentPod({ spec: { hostNetwork: "true" } }),
    "malformed_pod",
    "spec.hostNetwork",
    /true or false/,
  ],
  [
    "a label that is a number",
    agentPod({ metadata: { labels: { app: 1 } } }),
    "malformed_pod",
    "metadata.labels[app]",
    /string/,
  ],
  ["labels that are a list", agentPod({ metadata: { labels: [] } }), "malformed_pod", "metadata.labels", /object/],
  [
    "an agent's name that is no label",
    agentPod({ metadata: { labels: { "sluice.dev/agent": "a b" } } }),
    "malformed_pod",
    "metadata.labels[sluice.dev/agent]",
    /label value/,
  ],
  [
    "an agent's name of 64 letters",
    agentPod({ metadata: { labels: { "sluice.dev/agent": "a".repeat(64) } } }),
    "malformed_pod",
    "metadata.labels[sluice.dev/agent]",
    /63/,
  ],
  [
    "a policy with a slash",
    agentPod({ metadata: { annotations: { "sluice.dev/policy": "../x" } } }),
    "malformed_pod",
    "metadata.annotations[sluice.dev/policy]",
    /ConfigMap/,
  ],
  [
    "a policy without a name",
    agentPod({ metadata: { annotations: { "sluice.dev/policy": "" } } }),
    "malformed_pod",
    "metadata.annotations[sluice.dev/policy]",
    /ConfigMap/,
  ],
  [
    "a policy of 64 letters",
    agentPod({ metadata: { annotations: { "sluice.dev/policy": "a".repeat(64) } } }),
    "malformed_pod",
    "metadata.annotations[sluice.dev/policy]",
    /63/,
  ],
  [
    "10,001 labels",
    agentPod({ metadata: { labels: Object.fromEntries(many(10_001).map(({ name }) => [name, "x"])) } }),
    "malformed_pod",
    "metadata.labels",
    /at most 10000/,
  ],
  ["65 containers", agentPod({ spec: { containers: many(65) } }), "too_many_containers", "spec", /at most 64/],
  ["1,000 containers", agentPod({ spec: { containers: many(1000) } }), "too_many_containers", "spec", /at most 64/],
  [
    "1,000 containers over all kinds",
    agentPod({ spec: { containers: many(30), initContainers: many(30), ephemeralContainers: many(940) } }),
    "too_many_containers",
    "spec",
    /at most 64/,
  ],
  [
    "1,000 containers named like ours",
    agentPod({ spec: { initContainers: Array.from({ length: 1000 }, () => ({ name: "sluice-router" })) } }),
    "too_many_containers",
    "spec",
    /at most 64/,
  ],
  [
    "1,000,000 containers that are nothing",
    agentPod({ spec: { containers: Array.from({ length: 1_000_000 }, () => 0) } }),
    "too_many_containers",
    "spec",
    /at most 64/,
  ],
];

for (const [name, pod, code, path, must] of refused) {
  test(`read pod: ${name}: ${code}`, () => {
    const read = readPod(pod);
    assert.equal(read.ok, false);
    assert.deepEqual({ code: read.problem.code, path: read.problem.path }, { code, path });
    assert.match(read.problem.message, must);
  });
}

const accepted: readonly (readonly [name: string, pod: unknown])[] = [
  ["a usual one", agentPod()],
  ["the least", { metadata: {}, spec: { containers: [] } }],
  [
    "members that nobody knows",
    agentPod({ spec: { tomorrow: [null, { x: null }] }, metadata: { creationTimestamp: null } }),
  ],
  ["64 containers", agentPod({ spec: { containers: many(40), initContainers: many(24) } })],
  [
    "64 containers and ours",
    agentPod({
      spec: {
        containers: many(64),
        initContainers: [{ name: "sluice-guard" }, { name: "sluice-prove" }, { name: "sluice-router" }],
      },
    }),
  ],
  ["an empty agent label", agentPod({ metadata: { labels: { "sluice.dev/agent": "" } } })],
  [
    "a member __proto__",
    JSON.parse('{"metadata":{"labels":{"__proto__":"x"}},"spec":{"containers":[],"__proto__":{"hostNetwork":true}}}'),
  ],
];

for (const [name, pod] of accepted) {
  test(`read pod: ${name} is returned as it is`, () => {
    const before = JSON.stringify(pod);
    const read = readPod(pod);
    assert.equal(read.ok, true);
    assert.equal(read.value, pod);
    assert.equal(JSON.stringify(read.value), before);
  });
}

test("the bound is the one in the text", () => assert.equal(MAXIMUM_CONTAINERS, 64));

test("a pod of 100,000 brackets is read, not unwound", () => {
  const deep: unknown = JSON.parse(`${"[".repeat(100_000)}${"]".repeat(100_000)}`);
  assert.equal(readPod(agentPod()).ok, true);
  assert.equal(readPod({ metadata: {}, spec: { containers: [], deep } }).ok, true);
  assert.equal(readPod(deep).ok, false);
});

test("as much as there may be is read", () => {
  const pod = agentPod({
    container: { volumeMounts: many(512).map(({ name }) => ({ name, mountPath: `/${name}` })) },
    spec: {
      volumes: many(256),
      tolerations: many(256),
      nodeSelector: Object.fromEntries(many(256).map(({ name }) => [name, "x"])),
    },
  });
  assert.equal(readPod(pod).ok, true);
});
