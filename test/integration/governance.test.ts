import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { auditRecord, auditRecords } from "../fakes/audit-records.ts";
import { httpOrigin, type Origin } from "../fakes/origins.ts";
import { rawRequest } from "../fakes/raw-client.ts";
import { type Sidecar, startSidecar } from "../fakes/sidecar.ts";

/** The governance policy in the real process: the API that is asked, and what passes the router unasked. */
const rules = [
  "delegate: [inference]",
  "rules:",
  "  - { id: git, effect: allow, actions: [exec], when: { program: { in: [/usr/bin/git] } } }",
  "  - { id: no-push, effect: deny, actions: [exec], when: { argv: { some: { in: [push] } } }, message: Ask a person to push. }",
  "  - { id: reads, effect: allow, actions: [egress], when: { method: { in: [GET] } } }",
  "  - { id: no-secret, effect: deny, actions: [egress], when: { path: { glob: [/secret/**] } } }",
  "  - { id: some, effect: rate_limit, actions: [spawn], limit: { rate: { count: 2, window: 1h, burst: 2 } } }",
  "  - { id: careful, effect: require_approval, actions: [admin] }",
];

let origin: Origin;
let sidecar: Sidecar;

before(async () => {
  origin = await httpOrigin();
  sidecar = await startSidecar({
    allow: [
      `{ id: web, hosts: [web.example], ports: [${origin.port}], protocol: http, addresses: ["127.0.0.1:${origin.port}"] }`,
    ],
    hosts: { "web.example": ["127.0.0.1"] },
    governance: rules,
    settings: ["limits: { drain: 200ms }"],
  });
});
after(async () => {
  await sidecar[Symbol.asyncDispose]();
  await origin[Symbol.asyncDispose]();
});

interface Answer {
  readonly status: number;
  readonly retryAfter: string | null;
  readonly body: Record<string, unknown>;
}

async function evaluate(body: unknown, path = "/governance/v1/evaluate", port = sidecar.agentPort): Promise<Answer> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const init = { method: "POST", headers: { "content-type": "application/json" }, body: text };
  const response = await fetch(`http://127.0.0.1:${port}${path}`, init);
  const answer = (await response.json()) as Record<string, unknown>;
  return { status: response.status, retryAfter: response.headers.get("retry-after"), body: answer };
}

const git = (...argv: readonly string[]): unknown => ({
  kind: "exec",
  program: "/usr/bin/git",
  argv,
  directory: "/work",
});

test("an action is allowed by its rule, and is on record before that is said", async () => {
  const { status, body } = await evaluate({ action: git("status") });
  assert.equal(status, 200);
  assert.equal(body["decision"], "allow");
  assert.equal(body["rule"], "git");
  const id = body["id"];
  const record = auditRecords(sidecar.auditDirectory).find(({ request }) => request === id);
  assert.deepEqual(
    [record?.kind, record?.action, record?.target, record?.decision, record?.rule],
    ["governance.decision", "exec", "/usr/bin/git", "allow", "git"],
  );
});

const denied: readonly (readonly [name: string, action: unknown, ...expected: readonly unknown[]])[] = [
  ["a deny rule wins over an allow rule", git("push"), "deny", "governance_denied", "no-push"],
  [
    "a missing argv makes the deny rule match",
    { kind: "exec", program: "/usr/bin/git" },
    "deny",
    "governance_denied",
    "no-push",
  ],
  ["another program", { kind: "exec", program: "/bin/sh", argv: [] }, "deny", "governance_denied", null],
  [
    "a program by a way around",
    { kind: "exec", program: "/usr/bin/../bin/git", argv: [] },
    "deny",
    "governance_denied",
    null,
  ],
  ["a kind without rules", { kind: "mesh.send", peer: "other" }, "deny", "governance_denied", null],
  [
    "what needs an approval",
    { kind: "admin", operation: "restart" },
    "require_approval",
    "approval_required",
    "careful",
  ],
];
for (const [name, action, ...expected] of denied) {
  test(`${name}: ${String(expected[0])}`, async () => {
    const { status, body } = await evaluate({ action });
    assert.equal(status, 200);
    assert.deepEqual([body["decision"], body["reason"], body["rule"]], expected);
    const record = await auditRecord(sidecar.auditDirectory, ({ request }) => request === body["id"]);
    assert.deepEqual([record.decision, record.reason, record.rule], ["deny", expected[1], expected[2]]);
  });
}

test("a batch is judged one by one, in order", async () => {
  const { body } = await evaluate({ actions: [git("status"), git("push")] });
  const decisions = (body["decisions"] as Record<string, unknown>[]).map(({ decision }) => decision);
  assert.deepEqual(decisions, ["allow", "deny"]);
});

test("a limit counts what it allowed, and says when to ask again", async () => {
  const spawn = { action: { kind: "spawn", agent: "helper" } };
  assert.equal((await evaluate(spawn)).body["decision"], "allow");
  assert.equal((await evaluate(spawn)).body["decision"], "allow");
  const third = await evaluate(spawn);
  assert.equal(third.body["decision"], "rate_limit");
  assert.equal(third.body["rule"], "some");
  assert.ok(Number(third.retryAfter) > 1_700 && Number(third.retryAfter) <= 1_800, `${third.retryAfter}`);
});

const malformed: readonly (readonly [name: string, body: unknown, status: number])[] = [
  ["no JSON", "{", 400],
  ["a member twice", '{"action":{"kind":"exec","kind":"admin"}}', 400],
  ["an unknown kind", { action: { kind: "anything" } }, 400],
  ["an unknown member", { action: { kind: "exec", agent_id: "other" } }, 400],
  ["an identity beside it", { action: git("status"), agent: "other" }, 400],
  ["a wrong type", { action: { kind: "exec", argv: "rm -rf /" } }, 400],
  ["both forms", { action: git("status"), actions: [git("status")] }, 400],
  ["no actions", { actions: [] }, 400],
  ["101 actions", { actions: Array.from({ length: 101 }, () => git("status")) }, 400],
  ["too deep", `{"action":{"kind":"tool","tool":"x","arguments":${"[".repeat(40)}${"]".repeat(40)}}}`, 400],
  ["too large", `{"action":{"kind":"exec"}}${" ".repeat(1_100_000)}`, 413],
  ["an action that is too long", { action: { kind: "exec", program: "x".repeat(300_000) } }, 400],
];
for (const [name, body, status] of malformed) {
  test(`INV-GOV-ERRORS: ${name}: deny, with a reason, on record`, async () => {
    const before = auditRecords(sidecar.auditDirectory).length;
    const answer = await evaluate(body);
    assert.equal(answer.status, status);
    assert.equal(answer.body["decision"], "deny");
    const reason = status === 413 ? "request_too_large" : "malformed_request";
    const found = await auditRecord(
      sidecar.auditDirectory,
      (record) => record.seq >= before && record.kind === "governance.decision" && record.reason === reason,
    );
    assert.equal(found.decision, "deny");
  });
}

const asked: readonly (readonly [
  target: string,
  method: string,
  status: number,
  reason: string | undefined,
  rule: string | null,
])[] = [
  ["/open", "GET", 200, undefined, "web"],
  ["/secret/key", "GET", 403, "governance_denied", "no-secret"],
  ["/open", "POST", 403, "governance_denied", null],
];
for (const [path, method, status, reason, rule] of asked) {
  test(`egress is judged unasked: ${method} ${path} is ${reason ?? "allowed"}`, async () => {
    const url = `http://web.example:${origin.port}${path}`;
    const answer = await rawRequest(
      sidecar.port,
      `${method} ${url} HTTP/1.1\r\nHost: web.example:${origin.port}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
    );
    assert.match(answer.text, new RegExp(`^HTTP/1.1 ${status} `));
    const record = await auditRecord(
      sidecar.auditDirectory,
      (one) => one.kind === "egress.decision" && one.action === `http.${method}` && one.rule === rule,
    );
    assert.equal(record.reason, reason ?? null);
  });
}
