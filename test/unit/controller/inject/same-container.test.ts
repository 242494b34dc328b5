import assert from "node:assert/strict";
import { test } from "node:test";
import { sameContainer, sameVolume } from "../../../../controller/inject/same-container.ts";
import { desiredVolumes } from "../../../../controller/inject/template-volumes.ts";
import { desiredContainers } from "../../../../controller/inject/template.ts";
import type { Container, JsonObject, Volume } from "../../../../controller/pod/pod.ts";
import { agentPod, injectionConfig } from "../../../fakes/agent-pod.ts";

const settings = injectionConfig();
const [guard, prove, router] = desiredContainers(agentPod(), settings);
assert.ok(guard !== undefined && prove !== undefined && router !== undefined);

/** As it comes back from the API server: another object, members in another order. */
function returned(container: Container, changes: JsonObject = {}): Container {
  const entries = Object.entries({ ...container, ...changes }).toReversed();
  return JSON.parse(JSON.stringify(Object.fromEntries(entries))) as Container;
}

const resources = (limits: JsonObject, requests: JsonObject) => ({ resources: { limits, requests } });
const ours = { cpu: "250m", memory: "256Mi" };

const rows: readonly (readonly [name: string, changes: JsonObject, same: boolean])[] = [
  ["members in another order", {}, true],
  [
    "LimitRanger: ephemeral storage",
    resources({ ...ours, "ephemeral-storage": "2Gi" }, { ...ours, "ephemeral-storage": "1Gi" }),
    true,
  ],
  ["LimitRanger: in requests only", resources(ours, { ...ours, "ephemeral-storage": "1Gi" }), true],
  ["AlwaysPullImages", { imagePullPolicy: "Always" }, true],
  ["another image", { image: "registry.example/evil" }, false],
  ["a command", { command: ["sh"] }, false],
  ["other arguments", { args: ["run", "--audit-mode", "best_effort"] }, false],
  ["an argument less", { args: [] }, false],
  ["no restartPolicy", { restartPolicy: undefined }, false],
  ["a variable more", { env: [...(router.env ?? []), { name: "SLUICE_GUARD_EXPECTED", value: "false" }] }, false],
  ["envFrom", { envFrom: [{ configMapRef: { name: "evil" } }] }, false],
  ["a mount more", { volumeMounts: [...(router.volumeMounts ?? []), { name: "x", mountPath: "/etc/ssl" }] }, false],
  ["mounts in another order", { volumeMounts: (router.volumeMounts ?? []).toReversed() }, false],
  ["no probe", { startupProbe: undefined }, false],
  ["a lifecycle", { lifecycle: { postStart: { exec: { command: ["sh"] } } } }, false],
  ["a device", { volumeDevices: [{ name: "x", devicePath: "/dev/x" }] }, false],
  ["another user", { securityContext: { ...router.securityContext, runAsUser: 0 } }, false],
  [
    "a capability",
    { securityContext: { ...router.securityContext, capabilities: { drop: ["ALL"], add: ["NET_RAW"] } } },
    false,
  ],
  ["stdin", { stdin: true }, false],
  ["a member nobody knows", { tomorrow: true }, false],
  ["a member that is null", { command: null }, false],
  ["pulled never", { imagePullPolicy: "Never" }, false],
  ["less memory", resources({ ...ours, memory: "1Mi" }, ours), false],
  ["no limits", { resources: { requests: ours } }, false],
  ["no resources", { resources: undefined }, false],
  ["a device of a plugin", resources({ ...ours, "vendor.example/gpu": "1" }, ours), false],
  ["huge pages", resources({ ...ours, "hugepages-2Mi": "2Mi" }, ours), false],
  ["claims", { resources: { limits: ours, requests: ours, claims: [{ name: "x" }] } }, false],
  ["an amount that is an object", resources({ ...ours, "ephemeral-storage": {} }, ours), false],
  ["an amount of 1,000 characters", resources({ ...ours, "ephemeral-storage": "9".repeat(1000) }, ours), false],
  ["resources that are a text", { resources: "lots" }, false],
];

for (const [name, changes, same] of rows) {
  test(`INV-INJECT-EXACT: sluice-router with ${name} is ${same ? "the template's" : "not the template's"}`, () => {
    assert.equal(sameContainer(returned(router, changes), router), same);
  });
}

test("where the template asks for nothing, a LimitRange may", () => {
  const bare = desiredContainers(agentPod(), injectionConfig({ resources: { requests: {}, limits: {} } })).at(-1);
  assert.ok(bare !== undefined);
  assert.deepEqual(bare["resources"], {});
  assert.equal(sameContainer(returned(bare, resources(ours, ours)), bare), true);
  assert.equal(sameContainer(returned(bare, resources({ "vendor.example/gpu": "1" }, {})), bare), false);
});

test("guard, prove and router are not one another", () => {
  const all: readonly Container[] = [guard, prove, router];
  for (const one of all) {
    for (const other of all) assert.equal(sameContainer(returned(one), other), one === other);
  }
});

test("a text is not the list of its letters, nor a list an object of its places", () => {
  assert.equal(sameContainer(returned(guard, { args: { 0: "guard", 1: "install", length: 2 } }), guard), false);
  assert.equal(sameContainer(returned(guard, { args: "guard install" }), guard), false);
  assert.equal(sameContainer(JSON.parse('{"name":"sluice-guard","__proto__":{}}') as Container, guard), false);
});

test("a volume is the template's or it is not", () => {
  const volumes = desiredVolumes(agentPod(), settings);
  for (const volume of volumes) {
    const back = JSON.parse(JSON.stringify(volume)) as Volume;
    assert.equal(sameVolume(back, volume), true);
    assert.equal(sameVolume({ ...back, hostPath: { path: "/" } }, volume), false);
    assert.equal(sameVolume({ name: back.name, emptyDir: {} }, volume), false);
  }
  const secrets = volumes.find(({ name }) => name === "sluice-secrets");
  assert.ok(secrets !== undefined);
  const text = JSON.stringify(secrets).replace("sluice-credentials", "other-credentials");
  assert.equal(sameVolume(JSON.parse(text) as Volume, secrets), false);
});
