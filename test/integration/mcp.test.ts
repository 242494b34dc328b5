import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { auditRecord, auditRecords } from "../fakes/audit-records.ts";
import { MCP_HEADERS, mcpAgent, type McpReply, reply } from "../fakes/mcp-agent.ts";
import { type Answering, event, json, result, stream } from "../fakes/mcp-origin.ts";
import { KEY, type McpWorld, mcpWorld } from "../fakes/mcp-world.ts";
import { rawRequest } from "../fakes/raw-client.ts";

/** The MCP proxy in the real process, against servers that answer as each test says. */
let world: McpWorld;

before(async () => {
  world = await mcpWorld();
});
after(() => world[Symbol.asyncDispose]());
afterEach(() => {
  world.origin.answer(undefined);
  world.origin.seen.length = 0;
  world.origin.called.length = 0;
  world.other.answer(undefined);
  world.other.seen.length = 0;
});

type Values = Record<string, unknown>;
const errorOf = ({ messages }: McpReply): { code: number; message: string; data: Values } =>
  messages.at(-1)?.["error"] as { code: number; message: string; data: Values };
const resultOf = ({ messages }: McpReply): Values => messages.at(-1)?.["result"] as Values;
const call = (name: unknown, given?: unknown): Promise<McpReply> =>
  world.files.request("tools/call", { name, ...(given === undefined ? {} : { arguments: given }) });

test("a call that a rule allows goes on, on record before it does, and its end is on record", async () => {
  const answer = await call("read_file", { path: "/work/a" });
  assert.equal(answer.status, 200);
  assert.match(answer.text, /done .*\/work\/a/);
  assert.deepEqual(world.origin.called, ["read_file"]);
  const id = answer.headers.get("sluice-request-id");
  const decided = auditRecords(world.sidecar.auditDirectory).find(({ request }) => request === id);
  assert.deepEqual(
    [decided?.kind, decided?.action, decided?.target, decided?.decision, decided?.rule],
    ["governance.decision", "tool", "files/read_file", "allow", "reads"],
  );
  const end = await auditRecord(
    world.sidecar.auditDirectory,
    ({ kind, request }) => kind === "governance.end" && request === id,
  );
  assert.equal(end.detail["outcome"], "completed");
  assert.ok(Number(end.detail["bytesOut"]) > 10);
});

test("what passes unjudged is on record too", async () => {
  const { headers } = await world.files.request("ping");
  const id = headers.get("sluice-request-id");
  const found = auditRecords(world.sidecar.auditDirectory).find(({ request }) => request === id);
  assert.deepEqual([found?.action, found?.target, found?.decision], ["mcp", "files/ping", "allow"]);
});

const refused: readonly (readonly [
  name: string,
  tool: unknown,
  given: unknown,
  code: number,
  reason: string,
  rule: string | null,
])[] = [
  ["no rule allows it", "write_file", {}, -32_010, "governance_denied", null],
  ["a deny rule's argument", "read_file", { path: "/etc/shadow" }, -32_010, "governance_denied", "no-etc"],
  ["a missing argument makes the deny rule match", "read_file", {}, -32_010, "governance_denied", "no-etc"],
  ["so do no arguments at all", "read_file", undefined, -32_010, "governance_denied", "no-etc"],
  ["an argument of another type", "read_file", { path: ["/work"] }, -32_010, "governance_denied", "no-etc"],
  ...[
    "//etc/shadow",
    "/./etc/shadow",
    "/work/../etc/shadow",
    "../etc/shadow",
    "/etc\u0000/shadow",
    "\\etc\\shadow",
  ].map(
    (path) =>
      [
        `the same argument by another spelling: ${JSON.stringify(path)}`,
        "read_file",
        { path },
        -32_010,
        "governance_denied",
        "no-etc",
      ] as const,
  ),
  ["it needs an approval", "delete_file", {}, -32_010, "approval_required", "careful"],
  ["another case of the name", "Read_file", { path: "/work" }, -32_010, "governance_denied", null],
  ["a look-alike of the name", "re\u0430d_file", { path: "/work" }, -32_010, "governance_denied", null],
  ["the name with a blank", "read_file ", { path: "/work" }, -32_010, "governance_denied", null],
  ["the name with a NUL", "read_file\u0000", { path: "/work" }, -32_010, "governance_denied", null],
  ["a name that is none", 7, {}, -32_602, "malformed_request", null],
  ["no name", undefined, {}, -32_602, "malformed_request", null],
  [
    "the name of a method that a rule allows",
    "resources/read",
    { uri: "file:///work/a" },
    -32_602,
    "malformed_request",
    null,
  ],
  ["arguments that are none", "count", [1], -32_602, "malformed_request", null],
  ["arguments with a name twice in another case", "count", { a: 1, A: 2 }, -32_602, "malformed_request", null],
  ["half a surrogate pair in an argument", "count", { a: "\ud800" }, -32_602, "malformed_request", null],
];
for (const [name, tool, given, code, reason, rule] of refused) {
  test(`a call is refused in the protocol's own words, and never sent: ${name}`, async () => {
    const answer = await call(tool, given);
    assert.equal(answer.status, 200);
    assert.equal(answer.messages.length, 1);
    assert.equal(typeof answer.messages[0]?.["id"], "number");
    const error = errorOf(answer);
    assert.deepEqual([error.code, error.data["code"], error.data["rule"]], [code, reason, rule]);
    assert.deepEqual(world.origin.called, []);
    const id = answer.headers.get("sluice-request-id");
    const record = await auditRecord(world.sidecar.auditDirectory, ({ request }) => request === id);
    assert.deepEqual([record.decision, record.reason, record.rule], ["deny", reason, rule]);
  });
}

test("a refusal says the rule's own sentence, and how to ask", async () => {
  assert.match(errorOf(await call("read_file", { path: "/etc/x" })).message, /Not that directory\./);
  const asked = errorOf(await call("delete_file", {})).data["how_to_request"] as Values;
  assert.deepEqual([asked["method"], asked["path"]], ["POST", "/governance/v1/requests"]);
});

test("a limit that is used up says when to ask again", async () => {
  assert.equal((await call("ping_tool", {})).messages[0]?.["error"], undefined);
  const second = await call("ping_tool", {});
  const error = errorOf(second);
  assert.equal(error.data["code"], "rate_limited");
  assert.ok(Number(error.data["retry_after_ms"]) > 3_000_000, JSON.stringify(error.data));
  assert.ok(Number(second.headers.get("retry-after")) > 3_000);
  assert.deepEqual(world.origin.called, ["ping_tool"]);
});

const lists: readonly (readonly [name: string, how: Answering | undefined])[] = [
  ["in a document", undefined],
  [
    "in a stream",
    ({ message }, response, usual) => {
      if (message?.["method"] !== "tools/list") return usual();
      const tools = [{ name: "write_file" }, { name: "read_file" }, { name: "Read_file" }, { name: "count" }];
      stream(response).end(event(result(message["id"], { tools })));
    },
  ],
  [
    "on the second page",
    ({ message }, response, usual) => {
      if (message?.["method"] !== "tools/list") return usual();
      const tools = [{ name: "read_file" }, { name: "write_file" }, { name: "count" }];
      json(response, result(message["id"], { tools, nextCursor: "3" }));
    },
  ],
];
for (const [name, how] of lists) {
  test(`INV-GOV-MCP-LISTS: a list shows the tools that could be called, and no others: ${name}`, async () => {
    world.origin.answer(how);
    const answer = await world.files.request("tools/list", { cursor: "2" });
    const tools = resultOf(answer)["tools"] as { name: string }[];
    assert.deepEqual(
      tools.map((tool) => tool.name),
      ["read_file", "count"],
    );
  });
}

test("what is left of a list is as the server wrote it", async () => {
  assert.match((await world.files.request("tools/list")).text, /"maximum":18446744073709551615/);
});

test("a list of tools in a notification is filtered too, and a tool that needs an approval is shown", async () => {
  world.origin.answer(({ message }, response) => {
    const tools = [{ name: "write_file" }, { name: "delete_file" }];
    const notice = { jsonrpc: "2.0", method: "notifications/tools/list_changed", params: { tools } };
    stream(response).end(event(JSON.stringify(notice)) + event(result(message?.["id"], {})));
  });
  const [notice] = (await world.files.request("ping")).messages;
  const params = notice?.["params"] as Values;
  assert.deepEqual(params["tools"], [{ name: "delete_file" }]);
});

test("resources are listed where they may be read, and read where a rule says so", async () => {
  const listed = await world.files.request("resources/list");
  assert.deepEqual(resultOf(listed)["resources"], [{ uri: "file:///work/a" }]);
  for (const place of ["etc/shadow", "work/../etc/shadow", "work/%2e%2e/etc/shadow", "work/%2E./etc", "work/..\\etc"]) {
    const refusal = errorOf(await world.files.request("resources/read", { uri: `file:///${place}` }));
    assert.equal(refusal.code, -32_010, place);
  }
  assert.ok(
    (await world.files.request("resources/read", { uri: "file:///work/a", _meta: {} })).messages[0]?.["result"],
  );
  for (const method of ["prompts/get", "tasks/result", "resources/subscribe", "sampling/createMessage"]) {
    const answer = await world.files.request(method, { name: "x", uri: "file:///work/a" });
    assert.equal(errorOf(answer).data["code"], "governance_denied", method);
  }
});

test("a server's credential is the router's alone, and nothing of the agent's or of the server's own goes across", async () => {
  const headers = { authorization: "Bearer agents", cookie: "a=b", "x-api-key": "agents", "mcp-session-idx": "1" };
  const answer = await world.files.request("initialize", {}, headers);
  const [seen] = world.origin.seen;
  assert.equal(seen?.headers.authorization, `Bearer ${KEY}`);
  assert.deepEqual(Object.keys(seen?.headers ?? {}).toSorted(), [
    "accept",
    "accept-encoding",
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "host",
    "mcp-protocol-version",
  ]);
  assert.deepEqual([answer.headers.get("set-cookie"), answer.headers.get("www-authenticate")], [null, null]);
  await world.second.request("ping");
  assert.equal(world.other.seen[0]?.headers["x-own-key"], KEY);
  assert.equal(world.other.seen[0]?.headers.authorization, undefined);
});

test("a session belongs to the server that named it", async () => {
  const name = (await world.files.request("initialize", {})).headers.get("mcp-session-id") ?? "";
  assert.equal(name, "session-1");
  const headers = { "mcp-session-id": name };
  assert.equal((await world.files.request("ping", {}, headers)).status, 200);
  assert.equal(world.origin.seen.at(-1)?.headers["mcp-session-id"], name);
  const before = world.other.seen.length;
  assert.equal((await world.second.request("ping", {}, headers)).status, 404);
  assert.equal((await world.files.request("ping", {}, { "mcp-session-id": "made-up" })).status, 404);
  // The same place under another id of the policy, with another credential.
  assert.equal((await mcpAgent(world.sidecar.agentPort, "keyless").request("ping", {}, headers)).status, 404);
  assert.equal(world.other.seen.length, before);
  const ended = await fetch(world.files.url, { method: "DELETE", headers });
  assert.equal(ended.status, 204);
  assert.equal((await world.files.request("ping", {}, headers)).status, 404);
});

const malformed: readonly (readonly [
  name: string,
  body: string,
  status: number,
  code: number,
  headers?: Record<string, string>,
])[] = [
  ["a batch", '[{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"write_file"}}]', 400, -32_600],
  ["two messages", '{"jsonrpc":"2.0","id":1,"method":"ping"}{"jsonrpc":"2.0","id":2,"method":"ping"}', 400, -32_700],
  ["a name twice", '{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}', 400, -32_700],
  [
    "a name twice by an escape",
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_file","n\\u0061me":"write_file"}}',
    400,
    -32_700,
  ],
  ["a name in another case", '{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call"}', 400, -32_700],
  ["a byte order mark", '\ufeff{"jsonrpc":"2.0","id":1,"method":"ping"}', 400, -32_700],
  ["an id of null", '{"jsonrpc":"2.0","id":null,"method":"tools/call","params":{"name":"write_file"}}', 400, -32_600],
  ["an id with a fraction", '{"jsonrpc":"2.0","id":1.5,"method":"ping"}', 400, -32_600],
  ["an id of 2^53", '{"jsonrpc":"2.0","id":9007199254740993,"method":"ping"}', 400, -32_600],
  ["an id of half a MiB", `{"jsonrpc":"2.0","id":"${"x".repeat(524_288)}","method":"ping"}`, 400, -32_700],
  ["another version", '{"jsonrpc":"1.0","id":1,"method":"ping"}', 400, -32_600],
  ["a further member", '{"jsonrpc":"2.0","id":1,"method":"ping","x":1}', 400, -32_600],
  [
    "a call as a notification",
    '{"jsonrpc":"2.0","method":"tools/call","params":{"name":"read_file","arguments":{"path":"/work"}}}',
    400,
    -32_600,
  ],
  ["an answer that nobody asked for", '{"jsonrpc":"2.0","id":1,"result":{}}', 400, -32_600],
  ["an error without an id", '{"jsonrpc":"2.0","error":{"code":1,"message":"x"}}', 400, -32_600],
  [
    "too deep",
    `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":${"[".repeat(200)}${"]".repeat(200)}}}`,
    400,
    -32_700,
  ],
  [
    "no UTF-8",
    '{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":"\\ud800"}}'.replace("\\ud800", "\u0000"),
    400,
    -32_700,
  ],
  ["nothing", "", 400, -32_700],
  ["another type", "{}", 415, -32_600, { "content-type": "text/plain" }],
  ["a coding", "{}", 415, -32_600, { "content-encoding": "gzip" }],
  [
    "a header that names another tool",
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_file","arguments":{"path":"/work"}}}',
    400,
    -32_020,
    { "mcp-name": "write_file" },
  ],
  [
    "a header that names another method",
    '{"jsonrpc":"2.0","id":1,"method":"ping"}',
    400,
    -32_020,
    { "mcp-method": "tools/call" },
  ],
  [
    "another header in base64",
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_file"}}',
    400,
    -32_020,
    { "mcp-name": "=?base64?d3JpdGVfZmlsZQ==?=" },
  ],
  ["a foreign origin", '{"jsonrpc":"2.0","id":1,"method":"ping"}', 403, -32_600, { origin: "http://evil.example" }],
  [
    "an origin that looks local",
    '{"jsonrpc":"2.0","id":1,"method":"ping"}',
    403,
    -32_600,
    { origin: "http://localhost.evil.example" },
  ],
  ["an origin of null", '{"jsonrpc":"2.0","id":1,"method":"ping"}', 403, -32_600, { origin: "null" }],
];
for (const [name, body, status, code, headers] of malformed) {
  test(`INV-GOV-MCP-MESSAGES: a message is refused unsent: ${name}`, async () => {
    const answer = await world.files.post(body, headers);
    assert.equal(answer.status, status, answer.text);
    assert.equal(errorOf(answer).code, code);
    assert.equal(world.origin.seen.length, 0);
    const id = answer.headers.get("sluice-request-id");
    assert.equal((await auditRecord(world.sidecar.auditDirectory, ({ request }) => request === id)).decision, "deny");
  });
}

test("a caller that came by another name of this host is refused", async () => {
  const text = '{"jsonrpc":"2.0","id":1,"method":"ping"}';
  const head = `POST /mcp/files HTTP/1.1\r\nHost: evil.example\r\nContent-Type: application/json\r\nContent-Length: ${text.length}\r\nConnection: close\r\n\r\n`;
  assert.match((await rawRequest(world.sidecar.agentPort, head + text)).text, /^HTTP\/1\.1 403 /);
});

test("an unknown server, a query and another method are refused", async () => {
  assert.equal((await mcpAgent(world.sidecar.agentPort, "nobody").request("ping")).status, 404);
  assert.equal(
    (await reply(await fetch(`${world.files.url}?a=b`, { method: "POST", headers: MCP_HEADERS, body: "{}" }))).status,
    400,
  );
  assert.equal((await fetch(world.files.url, { method: "PUT", body: "{}" })).status, 405);
  assert.equal(world.origin.seen.length, 0);
});

const answers: readonly (readonly [name: string, how: Answering, status: number, said: RegExp])[] = [
  [
    "a redirect",
    (_, response) => void response.writeHead(307, { location: "http://127.0.0.1:1/" }).end(),
    502,
    /redirect/,
  ],
  [
    "a coding that was not asked for",
    (_, response) =>
      void response.writeHead(200, { "content-type": "application/json", "content-encoding": "gzip" }).end("x"),
    502,
    /not well-formed/,
  ],
  ["no JSON", (_, response) => json(response, "<html>"), 502, /no message/],
  [
    "another type",
    (_, response) => void response.writeHead(200, { "content-type": "text/html" }).end("x"),
    502,
    /neither/,
  ],
  ["the answer to another request", (_, response) => json(response, result(999, {})), 502, /not the one/],
  [
    "the same id as a text",
    ({ message }, response) => json(response, result(String(message?.["id"]), {})),
    502,
    /not the one/,
  ],
  ["a batch", ({ message }, response) => json(response, `[${result(message?.["id"], {})}]`), 502, /no message/],
  [
    "a name twice",
    ({ message }, response) =>
      json(response, `{"jsonrpc":"2.0","id":${Number(message?.["id"])},"result":{"content":[],"content":[1]}}`),
    502,
    /no message/,
  ],
  [
    "a message that is too long",
    ({ message }, response) => json(response, result(message?.["id"], { a: "x".repeat(20_000) })),
    502,
    /longer/,
  ],
  ["401", (_, response) => json(response, "{}", 401, { "www-authenticate": "Bearer" }), 502, /credential/],
  ["a refusal of its own", (_, response) => json(response, "secret trace", 500), 500, /answered 500/],
  ["nothing", (_, response) => void response.socket?.destroy(), 502, /could not be reached|not well-formed/],
  ["nothing, for too long", () => undefined, 504, /in time/],
  [
    "half of a document",
    (_, response) => {
      response.writeHead(200, { "content-type": "application/json" });
      response.write("{");
    },
    504,
    /in time/,
  ],
];
for (const [name, how, status, said] of answers) {
  test(`a server that answers with ${name} is a clean error`, async () => {
    world.origin.answer(how);
    const answer = await call("count", {});
    assert.equal(answer.status, status, answer.text);
    assert.match(errorOf(answer).message, said);
    assert.doesNotMatch(answer.text, /secret trace/);
    assert.equal(answer.headers.get("www-authenticate"), null);
    const id = answer.headers.get("sluice-request-id");
    const end = await auditRecord(
      world.sidecar.auditDirectory,
      ({ kind, request }) => kind === "governance.end" && request === id,
    );
    assert.equal(end.detail["outcome"], "failed");
  });
}

test("a server's own refusal goes on in its words where they are the protocol's", async () => {
  world.origin.answer(({ message }, response) =>
    json(
      response,
      JSON.stringify({ jsonrpc: "2.0", id: message?.["id"], error: { code: -32_022, message: "unsupported" } }),
      400,
      { "retry-after": "7", "set-cookie": "a=b" },
    ),
  );
  const answer = await world.files.request("server/discover", {});
  assert.deepEqual([answer.status, errorOf(answer).code, answer.headers.get("retry-after")], [400, -32_022, "7"]);
  assert.equal(answer.headers.get("set-cookie"), null);
});

const streams: readonly (readonly [name: string, text: (id: number) => string, expected: readonly string[]])[] = [
  ["CR LF, CR, a BOM and a comment", (id) => `\ufeff: hi\r\n\rdata: ${result(id, { a: 1 })}\r\r`, ['{"a":1}']],
  [
    "data over many lines",
    (id) => `data: {"jsonrpc":"2.0",\ndata: "id":${id},\ndata:"result":{"a":1}}\n\n`,
    ['{"a":1}'],
  ],
  ["another event name", (id) => `event: endpoint\ndata: /elsewhere\n\n${event(result(id, { a: 2 }))}`, ['{"a":2}']],
  [
    "an answer that nobody asked for before",
    (id) => event(result(7_777, { evil: 1 })) + event(result(id, { a: 3 })),
    ['{"a":3}'],
  ],
  ["the answer twice", (id) => event(result(id, { a: 4 })) + event(result(id, { evil: 1 })), ['{"a":4}']],
  [
    "ten thousand ids",
    (id) => Array.from({ length: 10_000 }, (_, at) => `id: ${at}\n\n`).join("") + event(result(id, { a: 5 })),
    ['{"a":5}'],
  ],
  ["an event that is cut off", (id) => `${event(result(id, { a: 6 }))}data: {"jsonrpc"`, ['{"a":6}']],
];
for (const [name, text, expected] of streams) {
  test(`a stream is read as its readers read it: ${name}`, async () => {
    world.origin.answer(({ message }, response) => {
      const octets = Buffer.from(text(Number(message?.["id"])));
      const out = stream(response);
      for (let at = 0; at < octets.length; at += 1_013) out.write(octets.subarray(at, at + 1_013));
      out.end();
    });
    const { messages } = await call("count", {});
    assert.deepEqual(
      messages.map((message) => JSON.stringify(message["result"])),
      expected,
    );
  });
}

const broken: readonly (readonly [name: string, text: (id: number) => string, said: RegExp])[] = [
  ["no JSON", () => event("{oops"), /no message/],
  ["an event that is too long", (id) => event(result(id, { a: "x".repeat(20_000) })), /longer/],
  ["a line without end", () => `data: ${"x".repeat(40_000)}`, /longer/],
  ["no answer", () => ": nothing\n\n", /without an answer/],
  ["the credential", (id) => event(result(id, { echo: KEY })), /credential/],
  [
    "the credential in escapes",
    (id) =>
      `data: {"jsonrpc":"2.0","id":${id},"result":{"echo":"${Array.from(KEY, (letter) => `\\u00${letter.charCodeAt(0).toString(16)}`).join("")}"}}\n\n`,
    /credential/,
  ],
  [
    "the credential over two lines",
    (id) => `data: {"jsonrpc":"2.0","id":${id},\ndata: "result":{"echo":"${KEY}"}}\n\n`,
    /credential/,
  ],
];
for (const [name, text, said] of broken) {
  test(`a stream that goes wrong ends with an error in the protocol's words: ${name}`, async () => {
    world.origin.answer(({ message }, response) => {
      const out = stream(response);
      out.write(text(Number(message?.["id"])));
      if (name !== "a line without end") out.end();
    });
    const answer = await call("count", {});
    assert.equal(answer.status, 200);
    assert.equal(answer.messages.length, 1);
    assert.match(errorOf(answer).message, said);
    assert.doesNotMatch(answer.text, new RegExp(KEY.replaceAll("+", "\\+")));
  });
}

test("INV-GOV-MCP-SECRET: the credential comes back in no document, and in no field", async () => {
  world.origin.answer(({ message }, response) =>
    json(response, result(message?.["id"], { content: [{ type: "text", text: `you sent ${KEY}` }] }), 200, {
      "mcp-session-id": KEY,
    }),
  );
  const answer = await call("count", {});
  assert.equal(answer.status, 502);
  assert.ok(!answer.text.includes(KEY));
  const first = await world.files.request("initialize", {});
  assert.equal(first.headers.get("mcp-session-id"), null);
});

test("a rule's own bound on results holds, and an answer is never cut", async () => {
  world.origin.answer(({ message }, response) => json(response, result(message?.["id"], { a: "x".repeat(2_000) })));
  assert.match(errorOf(await call("small", {})).message, /longer than 1024 octets/);
  assert.ok((await call("count", {})).messages[0]?.["result"]);
});

test("INV-GOV-MCP-ASKS: what a server asks of the agent is refused towards the server unless a rule allows it", async () => {
  let refusal: Values | undefined;
  const { promise, resolve } = Promise.withResolvers<void>();
  world.origin.answer(({ message }, response, usual) => {
    if (message?.["method"] === undefined) {
      refusal = message;
      response.writeHead(202).end();
      return resolve();
    }
    if (message["method"] !== "tools/call") return usual();
    const out = stream(response);
    out.write(
      event(JSON.stringify({ jsonrpc: "2.0", id: "s-1", method: "sampling/createMessage", params: { messages: [] } })),
    );
    out.write(
      event(JSON.stringify({ jsonrpc: "2.0", id: "s-2", method: "elicitation/create", params: { message: "?" } })),
    );
    void promise.then(() => out.end(event(result(message["id"], {}))));
  });
  const { messages } = await call("count", {});
  assert.deepEqual(
    messages.map((message) => message["method"] ?? "answer"),
    ["elicitation/create", "answer"],
  );
  const error = refusal?.["error"] as Values;
  assert.deepEqual([refusal?.["id"], error["code"]], ["s-1", -32_010]);
  // The one that was refused has no answer of the agent's; the one that was given has one.
  const answer = (id: string): Promise<McpReply> =>
    world.files.post({ jsonrpc: "2.0", id, result: { action: "accept" } });
  assert.equal((await answer("s-1")).status, 400);
  assert.equal((await answer("s-2")).status, 202);
  assert.equal((await answer("s-2")).status, 400);
  const record = await auditRecord(
    world.sidecar.auditDirectory,
    ({ target }) => target === "files/sampling/createMessage",
  );
  assert.equal(record.decision, "deny");
});

test("a result that asks the agent for what it must not give is refused", async () => {
  const ask = (method: string): void =>
    world.origin.answer(({ message }, response) =>
      json(
        response,
        result(message?.["id"], { resultType: "input_required", inputRequests: { one: { method, params: {} } } }),
      ),
    );
  ask("roots/list");
  assert.equal(errorOf(await call("count", {})).data["code"], "governance_denied");
  ask("elicitation/create");
  assert.ok((await call("count", {})).messages[0]?.["result"]);
});

test("a stream that ends early is resumed, and its answer is judged as the request was", async () => {
  let asked: unknown;
  world.origin.answer(({ method, message, headers }, response) => {
    if (method === "GET") {
      assert.equal(headers["last-event-id"], "e-1");
      const tools = [{ name: "write_file" }, { name: "read_file" }];
      stream(response).end(event(result(12_345, {})) + event(result(asked, { tools })));
    } else {
      asked = message?.["id"];
      stream(response).end("id: e-1\nretry: 10\ndata:\n\n");
    }
  });
  const first = await world.files.request("tools/list");
  assert.match(first.text, /id: e-1/);
  assert.deepEqual(first.messages, []);
  const resumed = await reply(
    await fetch(world.files.url, { headers: { accept: "text/event-stream", "last-event-id": "e-1" } }),
  );
  assert.deepEqual(
    resumed.messages.map((message) => message["result"]),
    [{ tools: [{ name: "read_file" }] }],
  );
});

test("an agent that leaves takes its request with it", async () => {
  const { promise: left, resolve } = Promise.withResolvers<void>();
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  world.origin.answer((_, response) => {
    response.on("close", resolve);
    stream(response).write(": wait\n\n");
    begin();
  });
  const stop = new AbortController();
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "slow" } });
  const gone = fetch(world.files.url, { method: "POST", headers: MCP_HEADERS, body, signal: stop.signal }).then((r) =>
    r.text(),
  );
  await begun;
  stop.abort();
  await assert.rejects(gone);
  await Promise.race([
    left,
    delay(10_000, undefined, { ref: false }).then(() => assert.fail("the server was not left")),
  ]);
});

test("INV-GOV-MCP-TUNNEL: no tunnel leads to a server's host and port, whatever the egress policy allows", async () => {
  const { port } = world.origin;
  const connect = async (authority: string): Promise<string> =>
    (await rawRequest(world.sidecar.port, `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`)).text;
  assert.match(await connect(`files.example:${port}`), /^HTTP\/1\.1 403 [^]*inference_only/);
  assert.match(await connect(`127.0.0.1:${port}`), /^HTTP\/1\.1 403 /);
  assert.match(await connect(`[::ffff:127.0.0.1]:${port}`), /^HTTP\/1\.1 403 /);
});

test("a deny rule of the egress policy wins over the governance policy's server", async () => {
  const answer = await mcpAgent(world.sidecar.agentPort, "denied").request("ping");
  assert.equal(answer.status, 403);
  assert.equal(errorOf(answer).data["code"], "denied_by_rule");
  assert.equal(world.origin.seen.length, 0);
});

test("without its credential nothing is sent", async () => {
  const answer = await mcpAgent(world.sidecar.agentPort, "keyless").request("ping");
  assert.equal(answer.status, 503);
  assert.equal(world.origin.seen.length, 0);
});

test(
  "a rule that comes ends the call that it denies, and a server that goes ends its streams",
  { timeout: 15_000 },
  async () => {
    const { files, origin, policy, sidecar } = world;
    const begun = Array.from({ length: 2 }, () => Promise.withResolvers<void>());
    origin.answer(({ message }, response) => {
      stream(response).write(": wait\n\n");
      begun[message?.["method"] === "ping" ? 1 : 0]?.resolve();
    });
    const denied = call("slow", {});
    await begun[0]?.promise;
    sidecar.publishGovernance(policy.map((line) => line.replace(", slow]", "]")));
    assert.equal(errorOf(await denied).data["code"], "governance_denied");

    const gone = files.request("ping");
    await begun[1]?.promise;
    const left = policy.filter((line) => !/id: (?:files|denied|keyless),/.test(line));
    sidecar.publishGovernance(left.map((line) => line.replace("[files, second]", "[second]")));
    assert.equal(errorOf(await gone).data["code"], "governance_denied");
    assert.equal((await files.request("ping")).status, 404);
  },
);

test(
  "INV-GOV-MCP-QUARANTINE: in quarantine nothing goes to a server any more, and what goes on ends",
  { timeout: 15_000 },
  async () => {
    const behavior = ["behavior:", "  - { id: probing, detector: denials, count: 3, response: { kind: quarantine } }"];
    await using own = await mcpWorld(behavior);
    const { promise: begun, resolve } = Promise.withResolvers<void>();
    own.origin.answer((_, response) => {
      stream(response).write(": wait\n\n");
      resolve();
    });
    const live = own.files.request("ping");
    await begun;
    for (let count = 0; count < 3; count++) await own.files.request("tools/call", { name: "write_file" });
    assert.equal(errorOf(await live).data["code"], "governance_denied");
    const before = own.origin.seen.length;
    for (const method of ["ping", "initialize", "tools/list"]) {
      assert.equal(errorOf(await own.files.request(method, {})).data["code"], "governance_denied", method);
    }
    assert.equal(own.origin.seen.length, before);
  },
);
