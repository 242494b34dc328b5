import assert from "node:assert/strict";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { injectPod } from "../../controller/inject/inject-pod.ts";
import { judgePod } from "../../controller/judge/judge-pod.ts";
import { GUARD, PROVE, ROUTER } from "../../controller/pod/names.ts";
import type { Container, JsonObject, PodObject } from "../../controller/pod/pod.ts";
import { readProof } from "../../router/core/guard/proof.ts";
import { POD } from "../netns/lab.ts";
import { haveNetns } from "../netns/system.ts";
import { requirement } from "../require.ts";
import { ATTEMPTS, CONTROLS } from "./attempts/catalogue.ts";
import { ATTEMPT_FILES, leaks, play, surprises, toothless } from "./attempts/play.ts";
import { requireImages } from "./build-image.ts";
import { agentContainer, labOptions, labSettings, NAMESPACE, plainPod } from "./pod-lab-fixture.ts";
import { ALLOWED } from "./pod-lab-internet.ts";
import { PodLab } from "./pod-lab.ts";
import { haveRuntimeDefault } from "./pod-lab-seccomp.ts";

const images = requireImages();
const need =
  images.skip === false
    ? requirement("oci", haveNetns() && haveRuntimeDefault(), "needs network namespaces, iptables, /usr/bin/python3")
    : images;

/** What has happened when the first container that is not ours is started. */
const UP = [
  `${GUARD} started`,
  `${GUARD} ended 0`,
  `${PROVE} started`,
  `${PROVE} ended 0`,
  `${ROUTER} started`,
  `${ROUTER} ready`,
];

function injected(pod: PodObject, settings = labSettings()): PodObject {
  return injectPod(pod, settings).pod;
}

function judged(pod: PodObject): readonly string[] {
  return judgePod({ operation: "CREATE", pod, namespace: NAMESPACE, settings: labSettings() }).map(({ path }) => path);
}

function withInit(pod: PodObject, initContainers: readonly Container[]): PodObject {
  return { ...pod, spec: { ...pod.spec, initContainers } };
}

/** Its init containers, changed one by one; undefined: taken out. */
function initsOf(pod: PodObject, change: (container: Container) => Container | undefined): PodObject {
  return withInit(
    pod,
    (pod.spec.initContainers ?? []).map(change).filter((each) => each !== undefined),
  );
}

/** The pod whose agent and neighbour make all attempts. */
function attackers(): PodObject {
  return plainPod([], {
    containers: [
      agentContainer("agent", ["run", "/opt/agent/agent.json"]),
      agentContainer("neighbour", ["relay", "/opt/agent/neighbour.json"], { runAsUser: 4242 }),
    ],
  });
}

/** What `watch` said so far, in order. */
function said(lab: PodLab): readonly { readonly id: string; readonly said: string }[] {
  const whole = lab.container("agent").stdout().split("\n").slice(0, -1);
  return whole.map((line) => JSON.parse(line) as { id: string; said: string });
}

/** The next rounds of `watch`, from one that began after this. Each distinct thing that was said. */
async function rounds(lab: PodLab, count: number): Promise<readonly string[]> {
  const from = said(lab).length + 3;
  const until = performance.now() + 15_000;
  while (said(lab).length < from + 3 * count) {
    if (performance.now() > until) throw new Error(`the agent says no more\n${lab.output()}`);
    await delay(20);
  }
  const lines = said(lab).slice(from, from + 3 * count);
  return [...new Set(lines.map((line) => `${line.id}: ${line.said}`))].toSorted();
}

const OPEN = [
  "allowed: 200 outside",
  "other: Tunnel connection failed: 403 Forbidden (sluice: host_not_allowed)",
  "past: ECONNREFUSED",
];
const CLOSED = ["allowed: ECONNREFUSED", "other: ECONNREFUSED", "past: ECONNREFUSED"];

test(
  "INV-LAB-DEAD: an injected pod comes up behind its guard, outlives its router, and ends in order",
  need,
  async (t) => {
    const pod = injected(plainPod(["watch"]));
    assert.deepEqual(judged(pod), []);
    await using lab = await PodLab.open(labOptions(pod));
    const began = performance.now();
    assert.equal(await lab.start(), "Running", lab.output());
    t.diagnostic(`Running after ${Math.round(performance.now() - began)} ms`);
    assert.deepEqual(lab.events, [...UP, "agent started"]);

    const netns = `net:[${statSync(`/run/netns/${lab.internet.lab.pod}`).ino}]`;
    const bootId = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    const proof = readProof(readFileSync(join(lab.volume("sluice-run"), "guard-proof.json"), "utf8"), {
      netns,
      bootId,
    });
    assert.deepEqual(proof.ok && [proof.value.uid, proof.value.families], [20_481, ["ipv4", "ipv6"]]);
    const verified = async () => {
      const { body } = await lab.internet.get(POD.ipv4[0], 18_090, "/metrics");
      return /^sluice_guard_verified (.*)$/m.exec(body)?.[1];
    };
    assert.equal(await verified(), "1");
    assert.deepEqual(await rounds(lab, 3), OPEN);

    assert.equal((await lab.kill(ROUTER)).code, 137);
    assert.deepEqual(await rounds(lab, 5), CLOSED);
    assert.equal(await lab.restart(ROUTER), true, lab.output());
    assert.equal(await verified(), "1");
    assert.deepEqual(await rounds(lab, 3), OPEN);

    assert.deepEqual(leaks({ frames: await lab.internet.frames() }), []);
    const ended = await lab.terminate();
    assert.deepEqual(
      ended.map(({ container, code }) => [container, code]),
      [
        ["agent", 0],
        [ROUTER, 0],
      ],
    );
    const millis = ended.map((each) => Math.round(each.millis));
    assert.equal(Math.max(...millis) < 10_000, true, `${millis.join(", ")} ms`);
    assert.deepEqual(lab.events.slice(UP.length + 1), [
      `${ROUTER} ended 137`,
      `${ROUTER} started`,
      `${ROUTER} ready`,
      "agent ended 0",
      `${ROUTER} ended 0`,
    ]);
  },
);

/** Those of the list (k8s-injection.md, 2.5) that a process of the pod can try; the others are the admission's to refuse. */
const WAYS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 21, 22, 23, 24, 25, 36, 37, 38, 39];

test("INV-LAB-EGRESS: no way around the router is open to a process of the pod", need, async () => {
  assert.deepEqual(
    [...new Set(ATTEMPTS.map(({ way }) => way))].toSorted((one, other) => one - other),
    WAYS,
  );
  const pod = injected(attackers());
  assert.deepEqual(judged(pod), []);
  await using lab = await PodLab.open(labOptions(pod, ATTEMPT_FILES));
  const played = await play(lab);
  assert.deepEqual(surprises(played), []);
  assert.deepEqual(leaks(played), []);
  // Nobody was asked about a name that the policy refuses, and nobody was reached but the allowed host.
  const asked = new Set(played.seen.filter(({ port }) => port === 53).map(({ text }) => text));
  assert.deepEqual(
    [...asked].filter((name) => !/^allowed\.example$|\.rebind\.example$/.test(name)),
    [],
  );
  const reached = new Set(played.seen.filter(({ port }) => port !== 53).map(({ over, port }) => `${over} ${port}`));
  assert.deepEqual([...reached], ["tcp 443"]);
});

test("INV-LAB-EGRESS: with the runtime's seccomp profile instead of ours nothing leaves either", need, async () => {
  const pod = injected(attackers(), labSettings({ seccomp: { mode: "runtimeDefault" } }));
  await using lab = await PodLab.open(labOptions(pod, ATTEMPT_FILES));
  assert.deepEqual(leaks(await play(lab)), []);
});

/** Everything that confinement takes away. */
const LOOSE: JsonObject = {
  runAsUser: 0,
  runAsNonRoot: false,
  allowPrivilegeEscalation: true,
  readOnlyRootFilesystem: true,
  capabilities: { add: ["NET_ADMIN"] },
  seccompProfile: { type: "Unconfined" },
};

for (const control of CONTROLS) {
  test(`the attempts have teeth: let in a pod that is ${control}, they come through`, need, async () => {
    const whole = injected(attackers());
    const guarded = initsOf(whole, (each) => (control === "unconfined" && each.name === GUARD ? each : undefined));
    const containers = guarded.spec.containers.map((each) => ({ ...each, securityContext: LOOSE }));
    const pod = control === "unguarded" ? guarded : { ...guarded, spec: { ...guarded.spec, containers } };
    assert.notDeepEqual(judged(pod), []);
    await using lab = await PodLab.open(labOptions(pod, ATTEMPT_FILES));
    assert.deepEqual(toothless(control, await play(lab)), []);
  });
}

/** Three looks are enough to see that it does not become ready. */
const IMPATIENT = {
  startupProbe: { httpGet: { path: "/readyz", port: 18_090 }, periodSeconds: 1, failureThreshold: 3 },
};

for (const [name, change, state, why] of [
  [
    "the guard has no NET_ADMIN",
    (each: Container) =>
      each.name === GUARD
        ? { ...each, securityContext: { ...each.securityContext, capabilities: { drop: ["ALL"] } } }
        : each,
    `Init:${GUARD}`,
    /sluice guard: .*(?:root|permitted)/i,
  ],
  [
    "there is no guard",
    (each: Container) => (each.name === GUARD ? undefined : each),
    `Init:${PROVE}`,
    /not proved: .* left/,
  ],
  [
    "there is neither guard nor proof",
    (each: Container) => (each.name === ROUTER ? { ...each, ...IMPATIENT } : undefined),
    `Init:${ROUTER}`,
    /no proof/,
  ],
] as const) {
  test(`INV-LAB-GUARD: where ${name}, the pod stays in Init and its agent never starts`, need, async () => {
    const pod = initsOf(injected(plainPod(["watch"])), change);
    assert.notDeepEqual(judged(pod), []);
    await using lab = await PodLab.open(labOptions(pod));
    assert.equal(await lab.start(), state);
    const { body } = await lab.internet.get(POD.ipv4[0], 18_090, "/readyz");
    assert.match(lab.output() + body, why);
    assert.equal(
      lab.events.some((event) => event.startsWith("agent") || event.endsWith(" ready")),
      false,
    );
  });
}

test("INV-LAB-INIT: an init container of the pod's own runs behind the guard, by way of the router", need, async () => {
  const setup = agentContainer("setup", ["run", "/opt/agent/setup.json"]);
  const attempts = [
    { id: "past", kind: "tcp", to: "45.33.100.10", port: 9_999, marker: "LEAK of setup" },
    { id: "allowed", kind: "fetch", url: "https://allowed.example/" },
  ];
  const pod = injected(withInit(plainPod(["run", "/opt/agent/setup.json"]), [setup]));
  assert.deepEqual(judged(pod), []);
  await using lab = await PodLab.open(labOptions(pod, { "setup.json": attempts }));
  assert.equal(await lab.start(), "Running", lab.output());
  assert.equal((await lab.container("agent").ended).code, 0);
  assert.deepEqual(lab.events, [...UP, "setup started", "setup ended 0", "agent started", "agent ended 0"]);
  for (const name of ["setup", "agent"]) {
    assert.equal(
      lab.container(name).stdout(),
      '{"id": "past", "said": "ECONNREFUSED"}\n{"id": "allowed", "said": "200 outside"}\n',
    );
  }
  assert.deepEqual(leaks({ frames: await lab.internet.frames() }), []);
});

const PYTHON = "/usr/bin/python3";
const BOTH = "/etc/sluice/ca/ca.pem /etc/sluice/ca/bundle.pem";
/** Whether OpenSSL finds as many roots in the bundle as the platform has, and one more. */
const LOADS =
  "import ssl; c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT); c.load_verify_locations('/etc/sluice/ca/bundle.pem'); print(len(c.get_ca_certs()) > 100)";

/** What programs do that know of no proxy, and what it comes to; `outside`: by which address they think to reach it. */
const WITHOUT_PROXY: readonly (readonly [id: string, args: JsonObject, expected: string])[] = [
  ["dns", { kind: "dns", over: "udp", to: "8.8.8.8", port: 53, name: ALLOWED.host }, "NOERROR 1"],
  ["dns over tcp", { kind: "dns", over: "tcp", to: "2001:4860:4860::8888", port: 53, name: ALLOWED.host }, "NOERROR 1"],
  ["dns, refused", { kind: "dns", over: "udp", to: "8.8.8.8", port: 53, name: "other.example" }, "NXDOMAIN 0"],
  ["https", { kind: "fetch", url: `https://${ALLOWED.host}/`, direct: true }, "200 outside"],
  [
    "https, refused",
    { kind: "tls", to: "45.33.100.10", port: 443, name: "other.example" },
    "TLSV1_ALERT_ACCESS_DENIED",
  ],
  // Wherever it believes to connect to, the router looks the name up itself.
  ["https elsewhere", { kind: "tls", to: "198.51.100.9", port: 443, name: ALLOWED.host }, "spoken"],
  ["http, refused", { kind: "http", to: "45.33.100.10", port: 80, host: "other.example" }, "403 host_not_allowed"],
  ["http, https only", { kind: "http", to: "45.33.100.10", port: 80, host: ALLOWED.host }, "403 port_not_allowed"],
  ["what to trust", { kind: "look", paths: ["/etc/sluice/ca/ca.pem", "/etc/sluice/ca/bundle.pem"] }, BOTH],
  ["trusts it", { kind: "program", argv: [PYTHON, "-c", LOADS] }, "0: True"],
];

test(
  "INV-LAB-TRANSPARENT: programs that know of no proxy are led to the router, and told in their own words",
  need,
  async () => {
    const attempts = WITHOUT_PROXY.map(([id, args]) => ({ id, marker: "by the router", ...args }));
    const pod = injected(plainPod(["run", "/opt/agent/direct.json"]));
    assert.deepEqual(judged(pod), []);
    await using lab = await PodLab.open(labOptions(pod, { "direct.json": attempts }));
    assert.equal(await lab.start(), "Running", lab.output());
    assert.equal((await lab.container("agent").ended).code, 0, lab.output());
    const lines = lab.container("agent").stdout().trim().split("\n");
    assert.deepEqual(
      lines.map((line) => JSON.parse(line) as unknown),
      WITHOUT_PROXY.map(([id, , expected]) => ({ id, said: expected })),
    );
    assert.deepEqual(leaks({ frames: await lab.internet.frames() }), []);
    const asked = (await lab.internet.seen()).filter(({ port }) => port === 53).map(({ text }) => text);
    assert.deepEqual([...new Set(asked)], [ALLOWED.host]);
  },
);
