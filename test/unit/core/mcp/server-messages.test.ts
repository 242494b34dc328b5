import assert from "node:assert/strict";
import { test } from "node:test";
import { filterLists } from "../../../../router/core/mcp/filter-lists.ts";
import { inputRequests } from "../../../../router/core/mcp/input-requests.ts";
import { isLocalHost, isLocalOrigin } from "../../../../router/core/mcp/local-caller.ts";
import { mirrorProblem } from "../../../../router/core/mcp/mirrored-fields.ts";
import { OpenRequests } from "../../../../router/core/mcp/open-requests.ts";
import { isJsonObject, readRpcMessage } from "../../../../router/core/mcp/rpc-message.ts";
import { parseHost } from "../../../../router/core/wire/host.ts";

const octets = (text: string): Uint8Array => new TextEncoder().encode(text);

function filtered(result: string): string | undefined {
  const message = octets(`{"jsonrpc":"2.0","id":1,"result":${result}}`);
  const read = readRpcMessage([message]);
  assert.ok(read.ok && read.value.kind === "response" && read.value.result !== undefined);
  const { result: holder } = read.value;
  const kept = filterLists(message, holder, (_, item) => isJsonObject(item) && item["name"] === "ok");
  return kept.ok
    ? new TextDecoder().decode(kept.value).slice('{"jsonrpc":"2.0","id":1,"result":'.length, -1)
    : undefined;
}

const lists: readonly (readonly [name: string, result: string, expected: string | undefined])[] = [
  ["nothing to take away", '{"tools":[{"name":"ok"}],"a":1}', '{"tools":[{"name":"ok"}],"a":1}'],
  ["no list", '{"content":[]}', '{"content":[]}'],
  ["the first", '{"tools":[{"name":"no"},{"name":"ok"}]}', '{"tools":[{"name":"ok"}]}'],
  ["the last, and blanks", '{ "tools" : [ {"name":"ok"} , {"name":"no"} ] }', '{ "tools" : [{"name":"ok"}] }'],
  ["all", '{"tools":[{"name":"no"}]}', '{"tools":[]}'],
  [
    "brackets and quotes in texts",
    '{"tools":[{"name":"no","d":"]},{\\"[ \\\\"},{"name":"ok","d":"[\\\\\\""}]}',
    '{"tools":[{"name":"ok","d":"[\\\\\\""}]}',
  ],
  ["what is no object", '{"tools":["ok",1,null,[],{"name":"ok"}]}', '{"tools":[{"name":"ok"}]}'],
  [
    "every kind of list",
    '{"prompts":[{"name":"no"}],"x":[{"name":"no"}],"resources":[{}],"resourceTemplates":[1]}',
    '{"prompts":[],"x":[{"name":"no"}],"resources":[],"resourceTemplates":[]}',
  ],
  ["a list that is none", '{"tools":{"0":{"name":"no"}}}', undefined],
  ["a list in another case", '{"Tools":[{"name":"no"}]}', undefined],
  [
    "numbers beyond a double",
    '{"tools":[{"name":"no"},{"name":"ok","n":18446744073709551615}]}',
    '{"tools":[{"name":"ok","n":18446744073709551615}]}',
  ],
];
for (const [name, result, expected] of lists) {
  test(`a list is filtered: ${name}`, () => assert.equal(filtered(result), expected));
}

test("what a result asks of the agent is found, and what could hide it refused", () => {
  assert.deepEqual(inputRequests({ content: [] }), { ok: true, value: [] });
  const found = inputRequests({ inputRequests: { a: { method: "roots/list" }, b: { method: "x", params: { y: 1 } } } });
  assert.deepEqual(found.ok && found.value, [
    { method: "roots/list", params: {} },
    { method: "x", params: { y: 1 } },
  ]);
  const odd = [
    { InputRequests: {} },
    { inputRequests: [] },
    { inputRequests: { a: 1 } },
    { inputRequests: { a: { method: 1 } } },
  ];
  for (const result of odd) assert.equal(inputRequests(result).ok, false, JSON.stringify(result));
  const many = Object.fromEntries(Array.from({ length: 65 }, (_, at) => [`k${at}`, { method: "roots/list" }]));
  assert.equal(inputRequests({ inputRequests: many }).ok, false);
});

const CALL =
  '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"caf\u00e9","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}';
const mirrors: readonly (readonly [fields: Record<string, string | readonly string[]>, isRight: boolean])[] = [
  [{}, true],
  [{ "mcp-method": "tools/call", "mcp-protocol-version": "2026-07-28" }, true],
  [{ "mcp-name": "=?base64?Y2Fmw6k=?=" }, true],
  [{ "mcp-name": "=?base64?Y2Fmw6k?=" }, true],
  [{ "mcp-name": "=?base64?Y2Fm!?=" }, false],
  [{ "mcp-name": "=?base64?/w==?=" }, false],
  [{ "mcp-name": "caf\u00e9" }, false],
  [{ "mcp-name": "cafe" }, false],
  [{ "mcp-method": "Tools/Call" }, false],
  [{ "mcp-method": ["tools/call", "tools/call"] }, false],
  [{ "mcp-protocol-version": "2025-11-25" }, false],
];
for (const [fields, isRight] of mirrors) {
  test(`fields that repeat a message are ${isRight ? "right" : "wrong"}: ${JSON.stringify(fields)}`, () => {
    const message = readRpcMessage([octets(CALL)]);
    assert.ok(message.ok);
    const list = Object.entries(fields).flatMap(([name, value]) =>
      [value].flat().map((one) => ({ name, rawName: name, value: one })),
    );
    assert.equal(mirrorProblem({ fields: list }, message.value) === undefined, isRight);
  });
}

test("a field that repeats a message says nothing of an answer", () => {
  const message = readRpcMessage([octets('{"jsonrpc":"2.0","id":1,"result":{}}')]);
  assert.ok(message.ok);
  const fields = [{ name: "mcp-method", rawName: "Mcp-Method", value: "tools/call" }];
  assert.notEqual(mirrorProblem({ fields }, message.value), undefined);
});

const callers: readonly (readonly [origin: string, isLocal: boolean])[] = [
  ["http://localhost", true],
  ["http://localhost:8080", true],
  ["https://127.0.0.1:1", true],
  ["http://[::1]:3000", true],
  ["null", false],
  ["", false],
  ["http://localhost.evil.example", false],
  ["http://evil.example", false],
  ["http://127.0.0.1.evil.example", false],
  ["http://localhost@evil.example", false],
  ["http://localhost/", false],
  ["file://localhost", false],
  ["http://[::ffff:127.0.0.1]", false],
  ["http://0x7f.1", false],
  ["http://0.0.0.0", false],
];
for (const [origin, isLocal] of callers) {
  test(`the origin "${origin}" is ${isLocal ? "local" : "foreign"}`, () =>
    assert.equal(isLocalOrigin(origin), isLocal));
}

test("a host is local by its name or address alone", () => {
  const local = (text: string): boolean => {
    const host = parseHost(text);
    return host.ok && isLocalHost(host.value);
  };
  assert.deepEqual(["localhost", "LOCALHOST.", "127.9.9.9", "[::1]", "pod.local", "10.0.0.1", "[::]"].map(local), [
    true,
    true,
    true,
    true,
    false,
    false,
    false,
  ]);
});

test("an answer is taken once, in its session, in time; what gives way is over", () => {
  const over: string[] = [];
  const open = new OpenRequests<string>(2, 100, (entry) => over.push(entry));
  open.add("s", 1, "a", 0);
  assert.equal(open.take("t", 1, 1), undefined);
  assert.equal(open.take("s", "1", 1), undefined);
  assert.equal(open.take("s", 1, 1), "a");
  assert.equal(open.take("s", 1, 1), undefined);
  open.add("s", 1, "b", 0);
  open.add("s", 1, "c", 0);
  assert.deepEqual(over, ["b"]);
  open.add("s", 2, "d", 10);
  open.add("s", 3, "e", 20);
  assert.deepEqual(over, ["b", "c"]);
  assert.equal(open.take("s", 2, 110), undefined);
  assert.deepEqual(over, ["b", "c", "d"]);
  open.drop((entry) => entry === "e");
  assert.deepEqual([over, open.size], [["b", "c", "d", "e"], 0]);
});

test("an answer that never comes is over by time alone", () => {
  const over: string[] = [];
  const open = new OpenRequests<string>(8, 100, (entry) => over.push(entry));
  open.add("s", 1, "a", 0);
  open.add("s", 2, "b", 50);
  open.expire(99);
  assert.deepEqual(over, []);
  open.expire(100);
  assert.deepEqual([over, open.size], [["a"], 1]);
  open.expire(150);
  assert.deepEqual([over, open.size], [["a", "b"], 0]);
});
