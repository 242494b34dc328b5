import assert from "node:assert/strict";
import { test } from "node:test";
import { agentCall, isCallable, serverCall } from "../../../../router/core/mcp/agent-call.ts";
import { idKey, readRpcMessage, type RpcMessage } from "../../../../router/core/mcp/rpc-message.ts";

const octets = (text: string): Uint8Array => new TextEncoder().encode(text);

function read(text: string): RpcMessage {
  const message = readRpcMessage([octets(text)]);
  assert.ok(message.ok, message.ok ? "" : message.problem.sentence);
  return message.value;
}

const messages: readonly (readonly [text: string, kind: RpcMessage["kind"], id: unknown])[] = [
  ['{"jsonrpc":"2.0","id":1,"method":"ping"}', "request", 1],
  [' {"method":"ping","id":"a","jsonrpc":"2.0"}\n', "request", "a"],
  ['{"jsonrpc":"2.0","id":"","method":"ping"}', "request", ""],
  ['{"jsonrpc":"2.0","id":-9007199254740991,"method":"ping","params":{}}', "request", -9_007_199_254_740_991],
  ['{"jsonrpc":"2.0","id":1e1,"method":"ping"}', "request", 10],
  ['{"jsonrpc":"2.0","id":-0,"method":"ping"}', "request", 0],
  ['{"jsonrpc":"2.0","method":"notifications/initialized"}', "notification", undefined],
  ['{"jsonrpc":"2.0","id":1,"result":{}}', "response", 1],
  ['{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":""}}', "response", 1],
  ['{"jsonrpc":"2.0","id":null,"error":{"code":-1,"message":""}}', "response", undefined],
];
for (const [text, kind, id] of messages) {
  test(`reads ${text.trim()}`, () => {
    const message = read(text);
    assert.equal(message.kind, kind);
    assert.equal("id" in message ? message.id : undefined, id);
  });
}

const problems: readonly (readonly [text: string, kind: "parse" | "invalid", sentence: RegExp])[] = [
  ["[]", "invalid", /batches/],
  ["1", "invalid", /batches/],
  ["", "parse", /ends before/],
  ["{}", "invalid", /jsonrpc/],
  ['{"jsonrpc":2.0,"id":1,"method":"ping"}', "invalid", /jsonrpc/],
  ['{"jsonrpc":"2.0"}', "invalid", /method, or a result/],
  ['{"jsonrpc":"2.0","id":1}', "invalid", /method, or a result/],
  ['{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":""}}', "invalid", /method, or a result/],
  ['{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}', "invalid", /method, or a result/],
  ['{"jsonrpc":"2.0","id":1,"result":{},"params":{}}', "invalid", /method, or a result/],
  ['{"jsonrpc":"2.0","id":1,"result":[]}', "invalid", /result is an object/],
  ['{"jsonrpc":"2.0","id":1,"error":{"code":"1","message":""}}', "invalid", /error is malformed/],
  ['{"jsonrpc":"2.0","id":null,"result":{}}', "invalid", /id is/],
  ['{"jsonrpc":"2.0","id":null,"method":"ping"}', "invalid", /id is/],
  ['{"jsonrpc":"2.0","id":true,"method":"ping"}', "invalid", /id is/],
  ['{"jsonrpc":"2.0","id":0.5,"method":"ping"}', "invalid", /id is/],
  ['{"jsonrpc":"2.0","id":9007199254740992,"method":"ping"}', "invalid", /id is/],
  ['{"jsonrpc":"2.0","id":1e400,"method":"ping"}', "invalid", /id is/],
  ['{"jsonrpc":"2.0","id":{},"method":"ping"}', "invalid", /id is/],
  [`{"jsonrpc":"2.0","id":"${"x".repeat(257)}","method":"ping"}`, "invalid", /id is/],
  ['{"jsonrpc":"2.0","id":"\\ud800","method":"ping"}', "invalid", /id is/],
  ['{"jsonrpc":"2.0","id":1,"method":""}', "invalid", /method is/],
  ['{"jsonrpc":"2.0","id":1,"method":"p\u00efng"}', "invalid", /method is/],
  ['{"jsonrpc":"2.0","id":1,"method":"ping ping"}', "invalid", /method is/],
  ['{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}', "invalid", /Params/],
  ['{"jsonrpc":"2.0","id":1,"method":"ping","params":null}', "invalid", /Params/],
  ['{"jsonrpc":"2.0","id":1,"method":"ping","more":1}', "invalid", /no members but/],
  ['{"jsonrpc":"2.0","id":1,"ID":2,"method":"ping"}', "parse", /different names/],
  ['{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":{"b":1,"b":2}}}', "parse", /same name/],
  ['{"jsonrpc":"2.0","id":1,"method":"ping",}', "parse", /well-formed/],
  ['{"jsonrpc":"2.0","id":01,"method":"ping"}', "parse", /well-formed/],
  ["{'jsonrpc':'2.0'}", "parse", /well-formed/],
];
for (const [text, kind, sentence] of problems) {
  test(`refuses ${text.slice(0, 80)}`, () => {
    const message = readRpcMessage([octets(text)]);
    assert.ok(!message.ok);
    assert.equal(message.problem.kind, kind);
    assert.match(message.problem.sentence, sentence);
  });
}

test("a problem names the id where it has one, so that it can be answered", () => {
  const message = readRpcMessage([octets('{"jsonrpc":"2.0","id":"x","method":"ping","params":1}')]);
  assert.equal(!message.ok && message.problem.id, "x");
});

test("an id is the same as itself and as no other", () => {
  const ids = [1, "1", "#1", '"1', "", 0, "0"];
  assert.equal(new Set(ids.map(idKey)).size, ids.length);
});

const calls: readonly (readonly [method: string, params: string | undefined, expected: unknown])[] = [
  ["initialize", "{}", { kind: "pass" }],
  ["tools/list", undefined, { kind: "pass" }],
  ["tools/call", '{"name":"a"}', { kind: "judged", tool: "a", arguments: {} }],
  ["tools/call", '{"name":"a","arguments":{"x":[1]},"_meta":{}}', { kind: "judged", tool: "a", arguments: { x: [1] } }],
  [
    "resources/read",
    '{"uri":"a","_meta":{"t":1}}',
    { kind: "judged", tool: "resources/read", arguments: { uri: "a" } },
  ],
  ["prompts/get", '{"name":"a"}', { kind: "judged", tool: "prompts/get", arguments: { name: "a" } }],
  ["tasks/cancel", undefined, { kind: "judged", tool: "tasks/cancel", arguments: {} }],
  ["tools/other", undefined, { kind: "judged", tool: "tools/other", arguments: {} }],
  ["subscriptions/listen", '{"notifications":{"toolsListChanged":true}}', { kind: "pass" }],
  [
    "subscriptions/listen",
    '{"notifications":{"resourceSubscriptions":["a"]}}',
    { kind: "judged", tool: "subscriptions/listen", arguments: { notifications: { resourceSubscriptions: ["a"] } } },
  ],
  [
    "subscriptions/listen",
    '{"notifications":1}',
    { kind: "judged", tool: "subscriptions/listen", arguments: { notifications: 1 } },
  ],
  ["tools/call", undefined, -32_602],
  ["tools/call", '{"name":""}', -32_602],
  ["tools/call", '{"name":["a"]}', -32_602],
  ["tools/call", '{"name":"resources/read"}', -32_602],
  ["tools/call", '{"name":"sampling/createMessage"}', -32_602],
  ["tools/call", '{"name":"a","arguments":null}', -32_602],
  ["tools/call", '{"name":"a","Arguments":{}}', -32_602],
  ["tools/call", '{"name":"a","NAME":"b"}', -32_602],
  ["tools/call", '{"name":"a","\\u017f":1,"s":1}', -32_602],
  ["tools/call", '{"name":"a","arguments":{"n":1e400}}', -32_602],
  ["tools/call", '{"name":"a","arguments":{"\\ud800":1}}', -32_602],
  ["resources/read", '{"uri":"a","Uri":"b"}', -32_602],
  ["tools/call ", undefined, "parse"],
  ["Tools/call", '{"name":"a"}', -32_601],
  ["read_file", "{}", -32_601],
  ["notifications/initialized", undefined, -32_601],
  ["rpc.discover", undefined, -32_601],
];
for (const [method, params, expected] of calls) {
  test(`${method} ${params ?? ""} is ${JSON.stringify(expected)}`, () => {
    const text = `{"jsonrpc":"2.0","id":1,"method":"${method}"${params === undefined ? "" : `,"params":${params}`}}`;
    const message = readRpcMessage([octets(text)]);
    if (!message.ok) {
      // A name that readers take for different ones may be found before the message is taken apart.
      assert.ok(expected === "parse" || text.includes("\\ud800"), message.problem.sentence);
      return;
    }
    assert.ok(message.value.kind === "request");
    const call = agentCall(message.value);
    assert.deepEqual(call.ok ? call.value : call.problem.code, expected);
  });
}

test("what a server asks is judged under its method, but for a ping", () => {
  assert.deepEqual(serverCall("ping", {}), { kind: "pass" });
  assert.deepEqual(serverCall("roots/list", { _meta: {} }), { kind: "judged", tool: "roots/list", arguments: {} });
  assert.deepEqual(serverCall("initialize", {}), { kind: "judged", tool: "initialize", arguments: {} });
});

test("no tool with a method's name can be called, and so none is listed", () => {
  assert.deepEqual(["a", "a/b", "tools/x", "prompts/get", "", "x".repeat(257), 1, undefined].map(isCallable), [
    true,
    true,
    false,
    false,
    false,
    false,
    false,
    false,
  ]);
});
