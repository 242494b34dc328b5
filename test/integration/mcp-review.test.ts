import assert from "node:assert/strict";
import { type AddressInfo, createServer } from "node:net";
import { after, afterEach, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { heldAction } from "../../router/app/mcp/held-action.ts";
import { openMcp } from "../../router/app/mcp/open-mcp.ts";
import { BARE_NETWORK } from "../../router/core/policy/network.ts";
import { AgentSocket } from "../../router/edge/listeners/agent-socket.ts";
import { auditRecord, auditRecords } from "../fakes/audit-records.ts";
import { MCP_HEADERS, type McpAgent, mcpAgent, type McpReply } from "../fakes/mcp-agent.ts";
import { event, json, type McpOrigin, mcpOrigin, result, stream } from "../fakes/mcp-origin.ts";
import { rawRequest } from "../fakes/raw-client.ts";
import { type Sidecar, startSidecar } from "../fakes/sidecar.ts";

/** What a review of the MCP proxy found, in the real process: each of these went wrong before. */
let origin: McpOrigin;
let sidecar: Sidecar;
let files: McpAgent;
let shut: McpAgent;

const policy = (): string[] => {
  const at = `addresses: ["127.0.0.1:${origin.port}"]`;
  return [
    "delegate: [egress]",
    "rules:",
    "  - { id: reads, effect: allow, actions: [tool], when: { server: { in: [files] }, tool: { in: [read_file, small] } } }",
    "  - { id: shut, effect: deny, actions: [tool], when: { server: { in: [shut] } } }",
    "  - { id: only, effect: deny, actions: [tool], when: { server: { in: [only] } }, unless: { tool: { in: [read_file] } } }",
    "mcp:",
    `  - { id: files, url: "http://files.example:${origin.port}/mcp", ${at}, timeout: 3s, resultBytes: 4Mi }`,
    `  - { id: shut, url: "http://shut.example:${origin.port}/mcp", ${at} }`,
    `  - { id: only, url: "http://only.example:${origin.port}/mcp", ${at} }`,
    `  - { id: brief, url: "http://files.example:${origin.port}/mcp", ${at}, resultBytes: 16Ki }`,
  ];
};
const hosts = { "files.example": ["127.0.0.1"], "shut.example": ["127.0.0.1"], "only.example": ["127.0.0.1"] };
const settings = ["limits: { drain: 200ms }"];

before(async () => {
  origin = await mcpOrigin();
  sidecar = await startSidecar({ allow: [], hosts, governance: policy(), settings });
  files = mcpAgent(sidecar.agentPort, "files");
  shut = mcpAgent(sidecar.agentPort, "shut");
});
after(async () => {
  await sidecar[Symbol.asyncDispose]();
  await origin[Symbol.asyncDispose]();
});
afterEach(() => {
  origin.answer(undefined);
  origin.seen.length = 0;
});

type Values = Record<string, unknown>;
const errorOf = ({ messages }: McpReply): { code: number; message: string; data: Values } =>
  messages.at(-1)?.["error"] as { code: number; message: string; data: Values };

const wide = (count: number): string => `[${Array.from({ length: count }, () => "{}").join(",")}]`;
const large: readonly (readonly [name: string, params: string])[] = [
  ["a million objects", `{"x":${wide(300_000)}}`],
  ["just too many", `{"x":${wide(25_001)}}`],
  ["too many arrays", `{"x":[${Array.from({ length: 50_000 }, () => "0").join(",")}]}`],
  ["more than 1 MiB", `{"x":"${"x".repeat(1_048_576)}"}`],
];
for (const [name, params] of large) {
  test(`INV-GOV-MCP-SIZE: a message that would be large in memory is refused unparsed: ${name}`, async () => {
    const answer = await files.post(`{"jsonrpc":"2.0","id":1,"method":"ping","params":${params}}`);
    assert.equal(errorOf(answer).data["code"], "request_too_large");
    assert.equal(origin.seen.length, 0);
  });
}

test("commas within a text are no values", async () => {
  const text = 'a,[{\\",'.repeat(20_000);
  const answer = await files.post(`{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":"${text}"}}`);
  assert.ok(answer.messages[0]?.["result"], answer.text);
});

test(
  "calls that a server keeps open are judged again, from the octets that they are kept as",
  { timeout: 30_000 },
  async () => {
    await using own = await startSidecar({
      allow: [],
      hosts,
      governance: policy(),
      settings: ["limits: { drain: 200ms }"],
    });
    const { promise: begun, resolve } = Promise.withResolvers<void>();
    let open = 0;
    origin.answer((_, response) => {
      stream(response).write(": wait\n\n");
      open += 1;
      if (open === 40) resolve();
    });
    const stop = new AbortController();
    const agent = mcpAgent(own.agentPort, "files");

    const all = Array.from({ length: 40 }, async (_, id) => {
      const params = `{"name":"read_file","arguments":{"x":${wide(24_900)}}}`;
      const body = `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":${params}}`;
      await fetch(agent.url, { method: "POST", headers: MCP_HEADERS, body, signal: stop.signal }).catch(
        () => undefined,
      );
    });
    await begun;

    assert.equal(own.child.exitCode, null);
    // A rule that changes judges all of them again, from their octets.
    own.publishGovernance(policy().map((line) => line.replace("[read_file, small]", "[small]")));
    await auditRecord(
      own.auditDirectory,
      ({ kind, detail, target }) =>
        kind === "governance.end" && target === "files/read_file" && detail["outcome"] === "failed",
    );
    stop.abort();
    await Promise.all(all);
  },
);

test("a list of more items than are judged in one turn is a clean error", async () => {
  const tools = Array.from({ length: 10_001 }, () => ({ name: "read_file" }));
  origin.answer(({ message }, response) => json(response, result(message?.["id"], { tools })));
  assert.match(errorOf(await files.request("tools/list")).message, /at most 10000 items/);
});

test("a call keeps no values once it was judged, and reads them again where it is judged again", () => {
  let reads = 0;
  const action = heldAction("files", "read_file", { a: 1 }, () => ({ read: ++reads }));
  assert.deepEqual(action.arguments, { state: "known", value: { a: 1 } });
  action.forget();
  for (let at = 0; at < 2; at++) assert.deepEqual(action.arguments, { state: "known", value: { read: 1 } });
  action.forget();
  assert.deepEqual({ ...action }.arguments, { state: "known", value: { read: 2 } });
});

const answers: readonly (readonly [name: string, tools: string, said: RegExp])[] = [
  ["too many values", wide(150_000), /at most 200000 values/],
  ["more than 4 MiB, whatever the policy says", `["${"x".repeat(4_300_000)}"]`, /longer/],
];
for (const [name, tools, said] of answers) {
  test(`INV-GOV-MCP-SIZE: an answer that would be large in memory is a clean error: ${name}`, async () => {
    origin.answer(({ message }, response) =>
      json(response, `{"jsonrpc":"2.0","id":${Number(message?.["id"])},"result":{"tools":${tools}}}`),
    );
    const answer = await files.request("tools/list");
    assert.equal(answer.status, 502);
    assert.match(errorOf(answer).message, said);
  });
}

test("what the agent sent counts, and not what it got", async () => {
  origin.answer(({ message }, response, usual) => {
    if (message?.["method"] !== "tools/call") return usual();
    json(response, result(message["id"], { content: [{ type: "text", text: "y".repeat(500_000) }] }));
  });
  const octets = async ({ headers }: McpReply): Promise<number> => {
    const id = headers.get("sluice-request-id");
    const end = await auditRecord(
      sidecar.auditDirectory,
      ({ kind, request }) => kind === "governance.end" && request === id,
    );
    assert.deepEqual([end.action, end.detail["outcome"]], ["tool", "completed"]);
    return Number(end.detail["bytesOut"]);
  };
  const x = "e".repeat(300_000);
  const within = (sent: number, most: number): boolean => sent >= most && sent < most + 1_000;
  assert.ok(within(await octets(await files.request("tools/call", { name: "read_file", arguments: { x } })), 300_000));
  assert.ok(within(await octets(await files.request("tools/call", { name: "read_file", arguments: {} })), 50));
  assert.ok(within(await octets(await files.request("ping", { x })), 300_000));
  const notice = { jsonrpc: "2.0", method: "notifications/progress", params: { progressToken: 1, x } };
  assert.ok(within(await octets(await files.post(notice)), 300_000));
});

test("what left with an agent that did not wait counts too", async () => {
  const { promise: begun, resolve } = Promise.withResolvers<void>();
  origin.answer((_, response) => {
    stream(response).write(": wait\n\n");
    resolve();
  });
  const stop = new AbortController();
  const params = { name: "small", arguments: { x: "e".repeat(200_000) } };
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params });
  const gone = fetch(files.url, { method: "POST", headers: MCP_HEADERS, body, signal: stop.signal }).then((r) =>
    r.text(),
  );
  await begun;
  stop.abort();
  await assert.rejects(gone);
  const end = await auditRecord(
    sidecar.auditDirectory,
    ({ kind, target }) => kind === "governance.end" && target === "files/small",
  );
  assert.ok(Number(end.detail["bytesOut"]) > 200_000);
});

test("INV-GOV-MCP-BLAME: what a server asks of the agent is not the agent's denial", async () => {
  const watched = [
    ...policy(),
    "behavior:",
    "  - { id: p, detector: denials, count: 5, response: { kind: quarantine } }",
  ];
  await using own = await startSidecar({
    allow: [],
    hosts,
    governance: watched,
    settings: ["limits: { drain: 200ms }"],
  });
  const agent = mcpAgent(own.agentPort, "files");
  origin.answer(({ message }, response, usual) => {
    if (message?.["method"] === undefined) return usual();
    const out = stream(response);
    for (let at = 0; at < 10; at++) {
      out.write(event(JSON.stringify({ jsonrpc: "2.0", id: `s${at}`, method: "sampling/createMessage", params: {} })));
    }
    out.end(event(result(message["id"], {})));
  });
  assert.ok((await agent.request("ping")).messages[0]?.["result"]);
  const denied = await auditRecord(own.auditDirectory, ({ target }) => target === "files/sampling/createMessage");
  assert.deepEqual([denied.decision, denied.detail["preview"]], ["deny", true]);
  await delay(50);
  assert.ok((await agent.request("ping")).messages[0]?.["result"]);
  assert.ok(!auditRecords(own.auditDirectory).some(({ kind }) => kind === "governance.alert"));
});

test("INV-GOV-MCP-SHUT: a server that a deny rule is about is not spoken to at all", async () => {
  for (const method of ["initialize", "ping", "tools/list", "completion/complete", "logging/setLevel"]) {
    const error = errorOf(await shut.request(method, { x: "secret" }));
    assert.deepEqual([error.data["code"], error.data["rule"]], ["governance_denied", "shut"], method);
  }
  assert.equal((await shut.post({ jsonrpc: "2.0", method: "notifications/initialized" })).status, 403);
  assert.equal((await fetch(shut.url, { headers: { accept: "text/event-stream" } })).status, 403);
  assert.equal(origin.seen.length, 0);
  // A rule that excepts a tool leaves the server a use.
  assert.equal((await mcpAgent(sidecar.agentPort, "only").request("ping")).status, 200);
});

test("a completion is judged as its method", async () => {
  const params = { ref: { type: "ref/resource", uri: "file:///etc/{x}" }, argument: { name: "x", value: "s" } };
  assert.equal(errorOf(await files.request("completion/complete", params)).data["code"], "governance_denied");
  assert.equal(origin.seen.length, 0);
});

test("what a server streams about one call is bounded", async () => {
  origin.answer(({ message }, response) => {
    const out = stream(response);
    const notice = {
      jsonrpc: "2.0",
      method: "notifications/message",
      params: { level: "info", data: "D".repeat(10_000) },
    };
    for (let at = 0; at < 300; at++) out.write(event(JSON.stringify(notice)));
    out.end(event(result(message?.["id"], {})));
  });
  const answer = await mcpAgent(sidecar.agentPort, "brief").request("ping");
  assert.match(errorOf(answer).message, /more about one request/);
  assert.ok(answer.text.length < 1_200_000, String(answer.text.length));
});

const fields: readonly (readonly [name: string, given: unknown, field: string, status: number])[] = [
  ["an argument's value", { path: "/work/a" }, "/work/a", 200],
  ["a deep one", { a: [{ b: 7 }] }, "7", 200],
  ["in base64", { path: "/work/\u00e9" }, `=?base64?${Buffer.from("/work/\u00e9").toString("base64")}?=`, 200],
  ["another value", { path: "/work/a" }, "/etc/shadow", 400],
  ["another value in base64", { path: "/work/a" }, `=?base64?${Buffer.from("/etc/x").toString("base64")}?=`, 400],
  ["a name", { path: "/work/a" }, "path", 400],
];
for (const [name, given, value, status] of fields) {
  test(`a field that repeats an argument says what was judged: ${name}`, async () => {
    const params = { name: "read_file", arguments: given };
    assert.equal((await files.request("tools/call", params, { "mcp-param-path": value })).status, status);
    assert.equal(origin.seen.length, status === 200 ? 1 : 0);
  });
}

test("params of a call that no rule can judge are refused", async () => {
  const params = { name: "read_file", arguments: {}, tool: "write_file" };
  assert.equal(errorOf(await files.request("tools/call", params)).code, -32_602);
  assert.equal(origin.seen.length, 0);
});

test("a stream of notices ends when a deny rule comes for its server", { timeout: 15_000 }, async () => {
  const { promise: begun, resolve } = Promise.withResolvers<void>();
  origin.answer((_, response) => {
    stream(response).write(": wait\n\n");
    resolve();
  });
  const listening = fetch(files.url, { headers: { accept: "text/event-stream" } }).then((answer) => answer.text());
  await begun;
  sidecar.publishGovernance(policy().map((line) => line.replace("[shut]", "[shut, files]")));
  assert.equal(await listening, "");
});

for (const revoked of [false, true]) {
  test(`INV-GOV-MCP-REVOKED: a call whose approval ${revoked ? "is revoked" : "stands"} while it is put on record`, async () => {
    const server = {
      id: "files",
      endpoint: { scheme: "http", host: { kind: "address", text: "127.0.0.1" }, port: origin.port, path: "/mcp" },
      addresses: [{ address: "127.0.0.1", port: origin.port }],
      credential: undefined,
      caFile: undefined,
      resultBytes: 16_384,
      timeout: 3_000,
    };
    const policy = { state: "loaded", identity: undefined, deniesFrom: Infinity, rules: [], mcpServer: () => server };
    const egress = { state: "loaded", deniesFrom: Infinity, denyFor: () => [], deniedAddresses: [] };
    const clock = { now: () => Date.now(), monotonic: () => performance.now() };
    let stands = true;
    const ends: unknown[] = [];
    const obligations = { redact: [], resultBytes: undefined, log: "digest" };
    const leave = { kind: "allowed", obligations, approval: "a@1", ended: (...end: unknown[]) => void ends.push(end) };
    const governor = {
      judge: () => leave,
      preview: () => leave,
      standing: () => (stands ? undefined : "approval_expired"),
    };
    const options = {
      clock,
      limits: { idle: 5_000, lifetime: 60_000 },
      nextRequestId: () => "r1",
      policy: () => policy,
      time: () => Date.now(),
      draining: () => false,
      auditWritable: () => true,
      quarantined: () => false,
      asking: () => false,
      governor,
      record: async () => {
        await delay(20);
        stands = !revoked;
        return { ok: true, value: undefined };
      },
      recordSoon: () => undefined,
      digest: (text: string) => text,
      connections: {
        clock,
        egress: () => egress,
        time: () => Date.now(),
        network: () => BARE_NETWORK,
        resolve: () => assert.fail("an address is not resolved"),
        secretsDirectory: "/",
        event: () => undefined,
      },
    };
    const mcp = openMcp(options as never);
    const body = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":{}}}';
    const request = {
      method: "POST",
      path: "/mcp/files",
      query: "",
      version: "1.1",
      keepAlive: false,
      expectContinue: false,
      authority: { host: { kind: "name", text: "localhost" }, port: 1 },
      framing: { kind: "length", length: body.length },
      fields: [{ name: "content-type", rawName: "content-type", value: "application/json" }],
    };
    const listener = createServer((socket) => {
      void mcp.serve(new AgentSocket(socket), request as never, { server: "files", method: "POST" });
    });
    await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
    try {
      const { text } = await rawRequest((listener.address() as AddressInfo).port, body);
      assert.match(text, revoked ? /"code":"approval_expired"/ : /"result"/);
      assert.equal(origin.called.includes("t"), !revoked);
      assert.deepEqual(ends, [[revoked ? "failed" : "succeeded", revoked ? 0 : body.length, "r1"]]);
    } finally {
      origin.called.length = 0;
      mcp.close();
      listener.close();
    }
  });
}
