import assert from "node:assert/strict";
import { test } from "node:test";
import { redactedArguments } from "../../../../router/core/governance/redacted-arguments.ts";
import type { Json } from "../../../../router/core/json/json.ts";

const digest = (text: string): string => `<${text}>`;

const rows: readonly (readonly [name: string, Json, pointers: readonly string[], Json])[] = [
  ["nothing to hide", { a: 1 }, [], { a: 1 }],
  ["a member", { token: "s", a: 1 }, ["/token"], { token: 'sha256:<"s">', a: 1 }],
  ["what is not there", { a: 1 }, ["/token", "/a/b"], { a: 1 }],
  ["within a list", { keys: ["x", "y"] }, ["/keys/1"], { keys: ["x", 'sha256:<"y">'] }],
  ["an index with a leading zero is none", { keys: ["x"] }, ["/keys/00"], { keys: ["x"] }],
  ["an object as a whole", { auth: { user: "u", key: "k" } }, ["/auth"], { auth: 'sha256:<{"user":"u","key":"k"}>' }],
  ["an outer one hides what is in it", { a: { b: "s" } }, ["/a", "/a/b"], { a: 'sha256:<{"b":"s"}>' }],
  ["an inner one first", { a: { b: "s" } }, ["/a/b", "/a"], { a: 'sha256:<{"b":"sha256:<\\"s\\">"}>' }],
  ["all of it", { a: 1 }, [""], 'sha256:<{"a":1}>'],
  ["escapes of a pointer", { "a/b": { "~": "s" } }, ["/a~1b/~0"], { "a/b": { "~": 'sha256:<"s">' } }],
];
for (const [name, value, pointers, expected] of rows) {
  test(`arguments for a record: ${name}`, () => {
    const before = JSON.stringify(value);
    assert.deepEqual(redactedArguments(value, pointers, digest), expected);
    assert.equal(JSON.stringify(value), before);
  });
}

test("a member called __proto__ is a member", () => {
  const value = JSON.parse('{"__proto__":{"key":"s"},"a":1}') as Json;
  const text = JSON.stringify(redactedArguments(value, ["/__proto__/key"], digest));
  assert.equal(text, '{"__proto__":{"key":"sha256:<\\"s\\">"},"a":1}');
});
