import assert from "node:assert/strict";
import { test } from "node:test";
import { injectPod } from "../../../../controller/inject/inject-pod.ts";
import { jsonPatch } from "../../../../controller/inject/json-patch.ts";
import { sameContainer, sameVolume } from "../../../../controller/inject/same-container.ts";
import { desiredVolumes } from "../../../../controller/inject/template-volumes.ts";
import { desiredContainers } from "../../../../controller/inject/template.ts";
import type { Container, JsonObject, PodObject } from "../../../../controller/pod/pod.ts";
import { readPod } from "../../../../controller/pod/read-pod.ts";
import { PORTS } from "../../../../init-egress-guard/settings.ts";
import { millis } from "../../../../router/core/base/quantity.ts";
import { BUNDLE_FILE, CA_FILE } from "../../../../router/edge/inspection/trust-files.ts";
import { agentContainer, agentPod, injectionConfig, type PodOverrides } from "../../../fakes/agent-pod.ts";
import { OTHERS, apiServer, type Mutator } from "./other-admission.ts";

const settings = injectionConfig();
/** Written out: it is part of what applications see. */
const TRUST = { name: "sluice-ca", readOnly: true, mountPath: "/etc/sluice/ca" };
const inject = (pod: PodObject) => injectPod(pod, settings);
const injected = (overrides: PodOverrides = {}) => inject(agentPod(overrides));
const names = (list: readonly { readonly name: string }[] = []) => list.map(({ name }) => name);
const OURS = ["sluice-guard", "sluice-prove", "sluice-router"];

function only(pod: PodObject): Container {
  const [container] = pod.spec.containers;
  assert.ok(container !== undefined);
  return container;
}

test("the sidecar goes before all other init containers, which keep their order", () => {
  const { pod } = injected({
    spec: { initContainers: [agentContainer({ name: "z" }), agentContainer({ name: "a" })] },
  });
  assert.deepEqual(names(pod.spec.initContainers), [...OURS, "z", "a"]);
  const alone = injectPod(agentPod(), injectionConfig({ guard: "notEnforced" })).pod;
  assert.deepEqual(names(alone.spec.initContainers), ["sluice-router"]);
});

test("INV-INJECT-WHOLE: neither a name, nor a status, nor an opt-out keeps the sidecar away or makes it another", () => {
  const evil = { image: "registry.example/evil", command: ["sh"] };
  const labels = { "sluice.dev/inject": "false", "sluice.dev/injected": "true" };
  const { pod } = injected({
    metadata: { labels, annotations: { "sluice.dev/status": '{"template":1}', "sluice.dev/inject": "false" } },
    spec: {
      initContainers: [
        { name: "mine", ...evil },
        ...OURS.toReversed().map((name) => ({ name, ...evil })),
        { name: "sluice-router", ...evil },
      ],
      volumes: [
        { name: "sluice-policy", emptyDir: {} },
        { name: "sluice-tmp", hostPath: { path: "/" } },
      ],
      containers: [{ name: "sluice-guard", ...evil }, agentContainer()],
    },
  });
  const initContainers = pod.spec.initContainers ?? [];
  assert.deepEqual(names(initContainers), [...OURS, "mine"]);
  assert.deepEqual(initContainers.slice(0, 3), desiredContainers(agentPod({ metadata: { labels } }), settings));
  assert.deepEqual(names(pod.spec.containers), ["agent"]);
  assert.deepEqual(pod.spec.volumes, desiredVolumes(agentPod(), settings));
});

for (const guard of ["required", "notEnforced"] as const) {
  test(`what is stored of the template is the template, every default written out (guard ${guard})`, () => {
    const config = injectionConfig({ guard, tokens: [{ path: "t", audience: "a", expirationSeconds: 600 }] });
    const { pod } = injectPod(agentPod(), config);
    const stored = apiServer(pod) as PodObject;
    const containers = desiredContainers(stored, config);
    assert.deepEqual(stored.spec.initContainers, containers);
    assert.deepEqual(stored.spec.volumes, desiredVolumes(stored, config));
    assert.ok(
      containers.every((container, index) =>
        sameContainer(stored.spec.initContainers?.[index] ?? container, container),
      ),
    );
  });
}

/** To the byte; says where they differ and not what they are. */
function same(actual: PodObject, expected: PodObject): void {
  assert.deepEqual(jsonPatch(expected, actual), []);
  assert.ok(JSON.stringify(actual) === JSON.stringify(expected), "only the order of members differs");
}

// Each alone, each pair in both orders, and all in both directions.
const rounds: readonly (readonly [name: string, mutators: readonly Mutator[]])[] = [
  ...OTHERS.map(([name, mutate]) => [name, [mutate]] as const),
  ...OTHERS.flatMap(([one, first]) => OTHERS.map(([two, second]) => [`${one}, then ${two}`, [first, second]] as const)),
  ["all", OTHERS.map(([, mutate]) => mutate)],
  ["all, backwards", OTHERS.map(([, mutate]) => mutate).toReversed()],
];

for (const [name, mutators] of rounds) {
  test(`INV-INJECT-FIXED: a fixed point between the rounds of: ${name}`, () => {
    const others = (pod: PodObject) => mutators.reduce<JsonObject>((given, mutate) => mutate(given), pod) as PodObject;
    for (const pod of [agentPod(), others(agentPod())]) {
      const first = inject(pod).pod;
      same(inject(first).pod, first);
      // The others, too, may need a second look at what they added; then nothing moves any more.
      const second = inject(others(inject(others(first)).pod)).pod;
      same(inject(others(second)).pod, second);
      same(inject(second).pod, second);
      const desired = desiredContainers(second, settings);
      assert.deepEqual(names(second.spec.initContainers?.slice(0, 3)), OURS);
      for (const [index, container] of desired.entries()) {
        assert.equal(sameContainer(second.spec.initContainers?.[index] ?? { name: "" }, container), true);
      }
      const volumes = second.spec.volumes ?? [];
      for (const volume of desiredVolumes(second, settings)) {
        assert.equal(
          volumes.some((there) => sameVolume(there, volume)),
          true,
        );
      }
      assert.equal(
        volumes.some(({ name: volume }) => volume.startsWith("kube-api-access-")),
        false,
      );
      assert.equal(readPod(second).ok, true);
    }
  });
}

const CONTEXT = {
  runAsUser: 1000,
  runAsNonRoot: true,
  allowPrivilegeEscalation: false,
  privileged: false,
  capabilities: { drop: ["ALL"] },
  seccompProfile: { type: "Localhost", localhostProfile: "sluice/agent.json" },
};
const browser = { type: "Localhost", localhostProfile: "sluice/browser.json" };
const { seccompProfile: _, ...WITHOUT_PROFILE } = CONTEXT;
const { runAsUser: __, ...WITHOUT_USER } = CONTEXT;
const ask = (profile: string) => ({ metadata: { annotations: { "sluice.dev/seccomp-profile": profile } } });

const contexts: readonly (readonly [name: string, given: PodOverrides, expected: JsonObject])[] = [
  ["nothing is set", {}, CONTEXT],
  ["an empty one", { container: { securityContext: {} } }, CONTEXT],
  ["its own user", { container: { securityContext: { runAsUser: 65_532 } } }, { ...CONTEXT, runAsUser: 65_532 }],
  ["the pod's user is copied", { spec: { securityContext: { runAsUser: 7 } } }, { ...CONTEXT, runAsUser: 7 }],
  [
    "its own before the pod's",
    { spec: { securityContext: { runAsUser: 0 } }, container: { securityContext: { runAsUser: 9 } } },
    { ...CONTEXT, runAsUser: 9 },
  ],
  ["root by the pod: left without, for the judge", { spec: { securityContext: { runAsUser: 0 } } }, WITHOUT_USER],
  ["the router's user by the pod", { spec: { securityContext: { runAsUser: 20_480 } } }, WITHOUT_USER],
  ["the prover's user by the pod", { spec: { securityContext: { runAsUser: 20_481 } } }, WITHOUT_USER],
  ["root is left", { container: { securityContext: { runAsUser: 0 } } }, { ...CONTEXT, runAsUser: 0 }],
  [
    "an empty drop list is none",
    { container: { securityContext: { capabilities: { drop: [], add: ["NET_BIND_SERVICE"] } } } },
    { ...CONTEXT, capabilities: { drop: ["ALL"], add: ["NET_BIND_SERVICE"] } },
  ],
  [
    "another drop list is left",
    { container: { securityContext: { capabilities: { drop: ["NET_RAW"] } } } },
    { ...CONTEXT, capabilities: { drop: ["NET_RAW"] } },
  ],
  [
    "what is added is left",
    { container: { securityContext: { capabilities: { add: ["NET_RAW"] } } } },
    { ...CONTEXT, capabilities: { add: ["NET_RAW"], drop: ["ALL"] } },
  ],
  [
    "another profile is left",
    { container: { securityContext: { seccompProfile: { type: "Unconfined" } } } },
    { ...CONTEXT, seccompProfile: { type: "Unconfined" } },
  ],
  ["the browser's profile", ask("browser"), { ...CONTEXT, seccompProfile: browser }],
  ["the router's profile is not to be had", ask("router"), WITHOUT_PROFILE],
  ["a profile that an object inherits", ask("constructor"), WITHOUT_PROFILE],
  ["no profile", ask(""), WITHOUT_PROFILE],
  [
    "members of other kinds stay",
    { container: { securityContext: { readOnlyRootFilesystem: true, runAsGroup: 5 } } },
    { ...CONTEXT, readOnlyRootFilesystem: true, runAsGroup: 5 },
  ],
  [
    "privileged: the API server's own refusal is not provoked",
    { container: { securityContext: { privileged: true } } },
    Object.fromEntries(
      Object.entries({ ...CONTEXT, privileged: true }).filter(([name]) => name !== "allowPrivilegeEscalation"),
    ),
  ],
];

for (const [name, given, expected] of contexts) {
  test(`security context: ${name}`, () => {
    assert.deepEqual(only(injected(given).pod).securityContext, expected);
    const init = injected({
      ...given,
      spec: { ...given.spec, initContainers: [{ ...agentContainer(given.container), name: "i" }] },
    });
    assert.deepEqual(init.pod.spec.initContainers?.at(-1)?.securityContext, expected);
  });
}

test("RuntimeDefault is for all, where the operator says so", () => {
  const { pod } = injectPod(agentPod(ask("browser")), injectionConfig({ seccomp: { mode: "runtimeDefault" } }));
  for (const { securityContext } of [...(pod.spec.initContainers ?? []), ...pod.spec.containers]) {
    assert.deepEqual(securityContext?.["seccompProfile"], { type: "RuntimeDefault" });
  }
});

const own = "keeps its own value";
const environments: readonly (readonly [
  name: string,
  env: readonly JsonObject[],
  kept: readonly string[],
  warned: RegExp | undefined,
])[] = [
  [
    "a proxy",
    [{ name: "HTTPS_PROXY", value: "http://p:1" }],
    ["HTTPS_PROXY"],
    /HTTPS_PROXY keeps its own value; the guard/,
  ],
  ["the same proxy", [{ name: "HTTPS_PROXY", value: "http://127.0.0.1:18080" }], ["HTTPS_PROXY"], undefined],
  ["NO_PROXY", [{ name: "no_proxy", value: "*" }], ["no_proxy"], /no_proxy keeps/],
  [
    "a base URL",
    [{ name: "ANTHROPIC_BASE_URL", value: "https://x" }],
    ["ANTHROPIC_BASE_URL"],
    /calls to models elsewhere/,
  ],
  [
    "a key from a Secret",
    [{ name: "OPENAI_API_KEY", valueFrom: { secretKeyRef: { name: "s", key: "k" } } }],
    ["OPENAI_API_KEY"],
    /needs no key/,
  ],
  [
    "the last of two counts",
    [
      { name: "SLUICE_URL", value: "x" },
      { name: "SLUICE_URL", value: "http://127.0.0.1:18084" },
    ],
    ["SLUICE_URL"],
    undefined,
  ],
  [
    "roots of its own",
    [{ name: "SSL_CERT_FILE", value: "/etc/ssl/mine.pem" }],
    ["SSL_CERT_FILE"],
    /SSL_CERT_FILE keeps its own value; hosts that are inspected fail/,
  ],
  [
    "the same roots",
    [{ name: "NODE_EXTRA_CA_CERTS", value: "/etc/sluice/ca/ca.pem" }],
    ["NODE_EXTRA_CA_CERTS"],
    undefined,
  ],
  ["another variable of Node", [{ name: "NODE_USE_ENV_PROXY", value: "0" }], ["NODE_USE_ENV_PROXY"], undefined],
];

for (const [name, env, kept, warned] of environments) {
  test(`environment: ${name} stays`, () => {
    const { pod, warnings } = injected({ container: { env } });
    const after = only(pod).env ?? [];
    assert.deepEqual(after.slice(0, env.length), env);
    assert.equal(after.length, env.length + 29 - kept.length);
    for (const variable of kept) assert.equal(after.filter((entry) => entry["name"] === variable).length, env.length);
    assert.equal(warnings.length, warned === undefined ? 0 : 1);
    if (warned !== undefined) {
      assert.match(warnings[0] ?? "", warned);
      assert.match(warnings[0] ?? "", /\(container agent\)\.$/);
    }
  });
}

test("a port that the router listens on is told, and no other", () => {
  const ports = [443, 8080, 18_053, 18_080, 18_081, 18_084, 18_090, 18_443].map((containerPort) => ({ containerPort }));
  const sidecar = agentContainer({ name: "sidecar", ports: [{ containerPort: 18_080, protocol: "UDP" }] });
  const { pod, warnings } = injected({ container: { ports }, spec: { initContainers: [sidecar] } });
  assert.deepEqual(only(pod).ports, ports);
  const said = (port: number, where: string): string =>
    `sluice: Port ${port} is the router's in every pod: nothing else can listen on it (container ${where}).`;
  assert.deepEqual(
    warnings,
    [18_053, 18_080, 18_081, 18_084, 18_090, 18_443].map((port) =>
      said(port, port === 18_080 ? "agent and 1 more" : "agent"),
    ),
  );
  assert.deepEqual(injected({ container: { ports: [{ containerPort: 8080 }] } }).warnings, []);
});

test("the ports that are told are the guard's and the router's", () => {
  const told = Object.values(PORTS).filter((port) => {
    const { warnings } = injected({ container: { ports: [{ containerPort: port }] } });
    return warnings.length === 1;
  });
  assert.deepEqual(told, Object.values(PORTS));
});

test("warnings are bounded, whatever is in the pod", () => {
  const env = ["HTTP_PROXY", "http_proxy", "OPENAI_API_KEY"].map((name) => ({ name, value: "x" }));
  const long = "n".repeat(5000);
  const containers = Array.from({ length: 60 }, (_unused, index) => ({ name: `${long}${index}`, env }));
  const volumes = Array.from({ length: 500 }, (_unused, index) => ({ name: `sluice-${index}${long}` }));
  const { warnings } = injected({ spec: { containers, volumes } });
  assert.equal(warnings.length, 12);
  assert.ok(warnings.every((text) => text.length <= 256 && text.startsWith("sluice: ") && text.endsWith(".")));
  assert.ok(warnings.some((text) => text.includes(own) && text.includes("and 59 more")));
  assert.match(warnings.at(-1) ?? "", /^sluice: \d+ more/);
});

test("INV-INJECT-TOKEN: the API server's token is taken out of every container, and nothing else is", () => {
  const mounts = [
    { name: "kube-api-access-x2k8q", mountPath: "/var/run/secrets/kubernetes.io/serviceaccount", readOnly: true },
    { name: "data", mountPath: "/data" },
  ];
  const token = { name: "token", projected: { sources: [{ serviceAccountToken: { path: "t" } }] } };
  const named = { name: "kube-api-access-data", emptyDir: {} };
  const other = { name: "kube-api-access-other", projected: { sources: [{ secret: { name: "s" } }] } };
  const base = agentPod({ container: { volumeMounts: mounts }, spec: { automountServiceAccountToken: true } });
  const given: PodObject = {
    ...base,
    spec: { ...base.spec, volumes: [...(base.spec.volumes ?? []), token, named, other] },
  };
  const { pod, warnings } = inject(given);
  assert.deepEqual(only(pod).volumeMounts, [{ name: "data", mountPath: "/data" }, TRUST]);
  assert.deepEqual(pod.spec.volumes?.slice(-3), [token, named, other]);
  assert.equal(pod.spec["automountServiceAccountToken"], false);
  assert.match(warnings.join(), /automountServiceAccountToken/);
  assert.deepEqual(only(injected().pod).volumeMounts, [TRUST]);
});

const TRUSTING = /^(?:NODE_EXTRA_CA_CERTS|DENO_CERT|SSL_CERT_FILE|.*(?:BUNDLE|CAINFO|PIP_CERT|ROOTS_FILE_PATH))$/;
const trusting = (container: Container): readonly string[] =>
  (container.env ?? []).flatMap(({ name }) => (TRUSTING.test(String(name)) ? [String(name)] : []));

test("every container of the application gets what the router puts there for it to trust, and none of ours does", () => {
  const { pod } = injected({
    spec: {
      containers: [agentContainer(), agentContainer({ name: "b" })],
      initContainers: [agentContainer({ name: "a" })],
    },
  });
  const [guard, prove, router, setup] = pod.spec.initContainers ?? [];
  for (const container of [...pod.spec.containers, setup]) {
    assert.deepEqual(container?.volumeMounts, [TRUST]);
    assert.equal(container === undefined ? 0 : trusting(container).length, 10);
  }
  for (const container of [guard, prove]) assert.ok(container?.volumeMounts?.every(({ name }) => name !== TRUST.name));
  assert.deepEqual(
    router?.volumeMounts?.filter(({ name }) => name === TRUST.name),
    [{ name: "sluice-ca", mountPath: "/var/run/sluice/ca" }],
  );
  assert.equal(router === undefined ? 1 : trusting(router).length, 0);
});

test("what programs are pointed to is in the mount", () => {
  const values = (only(injected().pod).env ?? []).flatMap(({ name, value }) =>
    TRUSTING.test(String(name)) ? [String(value)] : [],
  );
  assert.deepEqual(
    new Set(values),
    new Set([CA_FILE, BUNDLE_FILE].map((file) => `${TRUST.mountPath}/${file}`)),
    "the files that the router writes",
  );
});

const inTheWay: readonly (readonly [mountPath: string, isInTheWay: boolean])[] = [
  ["/etc/sluice/ca", true],
  ["/etc/sluice/ca/", true],
  ["/etc//sluice/ca", true],
  ["/etc/sluice/ca/mine", true],
  ["/etc/sluice", true],
  ["/etc", true],
  ["/", true],
  ["/etc/sluice/ca2", false],
  ["/etc/sluice/c", false],
  ["/etc/ssl", false],
];
for (const [mountPath, isInTheWay] of inTheWay) {
  test(`a mount at ${mountPath} ${isInTheWay ? "leaves no place for" : "stands beside"} the certificates`, () => {
    const mount = { name: "mine", mountPath };
    const { pod, warnings } = injected({ container: { volumeMounts: [mount] } });
    assert.deepEqual(only(pod).volumeMounts, isInTheWay ? [mount] : [mount, TRUST]);
    assert.equal(trusting(only(pod)).length, isInTheWay ? 0 : 10, "no variable names a file that is not there");
    assert.equal(warnings.length, isInTheWay ? 1 : 0);
    if (isInTheWay) assert.match(warnings[0] ?? "", /^sluice: \/etc\/sluice\/ca is taken .* \(container agent\)\.$/);
    assert.deepEqual(inject(pod).pod, pod, "a fixed point");
  });
}

test("a mount of the certificates that is another stays for the judge to see", () => {
  const wrong = { name: TRUST.name, mountPath: "/mine" };
  const { pod } = injected({ container: { volumeMounts: [wrong] } });
  assert.deepEqual(only(pod).volumeMounts, [wrong, TRUST]);
  const there = { name: TRUST.name, mountPath: TRUST.mountPath };
  assert.deepEqual(only(injected({ container: { volumeMounts: [there] } }).pod).volumeMounts, [there]);
});

const agentNames: readonly (readonly [name: string, given: PodOverrides, expected: string])[] = [
  ["our label", { metadata: { labels: { app: "b", "app.kubernetes.io/name": "a", "sluice.dev/agent": "me" } } }, "me"],
  [
    "an empty one does not count",
    { metadata: { labels: { "app.kubernetes.io/name": "a", "sluice.dev/agent": "" } } },
    "a",
  ],
  ["app", { metadata: { labels: { app: "b" } } }, "b"],
  ["the service account", { metadata: { labels: {} } }, "research"],
  ["what is no label's value", { metadata: { labels: { app: "a b" } }, spec: { serviceAccountName: " x" } }, "default"],
  ["no labels at all", { metadata: { labels: undefined } }, "research"],
  [
    "a long account",
    { metadata: { labels: {} }, spec: { serviceAccountName: `${"a".repeat(62)}.${"b".repeat(100)}` } },
    "a".repeat(62),
  ],
  ["nothing", { metadata: { labels: {} }, spec: { serviceAccountName: undefined } }, "default"],
  ["an account of nothing", { metadata: { labels: {} }, spec: { serviceAccountName: "..." } }, "default"],
];

for (const [name, given, expected] of agentNames) {
  test(`the agent's name: ${name}`, () => {
    const { pod } = injected(given);
    assert.equal(pod.metadata.labels?.["sluice.dev/agent"], expected);
    const env = pod.spec.initContainers?.[2]?.env ?? [];
    assert.deepEqual(
      env.find((entry) => entry["name"] === "SLUICE_IDENTITY_AGENT"),
      { name: "SLUICE_IDENTITY_AGENT", value: expected },
    );
  });
}

test("the policy is the annotation's, in the volume and on the label", () => {
  const { pod } = injected({
    metadata: { annotations: { "sluice.dev/policy": "team-a" }, labels: { "sluice.dev/policy-name": "other" } },
  });
  assert.equal(pod.metadata.labels?.["sluice.dev/policy-name"], "team-a");
  assert.deepEqual(pod.spec.volumes?.[1], { name: "sluice-policy", configMap: { name: "team-a", defaultMode: 420 } });
});

const equal = { resources: { limits: { cpu: "1", memory: "1Gi" }, requests: { cpu: "1000m", memory: "1024Mi" } } };
const unequal = { requests: { cpu: "50m" }, limits: { cpu: "100m", memory: "64Mi" } };
const classes: readonly (readonly [name: string, given: PodOverrides, requests: JsonObject])[] = [
  ["requests are the limits", { container: equal }, { cpu: "100m", memory: "64Mi" }],
  ["only limits", { container: { resources: { limits: { cpu: 1, memory: "1Gi" } } } }, { cpu: "100m", memory: "64Mi" }],
  [
    "no memory limit",
    { container: { resources: { limits: { cpu: "1" }, requests: { cpu: "1" } } } },
    { cpu: "50m", memory: "64Mi" },
  ],
  [
    "an init container without",
    { container: equal, spec: { initContainers: [{ name: "i" }] } },
    { cpu: "50m", memory: "64Mi" },
  ],
  [
    "resources of the pod's own",
    { container: equal, spec: { resources: { limits: { cpu: "2" } } } },
    { cpu: "50m", memory: "64Mi" },
  ],
  ["the usual one", {}, { cpu: "50m", memory: "64Mi" }],
];

for (const [name, given, requests] of classes) {
  test(`QoS class: ${name}`, () => {
    const config = injectionConfig({ resources: unequal, initResources: unequal });
    const { pod } = injectPod(agentPod(given), config);
    const desired = desiredContainers(pod, config);
    assert.deepEqual(pod.spec.initContainers?.slice(0, 3), desired);
    for (const container of desired) assert.deepEqual(container["resources"], { limits: unequal.limits, requests });
  });
}

const graces: readonly (readonly [drain: number, given: number | undefined, expected: number | undefined])[] = [
  [25_000, 30, 30],
  [25_000, 0, 30],
  [25_000, 300, 300],
  [25_000, undefined, undefined],
  [25_001, 30, 31],
  [60_000, undefined, 65],
];

for (const [drain, given, expected] of graces) {
  test(`a drain of ${drain} ms makes a grace period of ${given} s one of ${expected} s`, () => {
    const pod = agentPod({ spec: { terminationGracePeriodSeconds: given } });
    const after = injectPod(pod, injectionConfig({ drain: millis(drain) })).pod;
    assert.equal(after.spec["terminationGracePeriodSeconds"], expected);
  });
}

test("pull secrets are added once", () => {
  const config = injectionConfig({ pullSecrets: ["a", "b"] });
  const { pod } = injectPod(agentPod({ spec: { imagePullSecrets: [{ name: "b" }, {}] } }), config);
  assert.deepEqual(pod.spec["imagePullSecrets"], [{ name: "b" }, {}, { name: "a" }]);
  assert.equal("imagePullSecrets" in injected().pod.spec, false);
});

const scrape = { "prometheus.io/scrape": "true", "prometheus.io/port": "18090", "prometheus.io/path": "/metrics" };
test("scraping is announced when asked for and when the pod announces none of its own", () => {
  const config = injectionConfig({ scrapeAnnotations: true });
  const asked = injectPod(agentPod(), config).pod.metadata.annotations ?? {};
  assert.deepEqual({ ...asked, ...scrape }, asked);
  const annotations = { "prometheus.io/port": "9000" };
  const there = injectPod(agentPod({ metadata: { annotations } }), config).pod.metadata.annotations ?? {};
  assert.deepEqual([there["prometheus.io/port"], there["prometheus.io/scrape"]], ["9000", undefined]);
  assert.equal(injected().pod.metadata.annotations?.["prometheus.io/scrape"], undefined);
});

test("kubectl's default container is the application's first, unless the pod says another", () => {
  const name = "kubectl.kubernetes.io/default-container";
  assert.equal(injected().pod.metadata.annotations?.[name], "agent");
  const said = injected({ metadata: { annotations: { [name]: "other" } } });
  assert.equal(said.pod.metadata.annotations?.[name], "other");
});

test("the argument is left alone", () => {
  const pod = agentPod();
  const before = JSON.stringify(pod);
  inject(pod);
  assert.equal(JSON.stringify(pod), before);
});
