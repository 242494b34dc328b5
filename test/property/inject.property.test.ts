import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { injectPod } from "../../controller/inject/inject-pod.ts";
import { jsonPatch } from "../../controller/inject/json-patch.ts";
import { sameContainer, sameVolume } from "../../controller/inject/same-container.ts";
import { desiredVolumes } from "../../controller/inject/template-volumes.ts";
import { desiredContainers } from "../../controller/inject/template.ts";
import type { Container, JsonObject, PodObject } from "../../controller/pod/pod.ts";
import { readPod } from "../../controller/pod/read-pod.ts";
import { injectionConfig } from "../fakes/agent-pod.ts";
import { applyJsonPatch } from "../unit/controller/inject/apply-json-patch.ts";
import { OTHERS } from "../unit/controller/inject/other-admission.ts";

const name = fc.oneof(
  fc.constantFrom("a", "b", "agent", "sluice-guard", "sluice-prove", "sluice-router", "sluice-x", "sluice-policy"),
  fc.constantFrom("kube-api-access-1", "istio-proxy", "__proto__", "constructor", "a/b~c", "x"),
  fc.string({ minLength: 1, maxLength: 5 }),
);
const variable = fc.constantFrom(
  "HTTP_PROXY",
  "https_proxy",
  "NO_PROXY",
  "OPENAI_API_KEY",
  "SLUICE_URL",
  "PATH",
  "__proto__",
);
const env = fc.array(
  fc.record(
    {
      name: variable,
      value: fc.constantFrom("x", "http://127.0.0.1:18080", ""),
      valueFrom: fc.constant({ fieldRef: {} }),
    },
    { requiredKeys: ["name"] },
  ),
  { maxLength: 4 },
);
const user = fc.constantFrom(0, 1, 1000, 20_480, 20_481, -1, 2 ** 40);
const seccompProfile = fc.constantFrom({ type: "Unconfined" }, { type: "RuntimeDefault" });
const securityContext = fc.record(
  {
    runAsUser: user,
    runAsNonRoot: fc.boolean(),
    privileged: fc.boolean(),
    allowPrivilegeEscalation: fc.boolean(),
    capabilities: fc.record(
      { add: fc.array(fc.constantFrom("NET_RAW", "SYS_ADMIN")), drop: fc.array(fc.constantFrom("ALL", "CHOWN")) },
      { requiredKeys: [] },
    ),
    seccompProfile,
  },
  { requiredKeys: [] },
);
const amounts = fc.dictionary(
  fc.constantFrom("cpu", "memory", "ephemeral-storage", "vendor/gpu"),
  fc.constantFrom("1", "1000m", "x"),
);
const container = fc.record(
  {
    name,
    image: fc.string({ maxLength: 5 }),
    command: fc.array(fc.string({ maxLength: 5 }), { maxLength: 3 }),
    args: fc.array(fc.string({ maxLength: 5 }), { maxLength: 3 }),
    env,
    ports: fc.array(fc.record({ containerPort: fc.nat(65_535) }), { maxLength: 2 }),
    volumeMounts: fc.array(fc.record({ name, mountPath: fc.constantFrom("/a", "/b") }), { maxLength: 3 }),
    readinessProbe: fc.record({ httpGet: fc.record({ port: fc.nat() }) }),
    resources: fc.record({ limits: amounts, requests: amounts }, { requiredKeys: [] }),
    imagePullPolicy: fc.constantFrom("Always", "Never", "IfNotPresent"),
    securityContext,
    unknown: fc.jsonValue({ maxDepth: 3 }),
  },
  { requiredKeys: ["name"] },
);
const volume = fc.record(
  {
    name,
    emptyDir: fc.constant({}),
    projected: fc.record({
      sources: fc.array(fc.constantFrom({ serviceAccountToken: { path: "t" } }, { secret: {} }), { maxLength: 2 }),
    }),
  },
  { requiredKeys: ["name"] },
);
const texts = fc.dictionary(
  fc.constantFrom(
    "app",
    "sluice.dev/agent",
    "sluice.dev/injected",
    "sluice.dev/policy",
    "sluice.dev/status",
    "sluice.dev/seccomp-profile",
    "prometheus.io/port",
  ),
  fc.constantFrom("", "x", "browser", "true", "a.b"),
);
const pods = fc
  .record({
    metadata: fc.record({ name, labels: texts, annotations: texts }, { requiredKeys: [] }),
    spec: fc.record(
      {
        containers: fc.array(container, { maxLength: 5 }),
        initContainers: fc.array(container, { maxLength: 5 }),
        volumes: fc.array(volume, { maxLength: 5 }),
        imagePullSecrets: fc.array(fc.record({ name }, { requiredKeys: [] }), { maxLength: 3 }),
        securityContext,
        serviceAccountName: name,
        automountServiceAccountToken: fc.boolean(),
        terminationGracePeriodSeconds: fc.integer(),
        resources: fc.record({ limits: amounts }),
      },
      { requiredKeys: ["containers"] },
    ),
    status: fc.jsonValue({ maxDepth: 2 }),
  })
  .map((pod): unknown => JSON.parse(JSON.stringify(pod)));
const configs = fc
  .record({
    guard: fc.constantFrom("required" as const, "notEnforced" as const),
    seccomp: fc.constantFrom(injectionConfig().seccomp, { mode: "runtimeDefault" as const }),
    scrapeAnnotations: fc.boolean(),
    pullSecrets: fc.subarray(["x", "y"]),
    pullPolicy: fc.constantFrom("IfNotPresent" as const, "Always" as const),
  })
  .map(injectionConfig);

/** The members of an application's container that injecting must leave alone, whatever they are. */
const UNTOUCHED = [
  "name",
  "image",
  "command",
  "args",
  "ports",
  "readinessProbe",
  "resources",
  "imagePullPolicy",
  "unknown",
];

function ours({ name: given }: { readonly name: string }): boolean {
  return given.startsWith("sluice-");
}

test("INV-INJECT-WHOLE: injecting any pod gives a fixed point that begins with exactly the template", () => {
  fc.assert(
    fc.property(pods, configs, (value, settings) => {
      const read = readPod(value);
      if (!read.ok) return;
      const before = JSON.stringify(read.value);
      const { pod, warnings } = injectPod(read.value, settings);
      assert.equal(JSON.stringify(read.value), before, "the argument was changed");
      assert.ok(warnings.length <= 12 && warnings.every((text) => text.length <= 256));

      const again = injectPod(JSON.parse(JSON.stringify(pod)) as PodObject, settings);
      assert.equal(JSON.stringify(again.pod), JSON.stringify(pod));
      assert.equal(readPod(pod).ok, true);

      const desired = desiredContainers(pod, settings);
      const { initContainers = [], containers, volumes = [] } = pod.spec;
      assert.ok(desired.every((wanted, index) => sameContainer(initContainers[index] ?? { name: "" }, wanted)));
      assert.equal([...initContainers.slice(desired.length), ...containers].some(ours), false);
      const wantedVolumes = desiredVolumes(pod, settings);
      assert.ok(wantedVolumes.every((wanted, index) => sameVolume(volumes[index] ?? { name: "" }, wanted)));
      assert.equal(volumes.slice(wantedVolumes.length).some(ours), false);
    }),
    { numRuns: 400 },
  );
});

test("the application's own members stay, and a variable is added only where there is none", () => {
  fc.assert(
    fc.property(pods, configs, (value, settings) => {
      const read = readPod(value);
      if (!read.ok) return;
      const { pod } = injectPod(read.value, settings);
      for (const kind of ["containers", "initContainers"] as const) {
        const before: readonly Container[] = (read.value.spec[kind] ?? []).filter((given) => !ours(given));
        const after: readonly Container[] = (pod.spec[kind] ?? []).filter((given) => !ours(given));
        assert.equal(after.length, before.length);
        before.forEach((given, index) => checkContainer(given, after[index] ?? { name: "" }));
      }
    }),
    { numRuns: 300 },
  );
});

function checkContainer(before: Container, after: Container): void {
  for (const member of UNTOUCHED) assert.equal(after[member], before[member], member);
  const given = before.env ?? [];
  const env = after.env ?? [];
  assert.deepEqual(env.slice(0, given.length), given);
  const taken = new Set(given.map((entry) => entry["name"]));
  const added = env.slice(given.length).map((entry) => entry["name"]);
  assert.ok(added.every((variableName) => !taken.has(variableName)) && new Set(added).size === added.length);
  const context = after.securityContext ?? {};
  const { capabilities, ...rest } = before.securityContext ?? {};
  for (const [member, set] of Object.entries(rest)) assert.equal(context[member], set, member);
  const add = (capabilities as JsonObject | undefined)?.["add"];
  assert.equal((context["capabilities"] as JsonObject)["add"], add);
}

test("the patch from the pod to the injected one, applied by RFC 6902 alone, gives the injected one", () => {
  fc.assert(
    fc.property(pods, configs, (value, settings) => {
      const read = readPod(value);
      if (!read.ok) return;
      const { pod } = injectPod(read.value, settings);
      const wire: unknown = JSON.parse(JSON.stringify(pod));
      const patch: unknown = JSON.parse(JSON.stringify(jsonPatch(read.value, pod)));
      assert.deepEqual(applyJsonPatch(read.value, patch), wire);
      assert.deepEqual(jsonPatch(pod, injectPod(pod, settings).pod), []);
    }),
    { numRuns: 300 },
  );
});

test("any two JSON objects: the patch leads from one to the other", () => {
  const value = fc.letrec((tie) => ({
    any: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom(null, true, 0, 1, "a", "b"),
      tie("list"),
      tie("named"),
      tie("object"),
    ),
    list: fc.array(tie("any"), { maxLength: 4 }),
    named: fc.array(fc.record({ name: fc.constantFrom("a", "b", "c", "d"), value: tie("any") }), { maxLength: 4 }),
    object: fc.dictionary(fc.constantFrom("a", "b/", "~c", "", "__proto__", "toString", "0"), tie("any"), {
      maxKeys: 4,
    }),
  })).object;
  fc.assert(
    fc.property(value, value, (one, two) => {
      const before = JSON.parse(JSON.stringify(one)) as JsonObject;
      const after = JSON.parse(JSON.stringify(two)) as JsonObject;
      assert.deepEqual(applyJsonPatch(before, jsonPatch(before, after)), after);
    }),
    { numRuns: 1000 },
  );
});

test("INV-INJECT-FIXED: whatever other admission does in between, the sidecar converges to the template", () => {
  const steps = fc.array(fc.constantFrom(...OTHERS.map(([, mutate]) => mutate)), { maxLength: 4 });
  fc.assert(
    fc.property(pods, steps, configs, (value, mutators, settings) => {
      const read = readPod(value);
      if (!read.ok) return;
      let pod = read.value;
      for (const mutate of mutators) pod = injectPod(mutate(pod) as PodObject, settings).pod;
      pod = injectPod(pod, settings).pod;
      assert.equal(JSON.stringify(injectPod(pod, settings).pod), JSON.stringify(pod));
      const { initContainers = [] } = pod.spec;
      const desired = desiredContainers(pod, settings);
      assert.ok(desired.every((wanted, index) => sameContainer(initContainers[index] ?? { name: "" }, wanted)));
    }),
    { numRuns: 200 },
  );
});

test("reading never throws, and what it accepts can be injected", () => {
  const hole = fc.jsonValue({ maxDepth: 4 });
  const shapes = fc.oneof(
    hole,
    fc.record({ metadata: hole, spec: hole }),
    fc.record({
      metadata: fc.record({ labels: hole, annotations: hole }),
      spec: fc.record({ containers: fc.array(hole), volumes: hole }),
    }),
    fc.record({
      metadata: fc.constant({}),
      spec: fc.record({
        containers: fc.array(
          fc.record({ name: fc.oneof(name, hole), env: hole, securityContext: hole, volumeMounts: hole }),
        ),
      }),
    }),
  );
  fc.assert(
    fc.property(shapes, (value) => {
      const read = readPod(value);
      if (read.ok) injectPod(read.value, injectionConfig());
      else
        assert.ok(
          read.problem.message.length < 300 && ["malformed_pod", "too_many_containers"].includes(read.problem.code),
        );
    }),
    { numRuns: 1500 },
  );
});
