import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { auditRecord, auditRecords } from "../fakes/audit-records.ts";
import { tcpOrigin } from "../fakes/origins.ts";
import { openTunnel, rawRequest } from "../fakes/raw-client.ts";
import { type Sidecar, startSidecar } from "../fakes/sidecar.ts";
import { until } from "../fakes/until.ts";

/** What a security review found in the evaluation API, each as it was found, against the real process. */
const SETTINGS = ["limits: { drain: 200ms }"];
/** So little that what must not be kept cannot be. */
const SMALL_HEAP = ["--max-old-space-size=64"];

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

async function post(sidecar: Sidecar, body: unknown, path = "evaluate", headers: object = {}): Promise<Answer> {
  const response = await fetch(`http://127.0.0.1:${sidecar.agentPort}/governance/v1/${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

function decisions({ body }: Answer): readonly Record<string, unknown>[] {
  return body["decisions"] as readonly Record<string, unknown>[];
}

const head = (length: number): string =>
  `POST /governance/v1/evaluate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`;

const BATCH = JSON.stringify({ actions: Array.from({ length: 100 }, () => ({ kind: "admin" })) });

describe("in a small heap", () => {
  let sidecar: Sidecar;
  before(async () => {
    sidecar = await startSidecar({
      allow: [],
      settings: SETTINGS,
      nodeFlags: SMALL_HEAP,
      governance: ["rules: [{ id: t, effect: allow, actions: [tool] }]"],
    });
  });
  after(() => sidecar[Symbol.asyncDispose]());

  test("C1: an open action does not keep what it was: long arguments of many do not pile up", async () => {
    const rows = Array.from({ length: 24_000 }, () => []);
    const action = { kind: "tool", server: "local", tool: "t", arguments: { a: rows } };
    const text = JSON.stringify({ action });
    for (let count = 0; count < 100; count += 1) {
      assert.equal((await post(sidecar, text)).body["decision"], "allow", `${count}`);
    }
  });

  test("C2: half of a body on each of many connections: what is too much is refused before it is parsed", async () => {
    const half = `{"actions":[${Array.from({ length: 340_000 }, () => "[]").join(",")}]`;
    const answers = await Promise.all(
      Array.from({ length: 30 }, () =>
        rawRequest(sidecar.agentPort, head(half.length + 1) + half, { until: /\r\n\r\n/, quiet: 5_000 }),
      ),
    );
    for (const { text } of answers) assert.match(text, /^HTTP\/1\.1 (?:413|503) /);
    const action = { kind: "tool", server: "local", tool: "t", arguments: {} };
    assert.equal((await post(sidecar, { action })).body["decision"], "allow");
  });

  test("C2: bodies that go on coming are bounded together, and let go with their connections", async () => {
    const part = `{"action":{"kind":"tool","tool":"t","server":"${"x".repeat(200_000)}`;
    const sockets: Socket[] = [];
    let refused = "";
    for (let count = 0; count < 100; count += 1) {
      const socket = connect(sidecar.agentPort, "127.0.0.1");
      socket.on("error", () => undefined);
      socket.on("data", (chunk: Buffer) => (refused ||= chunk.toString("latin1")));
      socket.write(head(300_000) + part);
      sockets.push(socket);
    }
    for (let turn = 0; turn < 500 && refused === ""; turn += 1) await delay(20);
    assert.match(refused, /^HTTP\/1\.1 503 .*\r\n(?:.*\r\n)*Sluice-Reason: overloaded\r\n/);
    for (const socket of sockets) socket.destroy();
    const action = { kind: "tool", server: "local", tool: "t", arguments: {} };
    let allowed = false;
    for (let turn = 0; turn < 100 && !allowed; turn += 1) {
      allowed = (await post(sidecar, { action })).body["decision"] === "allow";
    }
    assert.ok(allowed);
  });

  test("a report is small", async () => {
    const { status } = await post(sidecar, `{"id":"a","result":"failed"}${" ".repeat(5_000)}`, "report");
    assert.equal(status, 413);
  });
});

test("H1: a flood of denials takes no other record's place", async () => {
  await using origin = await tcpOrigin((socket) => socket.on("data", () => undefined));
  const { port } = origin;
  await using sidecar = await startSidecar({
    allow: [`{ id: a, hosts: [a.example], ports: [${port}], addresses: ["127.0.0.1:${port}"], protocol: tcp }`],
    hosts: { "a.example": ["127.0.0.1"] },
    settings: SETTINGS,
    governance: ["delegate: [egress]", "rules: []"],
  });
  const tunnels = await Promise.all(Array.from({ length: 10 }, () => openTunnel(sidecar.port, `a.example:${port}`)));
  const request = head(BATCH.length) + BATCH;
  let seen = "";
  const flood = Array.from({ length: 150 }, () => {
    const socket = connect(sidecar.agentPort, "127.0.0.1");
    socket.on("error", () => undefined);
    socket.on("data", (chunk: Buffer) => {
      const text = chunk.toString("latin1");
      if (text.includes("HTTP/1.1 429")) seen = text;
      for (let count = text.split("HTTP/1.1 ").length; count > 1; count -= 1) socket.write(request);
    });
    socket.write(request.repeat(3));
    return socket;
  });
  await delay(500);
  for (const tunnel of tunnels) tunnel.resetAndDestroy();
  const refused = await Promise.all(
    Array.from({ length: 10 }, () =>
      rawRequest(sidecar.port, "CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n", {
        quiet: 8_000,
        until: /\r\n\r\n/,
      }),
    ),
  );
  for (const { text } of refused) assert.match(text, /^HTTP\/1\.1 403 /);
  for (const socket of flood) socket.destroy();
  const count = (is: (record: { kind: string; target: string }) => boolean): number =>
    auditRecords(sidecar.auditDirectory).filter(is).length;
  const ends = (): number => count(({ kind }) => kind === "egress.end");
  const evil = (): number => count(({ target }) => target.startsWith("evil.example"));
  for (let turn = 0; turn < 150 && (ends() < 10 || evil() < 10); turn += 1) await delay(100);
  assert.deepEqual([ends(), evil()], [10, 10]);
  assert.equal(
    count(({ kind }) => kind === "gap"),
    0,
  );
  assert.match(seen, /Retry-After: 1\r\n/, "so many at once are told to wait");
});

describe("what detectors and limits see", () => {
  const rules = (response: string): readonly string[] => [
    "rules:",
    "  - { id: sp, effect: allow, actions: [spawn] }",
    "  - { id: one, effect: rate_limit, actions: [exec], limit: { concurrent: 1 } }",
    "  - { id: fn, effect: allow, actions: [tool], when: { tool: { in: [t] } } }",
    "  - { id: mdl, effect: allow, actions: [inference] }",
    `behavior: [{ id: b, detector: burst, count: 3, window: 60s, actions: [spawn], response: ${response} },`,
    "  { id: den, detector: denials, count: 10, window: 10m, actions: [admin, tool], response: { kind: quarantine } }]",
  ];
  const start = (response: string): Promise<Sidecar> =>
    startSidecar({ allow: [], settings: SETTINGS, governance: rules(response) });
  const SPAWNS = { actions: Array.from({ length: 100 }, () => ({ kind: "spawn", agent: "x" })) };

  test("M2: a batch does not outrun a quarantine: nothing of it is allowed", async () => {
    await using sidecar = await start("{ kind: quarantine }");
    const said = decisions(await post(sidecar, SPAWNS));
    assert.equal(said.length, 100);
    for (const { decision, rule } of said) assert.deepEqual([decision, rule], ["deny", "behavior/b"]);
    const [first] = said;
    const withdrawn = await auditRecord(
      sidecar.auditDirectory,
      ({ request, decision }) => request === first?.["id"] && decision === "deny",
    );
    assert.equal(withdrawn.rule, "behavior/b");
    assert.equal((await post(sidecar, { id: first?.["id"], result: "failed" }, "report")).status, 404);
  });

  test("M2: a batch does not outrun a demand for approvals", async () => {
    await using sidecar = await start("{ kind: require_approval, for: 1h }");
    const allowed = decisions(await post(sidecar, SPAWNS)).filter(({ decision }) => decision === "allow");
    assert.equal(allowed.length, 4, "up to the one that is beyond the bound");
  });

  test("M6: previews take no place among open actions, and nobody's place of a limit", async () => {
    await using sidecar = await start("{ kind: alert }");
    const exec = { action: { kind: "exec" } };
    const held = await post(sidecar, exec);
    assert.equal(held.body["decision"], "allow");
    const previews = { actions: Array.from({ length: 100 }, () => ({ kind: "tool", server: "function", tool: "t" })) };
    for (let batch = 0; batch < 42; batch += 1) assert.equal((await post(sidecar, previews)).status, 200);
    const [preview] = decisions(await post(sidecar, previews));
    assert.equal(preview?.["decision"], "allow");
    assert.equal((await post(sidecar, { id: preview["id"], result: "failed" }, "report")).status, 404);
    assert.equal((await post(sidecar, exec)).body["decision"], "rate_limit");
    assert.equal((await post(sidecar, { id: held.body["id"], result: "succeeded" }, "report")).status, 200);
    assert.equal((await post(sidecar, exec)).body["decision"], "allow");
  });

  test("L3: a question about what passes the router is nothing that was done: it ends no row of denials", async () => {
    await using sidecar = await start("{ kind: alert }");
    for (let round = 0; round < 2; round += 1) {
      for (let count = 0; count < 5; count += 1) await post(sidecar, { action: { kind: "admin" } });
      const preview = await post(sidecar, { action: { kind: "tool", server: "function", tool: "t" } });
      if (round > 0) continue;
      assert.equal(preview.body["decision"], "allow");
      const { detail } = await auditRecord(sidecar.auditDirectory, ({ request }) => request === preview.body["id"]);
      assert.equal(detail["preview"], true);
    }
    const after = await post(sidecar, { action: { kind: "exec" } });
    assert.equal(after.body["rule"], "behavior/den");
  });

  test("what an agent only says ends no row of what was refused on its way out", async () => {
    await using sidecar = await startSidecar({
      allow: [],
      settings: SETTINGS,
      governance: [
        "delegate: [egress]",
        "rules:",
        "  - { id: own, effect: allow, actions: [tool, exec] }",
        "behavior: [{ id: den, detector: denials, count: 6, window: 10m, response: { kind: quarantine } }]",
      ],
    });
    const own = { action: { kind: "tool", server: "local", tool: "t" } };
    for (let round = 0; round < 3; round += 1) {
      for (let count = 0; count < 2; count += 1) {
        const refused = await rawRequest(sidecar.port, "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n");
        assert.match(refused.text, /^HTTP\/1\.1 403 /);
      }
      if (round === 2) continue;
      const said = await post(sidecar, own);
      assert.equal(said.body["decision"], "allow");
      assert.equal((await post(sidecar, { id: said.body["id"], result: "succeeded" }, "report")).status, 200);
      for (const kind of ["governance.decision", "governance.end"]) {
        const record = await auditRecord(
          sidecar.auditDirectory,
          (one) => one.kind === kind && one.request === said.body["id"],
        );
        assert.equal(record.detail["said"], true, kind);
      }
    }
    assert.equal((await post(sidecar, { action: { kind: "exec" } })).body["rule"], "behavior/den");
  });

  test("L5: ids cannot be guessed; each refusal is on record; a body has one type and no coding", async () => {
    await using sidecar = await start("{ kind: alert }");
    const said = decisions(await post(sidecar, { actions: [{ kind: "exec" }, { kind: "exec" }] }));
    for (const [index, { id }] of said.entries()) assert.match(String(id), new RegExp(`\\.${index}\\.[0-9a-f]{8}$`));
    assert.match(String((await post(sidecar, { action: { kind: "exec" } })).body["id"]), /-\d+\.[0-9a-f]{8}$/);
    assert.equal(
      (await post(sidecar, { action: { kind: "exec" } }, "evaluate", { "content-encoding": "gzip" })).status,
      415,
    );
    const types = "Content-Type: application/json\r\nContent-Type: text/plain\r\n";
    const text = '{"action":{"kind":"exec"}}';
    const twice = await rawRequest(
      sidecar.agentPort,
      `POST /governance/v1/evaluate HTTP/1.1\r\nHost: x\r\n${types}Content-Length: ${text.length}\r\n\r\n${text}`,
    );
    assert.match(twice.text, /^HTTP\/1\.1 415 /);
    const asked = await rawRequest(sidecar.agentPort, "HEAD /governance/v1/evaluate HTTP/1.1\r\nHost: x\r\n\r\n");
    assert.match(asked.text, /^HTTP\/1\.1 405 [^]*Allow: POST\r\n[^]*\r\n\r\n$/);
    assert.equal((await post(sidecar, { id: "a-1", result: "failed" }, "report")).status, 404);
    const reasons = (): readonly string[] =>
      auditRecords(sidecar.auditDirectory).flatMap(({ kind, reason }) =>
        kind === "governance.decision" && reason !== null && reason !== "rate_limited" ? [reason] : [],
      );
    await until(() => reasons().length >= 4);
    assert.deepEqual(reasons(), ["malformed_request", "malformed_request", "method_not_allowed", "malformed_request"]);
  });
});
