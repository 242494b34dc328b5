import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { injectPod } from "../../../../controller/inject/inject-pod.ts";
import { judgePod, MOST_VIOLATIONS } from "../../../../controller/judge/judge-pod.ts";
import type { PodObject } from "../../../../controller/pod/pod.ts";
import { readPod } from "../../../../controller/pod/read-pod.ts";
import { type Violation, VIOLATION_CODES } from "../../../../controller/pod/violation.ts";
import { CASE_SETTINGS, finalPod, OTHER_SETTINGS } from "../../../cluster/bypass-cases.ts";
import { alterations } from "../../../cluster/pod-alterations.ts";
import { append, change, type Change, remove, set } from "../../../cluster/pod-change.ts";
import { agentContainer, agentPod } from "../../../fakes/agent-pod.ts";

function created(steps: Change): readonly Violation[] {
  const read = readPod(change(finalPod(), steps));
  if (!read.ok) return [read.problem];
  return judgePod({ operation: "CREATE", pod: read.value, namespace: "research", settings: CASE_SETTINGS });
}

test("INV-POD-CONFINED: every leaf of our containers and volumes counts", () => {
  const steps = alterations(finalPod());
  assert.ok(steps.length > 250);
  const missed = steps.filter((step) => created([step]).length === 0);
  assert.deepEqual(
    missed.map(({ at }) => at),
    [],
  );
});

test("what the API server's own admission does to our containers is admitted", () => {
  const always = [0, 1, 2].map((index) => set(`spec initContainers ${index} imagePullPolicy`, "Always"));
  assert.deepEqual(created(always), []);
  assert.deepEqual(created([set("spec initContainers 2 resources limits ephemeral-storage", "1Gi")]), []);
  assert.deepEqual(
    created([set("spec initContainers 2 resources claims", [{ name: "gpu" }])]).map(({ code }) => code),
    ["router_altered"],
  );
});

test("all violations come at once, with paths as Kubernetes writes them and a way out", () => {
  const found = created([
    set("spec hostNetwork", true),
    set("spec containers 0 securityContext runAsUser", 0),
    set("spec containers 0 securityContext capabilities add", ["CHOWN", "NET_RAW"]),
    append("spec volumes", { name: "node", hostPath: { path: "/" } }),
    remove("spec initContainers 2 args"),
  ]);
  assert.deepEqual(
    found.map(({ code, path }) => [code, path]),
    [
      ["router_altered", "spec.initContainers[2]"],
      ["host_network", "spec.hostNetwork"],
      ["host_path", "spec.volumes[10].hostPath"],
      ["user_root", "spec.containers[0].securityContext.runAsUser"],
      ["capability", "spec.containers[0].securityContext.capabilities.add[0]"],
      ["capability", "spec.containers[0].securityContext.capabilities.add[1]"],
    ],
  );
  assert.equal(found[0]?.message, 'Leave sluice-router to the injector: "args" is not as it must be.');
  assert.equal(found[3]?.message, 'runAsUser is 0; choose a UID above 0, such as 1000. (container "agent")');
  assert.match(found[2]?.message ?? "", / \(volume "node"\)$/);
});

test("violations are bounded, ours first, and no value makes a message long or two lines", () => {
  const nasty = `\u0000\n\u202E${"x".repeat(10_000)}`;
  const containers = Array.from({ length: 60 }, () =>
    agentContainer({ name: `sluice-${nasty}`, securityContext: { capabilities: { add: [nasty] } } }),
  );
  const found = created([set("spec containers", containers), remove("spec initContainers 0")]);
  assert.equal(found.length, MOST_VIOLATIONS);
  assert.equal(found[0]?.code, "not_injected");
  for (const { message, path } of found) {
    assert.match(message, /^[ -~]{1,400}$/);
    assert.match(path, /^[ -~]{1,200}$/);
  }
});

test("an UPDATE without its old object is judged like a CREATE", () => {
  const pod = change(finalPod(), [set("spec hostPID", true)]);
  const found = judgePod({ operation: "UPDATE", pod, namespace: "research", settings: CASE_SETTINGS });
  assert.deepEqual(
    found.map(({ code }) => code),
    ["host_namespace"],
  );
});

test("what the stored pod has already is not held against it twice, what it has more of is", () => {
  const oldPod = change(finalPod(), [set("spec ephemeralContainers", [{ name: "one" }])]);
  const pod = change(oldPod, [append("spec ephemeralContainers", { name: "two" })]);
  const found = judgePod({ operation: "UPDATE", pod, oldPod, namespace: "research", settings: CASE_SETTINGS });
  assert.ok(found.length > 0);
  assert.ok(found.every(({ path }) => path.startsWith("spec.ephemeralContainers[1]")));
});

test("whatever a pod holds, it is judged without a throw, in plain sentences", () => {
  const places = [
    "spec securityContext",
    "spec securityContext sysctls",
    "spec securityContext supplementalGroups",
    "spec os",
    "spec dnsConfig",
    "spec dnsConfig nameservers",
    "spec tolerations",
    "spec nodeSelector",
    "spec affinity",
    "spec affinity nodeAffinity",
    "spec affinity nodeAffinity requiredDuringSchedulingIgnoredDuringExecution nodeSelectorTerms",
    "spec affinity nodeAffinity preferredDuringSchedulingIgnoredDuringExecution",
    "spec resourceClaims",
    "spec containers 0 resources",
    "spec containers 0 resources limits",
    "spec containers 0 restartPolicyRules",
    "spec hostPID",
    "spec hostNetwork",
    "spec runtimeClassName",
    "spec containers 0 securityContext",
    "spec containers 0 securityContext capabilities",
    "spec containers 0 securityContext runAsUser",
    "spec containers 0 securityContext capabilities add",
    "spec containers 0 securityContext seccompProfile",
    "spec containers 0 ports",
    "spec containers 0 env",
    "spec containers 0 envFrom",
    "spec containers 0 volumeMounts",
    "spec containers 0 lifecycle",
    "spec containers 0 lifecycle postStart httpGet",
    "spec containers 0 livenessProbe",
    "spec containers 0 securityContext privileged",
    "spec volumes 10",
    "spec volumes 10 projected",
    "spec volumes 10 projected sources",
    "spec volumes 10 secret",
    "spec volumes 10 csi",
    "spec ephemeralContainers",
  ];
  const start = change(finalPod(), [append("spec volumes", { name: "mine", emptyDir: {} })]);
  fc.assert(
    fc.property(fc.constantFrom(...places), fc.jsonValue({ maxDepth: 3 }), (at, value) => {
      const read = readPod(JSON.parse(JSON.stringify(change(start, [set(at, value)]))));
      if (!read.ok) return;
      const violations = judgePod({
        operation: "CREATE",
        pod: read.value,
        namespace: "research",
        settings: CASE_SETTINGS,
      });
      for (const { code, message } of violations) {
        assert.ok(VIOLATION_CODES.includes(code));
        assert.match(message, /^[ -~]{1,400}$/);
      }
      assert.ok(violations.length <= MOST_VIOLATIONS);
    }),
    { numRuns: 500 },
  );
});

test("what is no object or list where Kubernetes has one is refused", () => {
  const steps: readonly Change[] = [
    [set("spec dnsConfig", "x")],
    [set("spec dnsConfig", { nameservers: "203.0.113.53" })],
    [set("spec containers 0 lifecycle", [])],
    [set("spec containers 0 livenessProbe", { httpGet: "x" })],
    [append("spec volumes", { name: "mine", secret: "sluice-credentials" })],
  ];
  for (const step of steps)
    assert.deepEqual(
      created(step).map(({ code }) => code),
      ["malformed_pod"],
    );
});

test("items that are no objects are refused even of a pod that nobody has read", () => {
  const pod = change(finalPod(), [set("spec tolerations", ["x"])]);
  const found = judgePod({ operation: "CREATE", pod, namespace: "research", settings: CASE_SETTINGS });
  assert.deepEqual(
    found.map(({ code, path }) => [code, path]),
    [["malformed_pod", "spec.tolerations[0]"]],
  );
});

test("a refusal says what is there and what would do", () => {
  const rows: readonly (readonly [change: Change, message: string])[] = [
    [
      [remove("spec containers 0 securityContext seccompProfile")],
      'The seccomp profile is missing; remove it, and Localhost with sluice/agent.json or sluice/browser.json is set. (container "agent")',
    ],
    [
      [set("spec containers 0 securityContext seccompProfile", { type: "Unconfined" })],
      'The seccomp profile is "Unconfined"; remove it, and Localhost with sluice/agent.json or sluice/browser.json is set. (container "agent")',
    ],
    [
      [set("spec containers 0 envFrom", [{ secretRef: { name: "sluice-credentials" } }])],
      'The Secret "sluice-credentials" is the router\'s alone; use a name that does not begin with "sluice-". (container "agent")',
    ],
    [
      [set("spec containers 0 envFrom", [{ configMapRef: { name: "sluice-trust" } }])],
      'What is called "sluice-trust" is the router\'s alone; use a name that does not begin with "sluice-". (container "agent")',
    ],
    [
      [set("spec initContainers 3 securityContext runAsUser", 0)],
      'runAsUser is 0; choose a UID above 0, such as 1000. (container "setup")',
    ],
    [
      [append("spec volumes", { name: "mine", secret: { secretName: "sluice-credentials" } })],
      'The Secret "sluice-credentials" is the router\'s alone; use a name that does not begin with "sluice-". (volume "mine")',
    ],
    [
      [set("spec containers 0 ports 0 name", "sluice-metrics")],
      'Rename the port "sluice-metrics": names that begin with "sluice-" are Sluice\'s. (container "agent")',
    ],
    [
      [set("metadata annotations sluice.dev/seccomp-profile", "browsers")],
      'There is no seccomp profile "browsers": write agent or browser, or remove the annotation for agent.',
    ],
    [[remove("spec initContainers 2 env 4")], 'Leave sluice-router to the injector: "env" is not as it must be.'],
    [
      [set("spec initContainers 2 lifecycle", {})],
      'Leave sluice-router to the injector: "lifecycle" is not as it must be.',
    ],
  ];
  for (const [steps, message] of rows)
    assert.deepEqual(
      created(steps).map((found) => found.message),
      [message],
    );
});

test("the annotation of the seccomp profile names one that there is, in every mode", () => {
  const { seccomp } = CASE_SETTINGS;
  assert.ok(seccomp.mode === "localhost");
  const { browser: _, ...profiles } = seccomp.profiles;
  const withoutBrowser = { ...CASE_SETTINGS, seccomp: { mode: "localhost", profiles } } as const;
  const rows = [
    [CASE_SETTINGS, "agent", []],
    [CASE_SETTINGS, "browser", []],
    [CASE_SETTINGS, "browsers", ["browser"]],
    [CASE_SETTINGS, "router", ["agent or browser"]],
    [CASE_SETTINGS, "", ["agent or browser"]],
    [OTHER_SETTINGS, "browser", []],
    [OTHER_SETTINGS, "browsers", ["agent or browser"]],
    [OTHER_SETTINGS, "__proto__", ["agent or browser"]],
    [withoutBrowser, "browser", ["write agent,"]],
  ] as const;
  for (const [settings, name, said] of rows) {
    const plain = agentPod({ metadata: { name: "a", annotations: { "sluice.dev/seccomp-profile": name } } });
    const { pod } = injectPod(plain, settings);
    const found = judgePod({ operation: "CREATE", pod, namespace: "research", settings });
    assert.equal(found.length > 0, said.length > 0, name);
    const [first] = found;
    if (first === undefined) continue;
    assert.deepEqual([first.code, first.path], ["seccomp", "metadata.annotations[sluice.dev/seccomp-profile]"]);
    for (const part of said) assert.ok(first.message.includes(part), first.message);
  }
});

test("a policy is named where one can be, and a stored pod that names another can still be updated", () => {
  const rows = [
    ["sluice-policy", true],
    ["sluice-policy-2", true],
    ["mine", true],
    ["sluice-router", false],
    ["sluice-trust", false],
    ["sluice-policies", false],
    ["kube-root-ca.crt", false],
  ] as const;
  for (const [name, isAdmitted] of rows) {
    const plain = agentPod({ metadata: { name: "a", annotations: { "sluice.dev/policy": name } } });
    const { pod } = injectPod(plain, CASE_SETTINGS);
    const question = { pod, namespace: "research", settings: CASE_SETTINGS } as const;
    const found = judgePod({ operation: "CREATE", ...question });
    const expected = isAdmitted ? [] : [["router_volume", "metadata.annotations[sluice.dev/policy]"]];
    assert.deepEqual(
      found.map(({ code, path }) => [code, path]),
      expected,
      name,
    );
    assert.deepEqual(judgePod({ operation: "UPDATE", oldPod: pod, ...question }), []);
  }
});

test("64 containers with 1,000 variables each are judged in time", () => {
  const variables = Array.from({ length: 1_000 }, (_, index) => ({ name: `V${index}`, value: "x" }));
  const agent = finalPod().spec.containers[0] ?? assert.fail();
  const containers = Array.from({ length: 60 }, (_, index) => ({ ...agent, name: `agent-${index}`, env: variables }));
  const pod: PodObject = change(finalPod(), [set("spec containers", containers)]);
  const began = performance.now();
  assert.deepEqual(
    judgePod({ operation: "UPDATE", pod, oldPod: pod, namespace: "research", settings: CASE_SETTINGS }),
    [],
  );
  assert.ok(performance.now() - began < 500);
});

test("a hundred thousand ways to ask for the wrong node, or a device, are told once each, and in time", () => {
  const many = Array.from({ length: 10_000 }, (_, index) => index);
  const term = {
    matchExpressions: [
      { key: "type", operator: "In", values: many.map(() => "virtual-kubelet") },
      { key: "kubernetes.io/os", operator: "In", values: many.map(() => "windows") },
    ],
  };
  const began = performance.now();
  const found = created([
    set(
      "spec affinity nodeAffinity preferredDuringSchedulingIgnoredDuringExecution",
      Array.from({ length: 10 }, () => ({ weight: 1, preference: term })),
    ),
    set("spec containers 0 resources limits", Object.fromEntries(many.map((index) => [`rdma/hca-${index}`, "1"]))),
  ]);
  assert.deepEqual(found.map(({ code }) => code).toSorted(), ["device", "node_not_enforceable", "windows"]);
  assert.ok(performance.now() - began < 500);
});

test("an image of an earlier release is as good for those of ours that are made as with it, and no other", () => {
  const images = CASE_SETTINGS.earlierImages;
  const [router = "", guard = ""] = images;
  const earlier = (image: string): Change => [
    set("spec initContainers 1 image", image),
    set("spec initContainers 2 image", image),
  ];
  const name = (image: string): Change => [set("spec initContainers 2 env 3 value", image)];
  const codes = (steps: Change): readonly string[] => created(steps).map(({ code }) => code);
  assert.match(router, /@sha256:/);
  assert.doesNotMatch(guard, /@sha256:/);
  assert.deepEqual(codes([...earlier(router), ...name(router)]), []);
  assert.deepEqual(codes(earlier(router)), ["router_altered"]);
  // Without a digest there is no name to tell.
  assert.deepEqual(codes([...earlier(guard), remove("spec initContainers 2 env 3")]), []);
  assert.deepEqual(codes([...earlier(guard), ...name(guard)]), ["router_altered"]);
  assert.deepEqual(codes([...earlier("registry.example/mine:1")]), ["prove_altered", "router_altered"]);
  assert.deepEqual(codes(name(router)), ["router_altered"]);
});
