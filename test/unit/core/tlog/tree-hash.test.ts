import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { test } from "node:test";
import { EMPTY_ROOT, isTreeHash } from "../../../../router/core/tlog/tree-hash.ts";
import { nodeHash } from "../../../../router/edge/audit/node-hash.ts";

const rows: readonly [name: string, text: string, isHash: boolean][] = [
  ["the empty root", EMPTY_ROOT, true],
  ["all digits", "0123456789abcdef".repeat(4), true],
  ["nothing", "", false],
  ["one digit less", "a".repeat(63), false],
  ["one digit more", "a".repeat(65), false],
  ["upper case", "A".repeat(64), false],
  ["another letter", "g".repeat(64), false],
  ["a newline behind it", `${"a".repeat(64)}\n`, false],
  ["a space before it", ` ${"a".repeat(63)}`, false],
  ["digits of another script", "\u0660".repeat(64), false],
];

for (const [name, text, isHash] of rows) {
  test(`isTreeHash: ${name}`, () => assert.equal(isTreeHash(text), isHash));
}

test("the empty root is SHA-256 of nothing", () => assert.equal(EMPTY_ROOT, hash("sha256", "", "hex")));

test("a node is hashed as 0x01 and two hashes, never as a leaf is", () => {
  const [left, right] = ["11".repeat(32), "22".repeat(32)];
  const octets = Buffer.from(left + right, "hex");
  const withPrefix = (prefix: number): string => hash("sha256", Buffer.concat([Buffer.of(prefix), octets]), "hex");
  assert.equal(nodeHash(left, right), withPrefix(1));
  assert.notEqual(nodeHash(left, right), withPrefix(0));
  assert.notEqual(nodeHash(left, right), nodeHash(right, left));
});
