import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { actionForm } from "../../../../router/core/approval/action-form.ts";
import { readAction } from "../../../../router/core/governance/read-action.ts";
import type { Json } from "../../../../router/core/json/json.ts";

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

function formOf(value: Json): string | undefined {
  const action = readAction(value);
  assert.ok(action.ok);
  return actionForm(action.value, sha256);
}

const call = (text: string): Json => ({
  kind: "tool",
  server: "github",
  tool: "create_issue",
  arguments: JSON.parse(text) as Json,
});
const egress = { kind: "egress", host: "api.example.com", port: 443, protocol: "tls" };
const http = { kind: "egress", host: "web.example", port: 80, protocol: "http", method: "GET", path: "/a" };
const exec = { kind: "exec", program: "/usr/bin/git", argv: ["push"], directory: "/work" };

const same: readonly (readonly [name: string, one: Json, other: Json])[] = [
  ["arguments in another order", call('{"a":1,"b":{"x":[1],"y":2}}'), call('{"b":{"y":2,"x":[1]},"a":1}')],
  ["a number in another spelling", call('{"n":100}'), call('{"n":1e2}')],
  ["an escape", call('{"t":"\\u0041"}'), call('{"t":"A"}')],
  ["minus nothing", call('{"n":-0}'), call('{"n":0}')],
  ["a host in capitals", egress, { ...egress, host: "API.example.com." }],
  ["the model that asks", call("{}"), { ...(call("{}") as object), model: "gpt-5" }],
  ["what nothing binds to", { kind: "inference", model: "m" }, { kind: "inference", model: "m", bytes: 7 }],
];
for (const [name, one, other] of same) {
  test(`${name}: the same form`, () => {
    assert.notEqual(formOf(one), undefined);
    assert.equal(formOf(one), formOf(other));
  });
}

const different: readonly (readonly [name: string, one: Json, other: Json])[] = [
  ["one argument changed", call('{"a":1}'), call('{"a":2}')],
  ["one argument more", call('{"a":1}'), call('{"a":1,"b":null}')],
  ["a text for a number", call('{"a":1}'), call('{"a":"1"}')],
  ["another order of a list", call('{"a":[1,2]}'), call('{"a":[2,1]}')],
  ["another normal form of Unicode", call('{"a":"\u00e9"}'), call('{"a":"e\u0301"}')],
  ["__proto__", call('{"__proto__":{"a":1}}'), call("{}")],
  ["another tool", call("{}"), { ...(call("{}") as object), tool: "delete_issue" }],
  ["another server", call("{}"), { ...(call("{}") as object), server: "gitlab" }],
  ["another port", egress, { ...egress, port: 8443 }],
  ["another protocol", egress, { ...egress, protocol: "tcp" }],
  ["another host", egress, { ...egress, host: "api.example.org" }],
  ["another path", http, { ...http, path: "/a/" }],
  ["another method", http, { ...http, method: "POST" }],
  ["a path in another spelling", http, { ...http, path: "/%61" }],
  ["other arguments of a program", exec, { ...exec, argv: ["push", "--force"] }],
  ["arguments joined", { ...exec, argv: ["a", "b"] }, { ...exec, argv: ["a b"] }],
  ["no directory", exec, { kind: "exec", program: "/usr/bin/git", argv: ["push"] }],
];
for (const [name, one, other] of different) {
  test(`${name}: another form`, () => {
    assert.notEqual(formOf(one), undefined);
    assert.notEqual(formOf(other), undefined);
    assert.notEqual(formOf(one), formOf(other));
  });
}

const formless: readonly (readonly [name: string, action: Json])[] = [
  ["a call without arguments", { kind: "tool", server: "a", tool: "b" }],
  ["a call of no server", { kind: "tool", tool: "b", arguments: {} }],
  ["a number that is two numbers to others", call('{"n":9007199254740993}')],
  ["such a number deep inside", call('{"a":[{"n":-1e300}]}')],
  ["a number that is infinite", call('{"n":1e400}')],
  ["half of a character", call('{"t":"\\ud800"}')],
  ["half of a character in a name", call('{"\\udc00":1}')],
  ["40 levels", call(`${"[".repeat(40)}${"]".repeat(40)}`)],
  ["egress without a port", { kind: "egress", host: "a.example", protocol: "tls" }],
  ["egress without a protocol", { kind: "egress", host: "a.example", port: 443 }],
  ["http without a path", { ...http, path: undefined } as unknown as Json],
  ["a tunnel with a method", { ...egress, method: "GET" }],
  ["a program without arguments", { kind: "exec", program: "/bin/sh" }],
  ["a message to nobody", { kind: "mesh.send", topic: "x" }],
  ["nothing", { kind: "admin" }],
];
for (const [name, action] of formless) {
  test(`${name}: nothing could be bound`, () => {
    assert.equal(formOf(action), undefined);
  });
}
