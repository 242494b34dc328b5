import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { auditRecord, auditRecords } from "../fakes/audit-records.ts";
import { type ModelOrigin, startModelOrigin } from "../fakes/model-origin.ts";
import { modelPolicy, PROVIDER_KEY } from "../fakes/model-policy.ts";
import { httpOrigin, type Origin } from "../fakes/origins.ts";
import { rawRequest } from "../fakes/raw-client.ts";
import { governancePolicy, type SidecarOptions, startSidecar } from "../fakes/sidecar.ts";
import { type SidecarStarts, sidecarStarts, type Start } from "../fakes/sidecar-starts.ts";
import { testSigner, writeSigned } from "../fakes/signing.ts";
import { requirement } from "../require.ts";

/**
 * Everything that can be wrong with the governance policy and what it needs, against the real process: the API says deny
 * and why, and what passes the router unasked is refused as well, except where no policy ever was there.
 */
const ALLOW = [
  "rules:",
  "  - { id: all, effect: allow, actions: [exec, egress, inference, tool] }",
  "  - { id: one, effect: rate_limit, actions: [spawn], limit: { concurrent: 1 } }",
];
const LS = { kind: "exec", program: "/bin/ls", argv: [] };

let origin: Origin;
let model: ModelOrigin;
before(async () => {
  [origin, model] = await Promise.all([httpOrigin(), startModelOrigin()]);
});
after(async () => {
  await Promise.all([origin[Symbol.asyncDispose](), model[Symbol.asyncDispose]()]);
});

interface Ports {
  readonly port: number;
  readonly agentPort: number;
  readonly auditDirectory: string;
}

function options(more: Partial<SidecarOptions> = {}): SidecarOptions {
  const place = `127.0.0.1:${origin.port}`;
  return {
    allow: [`{ id: web, hosts: [web.example], ports: [${origin.port}], protocol: http, addresses: ["${place}"] }`],
    hosts: { "web.example": ["127.0.0.1"] },
    models: modelPolicy(model),
    secrets: { "provider-key": PROVIDER_KEY },
    governance: ALLOW,
    settings: ["limits: { drain: 200ms }"],
    ...more,
  };
}

async function evaluate(
  { agentPort }: Pick<Ports, "agentPort">,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ readonly status: number; readonly body: Record<string, unknown>; readonly reason: string }> {
  const response = await fetch(`http://127.0.0.1:${agentPort}/governance/v1/evaluate`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  const answer = (await response.json()) as Record<string, unknown>;
  const error = answer["error"] as Record<string, unknown> | undefined;
  const reason = answer["decision"] === "allow" ? "allow" : String(answer["reason"] ?? error?.["code"]);
  return { status: response.status, body: answer, reason };
}

/** What the API says of an exec, what becomes of a request, and of a call to a model: `allow`, or why not. */
type Standing = readonly [asked: string, egress: string, called: string];

async function standing(ports: Ports): Promise<Standing> {
  const seen = [origin.seen.requests.length, model.requests.length] as const;
  const found = await look(ports);
  const [, egress, called] = found;
  // What is refused has reached nobody.
  assert.equal(origin.seen.requests.length - seen[0], egress === "allow" ? 1 : 0);
  assert.equal(model.requests.length - seen[1], called === "allow" ? 1 : 0);
  return found;
}

/** While a policy is exchanged, what was allowed and has reached an origin may still be cut, with the new reason. */
async function look(ports: Ports): Promise<Standing> {
  const asked = await evaluate(ports, { action: LS });
  const where = `web.example:${origin.port}`;
  const head = `GET http://${where}/ HTTP/1.1\r\nHost: ${where}\r\nConnection: close\r\n\r\n`;
  const { text } = await rawRequest(ports.port, head, { quiet: 3_000 });
  const egress = text.startsWith("HTTP/1.1 200") ? "allow" : String(/^Sluice-Reason: (.*)\r$/m.exec(text)?.[1]);
  const call = await fetch(`http://127.0.0.1:${ports.agentPort}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "test-model", messages: [{ role: "user", content: "x" }] }),
  });
  await call.text();
  const called = call.status === 200 ? "allow" : String(call.headers.get("sluice-reason"));
  if (asked.reason !== "allow" && asked.reason !== "audit_unavailable") {
    const id = asked.body["id"];
    const record = await auditRecord(
      ports.auditDirectory,
      ({ request, kind }) => kind === "governance.decision" && request === id,
    );
    assert.deepEqual([record.decision, record.reason], ["deny", asked.reason]);
  }
  return [asked.reason, egress, called];
}

async function until(ports: Ports, wanted: readonly string[]): Promise<void> {
  const deadline = Date.now() + 8_000;
  for (;;) {
    const found = await look(ports);
    if (found.join(" ") === wanted.join(" ")) break;
    assert.ok(Date.now() < deadline, `still ${found.join(" ")}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const ALLOWED = ["allow", "allow", "allow"];
const MISSING = ["policy_missing", "policy_missing", "policy_missing"];
const DENIED = ["governance_denied", "governance_denied", "governance_denied"];
const EXPIRED = ["policy_expired", "policy_expired", "policy_expired"];

test("no policy, and none ever was: the API denies, and what passes is its other policies' to decide", async () => {
  const { governance: _, ...without } = options();
  await using sidecar = await startSidecar(without);
  assert.deepEqual(await standing(sidecar), ["policy_missing", "allow", "allow"]);
});

describe("at a start", () => {
  let starts: SidecarStarts;
  let ports: Ports;
  const signer = testSigner();
  const path = (name: string): string => join(starts.directory, name);
  before(async () => {
    starts = await sidecarStarts(options({ signer }));
    const settings = readFileSync(path("router.yaml"), "utf8");
    const [, agentPort] = /agent: \{ addresses: \["127\.0\.0\.1"\], port: ([0-9]+) \}/.exec(settings) ?? [];
    ports = { port: starts.port, agentPort: Number(agentPort), auditDirectory: starts.auditDirectory };
  });
  after(async () => {
    await starts[Symbol.asyncDispose]();
  });

  let version = 1;
  const good = (change = (text: string): string => text): void => {
    version += 1;
    writeSigned(path("policy"), "governance.yaml", change(governancePolicy(version, ALLOW)), signer);
  };
  const remove = (): void => {
    for (const name of ["governance.yaml", "governance.yaml.sigstore.json"])
      rmSync(path(`policy/${name}`), { force: true });
  };
  const rows: readonly (readonly [what: string, change: () => void, expected: readonly string[]])[] = [
    ["as it was", () => undefined, ALLOWED],
    ["a policy that was followed is gone", remove, MISSING],
    ["a policy that is broken", () => good((text) => text.replace("rules:", "rulez:")), MISSING],
    ["a policy that is no YAML", () => good(() => "kind: GovernancePolicy\n\t- ]"), MISSING],
    [
      "a policy that somebody else signed",
      () => writeSigned(path("policy"), "governance.yaml", governancePolicy(9, ALLOW), testSigner()),
      MISSING,
    ],
    ["a policy with no signature", () => (good(), rmSync(path("policy/governance.yaml.sigstore.json"))), MISSING],
    [
      "an older version",
      () => writeSigned(path("policy"), "governance.yaml", governancePolicy(0, ALLOW), signer),
      MISSING,
    ],
    ["another audience", () => good((text) => text.replace("namespaces: [test]", "namespaces: [other]")), MISSING],
    [
      "two policies",
      () => (good(), writeSigned(path("policy"), "other.yaml", governancePolicy(version + 1, ALLOW), signer)),
      MISSING,
    ],
    [
      "one of them is gone",
      () => (rmSync(path("policy/other.yaml")), rmSync(path("policy/other.yaml.sigstore.json"))),
      ALLOWED,
    ],
    ["the monitor's state is garbage", () => writeFileSync(path("state/behavior.json"), "{"), DENIED],
    ["and it stays so", () => undefined, DENIED],
    [
      "the monitor's state is a directory",
      () => (rmSync(path("state/behavior.json")), mkdirSync(path("state/behavior.json"))),
      DENIED,
    ],
    ["the state is good again", () => rmSync(path("state/behavior.json"), { recursive: true }), ALLOWED],
  ];
  for (const [what, change, expected] of rows) {
    test(`${what}: ${expected.join(", ")}`, async () => {
      change();
      const start = starts.start();
      assert.ok(await start.listening(), start.output());
      await until(ports, expected);
      await stop(start);
    });
  }

  test("one must be there, and never was: nothing passes", async () => {
    remove();
    rmSync(path("state"), { recursive: true });
    mkdirSync(path("state"));
    const settings = readFileSync(path("router.yaml"), "utf8");
    writeFileSync(path("router.yaml"), `${settings}  governance: { required: true }\n`);
    const start = starts.start();
    assert.ok(await start.listening(), start.output());
    await until(ports, MISSING);
    assert.equal((await fetch(`http://127.0.0.1:${starts.adminPort}/readyz`)).status, 503);
    await stop(start);
  });
});

async function stop({ child, exited }: Start): Promise<void> {
  child.kill("SIGTERM");
  await exited;
}

test("trust is withdrawn from the policy's signer: it falls; and to take it away then frees nobody", async () => {
  const signer = testSigner();
  await using sidecar = await startSidecar(options({ signer }));
  assert.deepEqual(await standing(sidecar), ALLOWED);
  const trust = join(sidecar.directory, "trust");
  writeFileSync(join(trust, "other.pub"), testSigner().publicKeyPem);
  const signers = readFileSync(join(trust, "signers.yaml"), "utf8")
    .replace("requirements:", "  - { id: other, key: { file: other.pub } }\n  requirements:")
    .replace("kind: GovernancePolicy, signers: [release]", "kind: GovernancePolicy, signers: [other]");
  writeFileSync(join(trust, "signers.yaml"), signers);
  await until(sidecar, MISSING);
  for (const name of ["governance.yaml", "governance.yaml.sigstore.json"]) rmSync(join(sidecar.policyDirectory, name));
  // As long as the directory needs to be read again.
  for (let look = 0; look < 25; look += 1) {
    assert.deepEqual(await standing(sidecar), MISSING, `after ${look * 100} ms`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
});

test("a policy that is taken away while it is followed stands, and says so", async () => {
  await using sidecar = await startSidecar(options());
  for (const name of ["governance.yaml", "governance.yaml.sigstore.json"]) rmSync(join(sidecar.policyDirectory, name));
  const deadline = Date.now() + 6_000;
  for (;;) {
    const answer = await fetch(`http://127.0.0.1:${sidecar.adminPort}/readyz?verbose`);
    if (/governance.*stands/.test(await answer.text())) break;
    assert.ok(Date.now() < deadline);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.deepEqual(await standing(sidecar), ALLOWED);
  assert.equal((await evaluate(sidecar, { action: { kind: "admin", operation: "x" } })).reason, "governance_denied");
});

test("a policy expires, and an observe mode is over, while they are followed", async () => {
  const signer = testSigner();
  await using sidecar = await startSidecar(options({ signer }));
  const soon = (millis: number): string => new Date(Date.now() + millis).toISOString();
  const observing = governancePolicy(2, ["mode: observe", `observeUntil: "${soon(2_500)}"`, "rules: []"]);
  writeSigned(sidecar.policyDirectory, "governance.yaml", observing, signer);
  await auditRecord(
    sidecar.auditDirectory,
    ({ kind, detail }) => kind === "policy.load" && detail["mode"] === "observe",
  );
  const observed = await evaluate(sidecar, { action: { kind: "admin", operation: "x" } });
  assert.deepEqual([observed.reason, observed.body["observed"]], ["allow", "deny"]);
  await until(sidecar, DENIED);
  const brief = governancePolicy(3, ALLOW).replace(/expiresAt: .*/, `expiresAt: "${soon(2_500)}"`);
  writeSigned(sidecar.policyDirectory, "governance.yaml", brief, signer);
  await until(sidecar, ALLOWED);
  await until(sidecar, EXPIRED);
  assert.equal((await fetch(`http://127.0.0.1:${sidecar.adminPort}/readyz`)).status, 503);
});

test("trap 1.4: a ConfigMap's ..data swap reloads the rules", async () => {
  const signer = testSigner();
  await using sidecar = await startSidecar(options({ signer }));
  const directory = sidecar.policyDirectory;
  const names = ["governance.yaml", "governance.yaml.sigstore.json"];
  const swap = (version: number, rules: readonly string[]): void => {
    writeSigned(join(directory, `..v${version}`), "governance.yaml", governancePolicy(version, rules), signer);
    symlinkSync(`..v${version}`, join(directory, "..data_tmp"));
    renameSync(join(directory, "..data_tmp"), join(directory, "..data"));
  };
  swap(2, ["rules: []"]);
  for (const name of names) {
    rmSync(join(directory, name));
    symlinkSync(`..data/${name}`, join(directory, name));
  }
  await until(sidecar, DENIED);
  swap(3, ALLOW);
  await until(sidecar, ALLOWED);
});

describe("while all is well", () => {
  let sidecar: Awaited<ReturnType<typeof startSidecar>>;
  before(async () => {
    sidecar = await startSidecar(options());
  });
  after(async () => {
    await sidecar[Symbol.asyncDispose]();
  });

  const nested = (depth: number): string => `${"[".repeat(depth)}${"]".repeat(depth)}`;
  const tool = (value: string): string =>
    `{"action":{"kind":"tool","server":"function","tool":"t","arguments":${value}}}`;
  const bad: readonly (readonly [what: string, body: unknown, status: number, reason: string])[] = [
    ["no body", "", 400, "malformed_request"],
    ["no JSON", "{", 400, "malformed_request"],
    ["JSON and more", '{"action":{"kind":"exec"}} x', 400, "malformed_request"],
    ["no UTF-8", "\ud800", 400, "malformed_request"],
    ["a list", "[]", 400, "malformed_request"],
    ["a missing member", "{}", 400, "malformed_request"],
    ["a missing kind", { action: {} }, 400, "malformed_request"],
    ["an unknown action", { action: { kind: "fetch" } }, 400, "malformed_request"],
    ["an unknown action among others", { actions: [LS, { kind: "fetch" }] }, 400, "malformed_request"],
    ["trap 1.4: an agent's id in the action", { action: { ...LS, agent_id: "other" } }, 400, "malformed_request"],
    ["trap 1.4: an agent's id beside it", { action: LS, agent_id: "other" }, 400, "malformed_request"],
    ["a member twice", '{"action":{"kind":"exec","kind":"exec"}}', 400, "malformed_request"],
    ["the action twice", '{"action":{"kind":"exec"},"action":{"kind":"exec"}}', 400, "malformed_request"],
    [
      "another spelling of a member",
      '{"\\u0061ction":{"kind":"admin"},"Action":{"kind":"exec"}}',
      400,
      "malformed_request",
    ],
    ["too large", { action: LS, x: "y".repeat(1_100_000) }, 413, "request_too_large"],
    ["too deep", tool(nested(33)), 400, "malformed_request"],
    ["half a pair in a name", tool('{"\\ud800":1}'), 400, "malformed_request"],
  ];
  for (const [what, body, status, reason] of bad) {
    test(`bad input: ${what}: deny, ${reason}, on record`, async () => {
      const before = auditRecords(sidecar.auditDirectory).length;
      const answer = await evaluate(sidecar, body);
      assert.deepEqual([answer.status, answer.body["decision"], answer.reason], [status, "deny", reason]);
      const record = await auditRecord(
        sidecar.auditDirectory,
        ({ seq, kind, reason: found }) => seq >= before && kind === "governance.decision" && found === reason,
      );
      assert.equal(record.decision, "deny");
    });
  }

  const odd: readonly (readonly [what: string, body: string])[] = [
    ["half a pair in arguments", tool('"\\ud800"')],
    ["a number beyond all", tool("1e999")],
    ["a number that is not exact", tool("9007199254740993")],
    ["a prototype", tool('{"__proto__":{"toString":1},"constructor":null}')],
    ["nested as deep as may be", tool(nested(30))],
    ["many names", tool(JSON.stringify(Object.fromEntries(Array.from({ length: 5_000 }, (_, at) => [`n${at}`, at]))))],
    ["a NUL in a program", '{"action":{"kind":"exec","program":"/bin/ls\\u0000x","argv":[]}}'],
    ["marks of direction", '{"action":{"kind":"exec","program":"/bin/\\u202esl","argv":[]}}'],
    ["an empty argument list and its end", '{"action":{"kind":"exec","program":"/bin/ls","argv":[""]}}'],
  ];
  for (const [what, body] of odd) {
    test(`no error can be provoked in the judge: ${what}: it is judged, and on record`, async () => {
      const answer = await evaluate(sidecar, body);
      assert.deepEqual([answer.status, answer.reason], [200, "allow"]);
      const record = await auditRecord(sidecar.auditDirectory, ({ request }) => request === answer.body["id"]);
      assert.equal(record.decision, "allow");
    });
  }

  test("trap 1.4: no header names an agent: neither its bucket nor its record", async () => {
    const spawn = { action: { kind: "spawn", agent: "a" } };
    const first = await evaluate(sidecar, spawn, { "x-agent-id": "a", "x-forwarded-for": "10.0.0.1" });
    assert.equal(first.reason, "allow");
    const headers: readonly Record<string, string>[] = [
      { "x-agent-id": "b" },
      { "x-agent-did": "did:mesh:b" },
      { authorization: "Bearer b" },
      { "x-forwarded-for": "10.0.0.2" },
      { "user-agent": "b" },
    ];
    for (const other of headers) {
      assert.equal((await evaluate(sidecar, spawn, other)).reason, "rate_limited", JSON.stringify(other));
    }
    const records = auditRecords(sidecar.auditDirectory).filter(({ kind }) => kind === "governance.decision");
    assert.ok(records.length > 0);
    for (const record of records) {
      const { actor } = record as unknown as { readonly actor: unknown };
      assert.deepEqual(actor, { agent: "agent-1", namespace: "test", pod: "pod-1" });
    }
  });

  test("trap 1.4: a limit that is full drains nobody else's, however often it is asked", async () => {
    for (let attempt = 0; attempt < 50; attempt += 1) {
      assert.equal((await evaluate(sidecar, { action: { kind: "spawn", agent: "a" } })).reason, "rate_limited");
    }
    assert.deepEqual(await standing(sidecar), ALLOWED);
  });

  test("how to ask is an answer that works", async () => {
    const { body } = await evaluate(sidecar, { action: { kind: "admin", operation: "x" } });
    const how = body["how_to_request"] as { readonly path: string };
    for (const action of [
      { kind: "admin", operation: "x" },
      { kind: "egress", host: "a.example", port: 443, protocol: "tls" },
    ]) {
      const asked = await fetch(`http://127.0.0.1:${sidecar.agentPort}${how.path}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ action, reason: "why" }),
      });
      assert.equal(asked.status, 202, await asked.text());
    }
  });
});

const tmpfs = requirement(
  "tmpfs",
  (() => {
    const directory = mkdtempSync(join(tmpdir(), "sluice-mount-"));
    const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", directory]).status === 0;
    if (mounted) spawnSync("umount", [directory]);
    rmSync(directory, { recursive: true });
    return mounted;
  })(),
  "needs leave to mount a tmpfs",
);

test("the audit log cannot be written: the API denies, and nothing passes, until it can", tmpfs, async () => {
  const directory = mkdtempSync(join(tmpdir(), "sluice-audit-"));
  const audit = join(directory, "audit");
  mkdirSync(audit);
  assert.equal(spawnSync("mount", ["-t", "tmpfs", "-o", "size=4m", "tmpfs", audit]).status, 0);
  try {
    await using sidecar = await startSidecar(options({ directory }));
    assert.deepEqual(await standing(sidecar), ALLOWED);
    const { bavail, bsize } = statfsSync(audit);
    writeFileSync(join(audit, "ballast"), Buffer.alloc((bavail - 8) * bsize));
    let allowed = 0;
    for (;;) {
      const { status, reason, body } = await evaluate(sidecar, { action: LS });
      if (reason !== "allow") {
        assert.deepEqual([status, reason, body["decision"]], [503, "audit_unavailable", "deny"]);
        break;
      }
      allowed += 1;
      assert.ok(allowed < 2_000, "the disk never filled");
    }
    const full = ["audit_unavailable", "audit_unavailable", "audit_unavailable"];
    assert.deepEqual(await standing(sidecar), full);
    const batch = await evaluate(sidecar, { actions: [LS, LS] });
    assert.deepEqual([batch.status, batch.body["decision"]], [503, "deny"]);
    rmSync(join(audit, "ballast"));
    await until(sidecar, ALLOWED);
    // What was allowed is there, and nothing that was not said to be.
    const decisions = auditRecords(audit).filter(
      ({ kind, decision, action }) => kind === "governance.decision" && decision === "allow" && action === "exec",
    );
    assert.ok(decisions.length >= allowed + 1);
  } finally {
    spawnSync("umount", ["-l", audit]);
    rmSync(directory, { recursive: true, force: true });
  }
});
