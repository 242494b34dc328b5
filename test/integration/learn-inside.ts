/** What `learn.test.ts` runs in a network namespace of its own, where 93.184.216.0/24 is this machine. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { auditRecords } from "../fakes/audit-records.ts";
import { httpOrigin, type Origin, tcpOrigin, testCa, tlsOrigin } from "../fakes/origins.ts";
import { openTunnel, rawRequest } from "../fakes/raw-client.ts";
import { type Sidecar, startSidecar } from "../fakes/sidecar.ts";
import { testSigner, writeSigned } from "../fakes/signing.ts";

const ROOT = join(import.meta.dirname, "../..");
const NAMES = ["api.learn.example", "known.learn.example", "denied.learn.example", "listed.learn.example"];
const hosts = {
  ...Object.fromEntries([...NAMES, "new.learn.example", "db.learn.example"].map((name) => [name, ["93.184.216.34"]])),
  "inside.learn.example": ["127.0.0.1", "10.0.0.1"],
  "metadata.learn.example": ["169.254.169.254"],
};
const MODELS = [
  "providers:",
  "  - id: main",
  "    api: openai",
  '    endpoint: "https://models.learn.example/v1"',
  "    credential: { file: provider-key }",
  "models:",
  "  - { name: test-model, context: 1000, maxOutput: 100, targets: [{ provider: main, model: m }] }",
];
const RULES = [
  "{ id: known, hosts: [known.learn.example], ports: [443] }",
  '{ id: web, hosts: [www.learn.example], ports: [80], protocol: http, http: { methods: [GET], paths: ["/v1/*"] } }',
];
const DENY = ["{ id: no, hosts: [denied.learn.example] }"];

function policy(version: number, mode: "learn" | "enforce", seconds: number): string {
  const at = (offset: number): string => new Date(Date.now() + offset * 1_000).toISOString();
  return [
    "apiVersion: sluice.dev/v1alpha1",
    "kind: EgressPolicy",
    "metadata: { name: test }",
    "spec:",
    `  version: ${version}`,
    `  issuedAt: "${at(-60)}"`,
    `  expiresAt: "${at(seconds)}"`,
    '  audience: { namespaces: [test], agents: ["*"] }',
    `  mode: ${mode}`,
    "  allow:",
    ...RULES.map((rule) => `    - ${rule}`),
    "  deny:",
    ...DENY.map((rule) => `    - ${rule}`),
    "",
  ].join("\n");
}

const base = mkdtempSync(join(tmpdir(), "sluice-learn-"));
const directory = join(base, "sidecar");
const signer = testSigner();
const origins: Origin[] = [];
let sidecar: Sidecar;

async function start(again: boolean): Promise<Sidecar> {
  return await startSidecar({
    allow: RULES,
    deny: DENY,
    models: MODELS,
    secrets: { "provider-key": "sk-1" },
    hosts: { ...hosts, "www.learn.example": ["93.184.216.35"] },
    settings: [`blocklists: [{ name: feed, file: ${join(base, "feed.txt")} }]`, "learning: { entries: 64 }"],
    directory,
    again,
    signer,
  });
}

before(async () => {
  mkdirSync(directory);
  writeFileSync(join(base, "feed.txt"), "listed.learn.example\n");
  origins.push(
    await tlsOrigin(NAMES, { host: "0.0.0.0", port: 443 }),
    await httpOrigin({ host: "0.0.0.0", port: 80 }),
    await tcpOrigin((socket) => socket.pipe(socket), { host: "0.0.0.0", port: 5432 }),
  );
  sidecar = await start(false);
});
after(async () => {
  await sidecar[Symbol.asyncDispose]();
  for (const origin of origins) await origin[Symbol.asyncDispose]();
  rmSync(base, { recursive: true, force: true });
});

interface Status {
  readonly policy: { readonly version: number };
  readonly egress: {
    readonly learning: { readonly active: boolean; readonly entries: number; readonly unkept: number };
  };
  readonly conditions: readonly { readonly name: string; readonly state: string; readonly reason: string }[];
}
async function status(): Promise<Status> {
  return (await (await fetch(`http://127.0.0.1:${sidecar.adminPort}/status`)).json()) as Status;
}

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!(await holds())) {
    assert.ok(Date.now() < deadline, `still waiting: ${what}\n${sidecar.output()}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

async function publish(version: number, text: string): Promise<void> {
  writeSigned(sidecar.policyDirectory, "egress.yaml", text, signer);
  await until(`version ${version}`, async () => (await status()).policy.version === version);
}

/** `passed`, or the reason of the refusal. */
async function tls(name: string): Promise<string> {
  try {
    const socket = await openTunnel(sidecar.port, `${name}:443`);
    const secure = connectTls({ socket, servername: name, ca: testCa().certificatePem });
    await once(secure, "secureConnect");
    secure.end();
    secure.resume();
    await once(secure, "close");
    return "passed";
  } catch (error) {
    return reasonIn(String(error));
  }
}

async function tcp(authority: string): Promise<string> {
  try {
    const socket = await openTunnel(sidecar.port, authority);
    socket.end("ping");
    const [chunk] = (await once(socket.resume(), "data")) as [Buffer];
    return chunk.toString() === "ping" ? "passed" : "garbled";
  } catch (error) {
    return reasonIn(String(error));
  }
}

async function http(method: string, host: string, path: string): Promise<string> {
  const head = `${method} http://${host}${path} HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`;
  const { text } = await rawRequest(sidecar.port, head, { quiet: 3_000 });
  return /^HTTP\/1\.1 200/.test(text) ? "passed" : reasonIn(text);
}

function reasonIn(text: string): string {
  return /Sluice-Reason: (\S+)/i.exec(text)?.[1] ?? text;
}

/** What the agent does, and what enforcing what it did before would say. */
const TRAFFIC: readonly (readonly [what: string, act: () => Promise<string>])[] = [
  ["a rule's tunnel", () => tls("known.learn.example")],
  ["a tunnel", () => tls("api.learn.example")],
  ["raw TCP", () => tcp("db.learn.example:5432")],
  ["an address", () => tcp("93.184.216.40:5432")],
  ["a rule's request", () => http("GET", "www.learn.example", "/v1/list")],
  ["a request", () => http("POST", "www.learn.example", "/v2/users/123/notes?key=secret-in-a-query")],
  ["another", () => http("POST", "www.learn.example", "/v2/users/456/notes")],
  ["an odd method", () => http("M-SEARCH", "new.learn.example", "/list")],
];
const REFUSED: readonly (readonly [what: string, act: () => Promise<string>, reason: string])[] = [
  ["a deny rule's host", () => tls("denied.learn.example"), "denied_by_rule"],
  ["a blocklisted host", () => tls("listed.learn.example"), "blocklisted"],
  ["a provider's host", () => tls("models.learn.example"), "inference_only"],
  ["a name that leads inside", () => tcp("inside.learn.example:80"), "address_not_allowed"],
  ["a name that leads to metadata", () => http("GET", "metadata.learn.example", "/latest"), "address_not_allowed"],
  ["loopback", () => tcp("127.0.0.1:5432"), "address_not_allowed"],
  ["metadata", () => http("GET", "169.254.169.254", "/latest"), "address_not_allowed"],
];

test("learn mode is loud, allows what nobody listed, and nothing that is denied, blocked or special", async () => {
  assert.equal(await tls("api.learn.example"), "host_not_allowed");
  await publish(2, policy(2, "learn", 7_200));
  for (const [what, act] of TRAFFIC) assert.equal(await act(), "passed", what);
  for (const [what, act, reason] of REFUSED) assert.equal(await act(), reason, what);
  // A host and path no rule can name: as it came, refused by nobody, and never suggested.
  assert.equal(await http("GET", "new.learn.example", "/a//b"), "passed");
  const { egress, conditions } = await status();
  assert.equal(egress.learning.active, true);
  assert.ok(egress.learning.entries >= 8, JSON.stringify(egress.learning));
  const condition = conditions.find(({ name }) => name === "learning");
  assert.deepEqual(condition?.state, "degraded");
  assert.match(condition?.reason ?? "", /for 1 h 59 min more, until .*Z: .*; [0-9]+ kinds of requests were seen/);
  assert.match(await (await fetch(`http://127.0.0.1:${sidecar.adminPort}/readyz?verbose`)).text(), /learning/);
  const metrics = await (await fetch(`http://127.0.0.1:${sidecar.adminPort}/metrics`)).text();
  assert.match(metrics, /^sluice_egress_learning 1$/m);
  assert.match(sidecar.output(), /"level":"warn".*"left":"1 h 59 min".*learn mode/);
});

test("a kill takes a few seconds of it at most, and no query is kept", async () => {
  const path = join(directory, "state", "learned.json");
  const kept = (): string => {
    try {
      return readFileSync(path, "utf8");
    } catch {
      return "";
    }
  };
  await until("the file", () => /"POST"/.test(kept()) && /M-SEARCH/.test(kept()) && /"path":null/.test(kept()));
  const { entries } = (await status()).egress.learning;
  sidecar.child.kill("SIGKILL");
  await sidecar.exited();
  // Behind a slash: times and digests have such digits too.
  assert.doesNotMatch(kept(), /secret-in-a-query|\/(?:123|456)\b/);
  sidecar = await start(true);
  await until("the policy", async () => (await status()).policy.version === 2);
  assert.equal((await status()).egress.learning.entries, entries);
  assert.equal(await tls("api.learn.example"), "passed");
});

function sluice(...args: readonly string[]) {
  return spawnSync(process.execPath, [join(ROOT, "cli/sluice.ts"), ...args], { encoding: "utf8", cwd: base });
}

for (const [source, nextVersion] of [
  ["learned", 3],
  ["audit", 5],
] as const) {
  test(`what is suggested of ${source} is a policy under which the same passes, and nothing else`, async () => {
    const learnVersion = nextVersion - 1;
    if (learnVersion !== 2) await publish(learnVersion, policy(learnVersion, "learn", 7_200));
    await sidecar[Symbol.asyncDispose]();
    const from =
      source === "learned"
        ? ["--learned", join(directory, "state", "learned.json")]
        : ["--audit", join(directory, "audit")];
    const suggested = sluice("policy", "suggest", ...from);
    assert.equal(suggested.status, 0, suggested.stderr);
    assert.doesNotMatch(suggested.stdout, /denied\.learn|listed\.learn\.example:443 tls.*\n *- id|secret-in-a-query/);
    const file = join(base, `${source}.yaml`);
    writeFileSync(file, suggested.stdout);
    const checked = sluice("policy", "check", file);
    assert.equal(checked.status, 0, checked.stdout);
    const old = join(base, "old.yaml");
    writeFileSync(old, policy(learnVersion, "learn", 7_200));
    const diff = sluice("policy", "diff", old, file, "--audit", join(directory, "audit"), "--json");
    const { rows } = JSON.parse(diff.stdout) as { rows: readonly { action: string; target: string; after: unknown }[] };
    // The path that no rule can name, and what a blocklist or an inference policy refused at that time.
    assert.deepEqual(
      rows
        .filter(({ after: word }) => word !== null)
        .map(({ target }) => target.split("/")[0])
        .filter((target) => target === "api.learn.example:443"),
      [],
    );
    sidecar = await start(true);
    await publish(nextVersion, suggested.stdout);
    assert.equal((await status()).egress.learning.active, false);
    for (const [what, act] of TRAFFIC) assert.equal(await act(), "passed", what);
    assert.equal(await http("POST", "www.learn.example", "/v2/users/789/notes"), "passed");
    const others: readonly (readonly [string, () => Promise<string>, string])[] = [
      ["another host", () => tls("other.learn.example"), "host_not_allowed"],
      ["another port", () => tcp("db.learn.example:80"), "port_not_allowed"],
      ["another address", () => tcp("93.184.216.41:5432"), "host_not_allowed"],
      ["another path", () => http("POST", "www.learn.example", "/v2/users/1/other"), "path_not_allowed"],
      ["another method", () => http("DELETE", "www.learn.example", "/v2/users/1/notes"), "method_not_allowed"],
      ["a path no rule can name", () => http("GET", "new.learn.example", "/a//b"), "method_not_allowed"],
      ["what was denied", () => tls("denied.learn.example"), "host_not_allowed"],
      ["what was listed", () => tls("listed.learn.example"), "blocklisted"],
      ["a provider's", () => tls("models.learn.example"), "inference_only"],
    ];
    for (const [what, act, reason] of others) assert.equal(await act(), reason, what);
  });
}

test("records say how a request came to be allowed, and no more of its path than its shape", () => {
  const records = auditRecords(join(directory, "audit"));
  const posted = records.find(({ kind, action }) => kind === "egress.decision" && action === "http.POST");
  assert.deepEqual(
    [posted?.detail["path"], posted?.detail["protocol"], posted?.detail["unlisted"]],
    ["/v2/users/*/notes", "http", "method_not_allowed"],
  );
  assert.doesNotMatch(JSON.stringify(records), /secret-in-a-query|users\/123/);
});

test("learn mode ends by itself", async () => {
  await publish(6, policy(6, "learn", 8));
  assert.equal(await tls("api.learn.example"), "passed");
  await until("its end", async () => (await tls("api.learn.example")) === "policy_expired");
  assert.equal((await status()).egress.learning.active, false);
});
