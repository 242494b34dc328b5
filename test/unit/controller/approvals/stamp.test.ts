import assert from "node:assert/strict";
import { test } from "node:test";
import { stampApproval } from "../../../../controller/approvals/stamp.ts";

const add = (value: string): object => ({ patch: [{ op: "add", path: "/spec/requestedBy", value }] });
const NOTHING = { patch: [] };
const bound = (spec: unknown): object => ({ kind: "EgressApproval", spec });

const ROWS: readonly { name: string; object: unknown; username: string; expected: object | RegExp }[] = [
  { name: "nobody named", object: bound({}), username: "alice", expected: add("alice") },
  { name: "null is nobody", object: bound({ requestedBy: null }), username: "alice", expected: add("alice") },
  { name: "oneself", object: bound({ requestedBy: "alice" }), username: "alice", expected: NOTHING },
  {
    name: "a service account",
    object: bound({}),
    username: "system:serviceaccount:research:agent",
    expected: add("system:serviceaccount:research:agent"),
  },
  { name: "the longest name", object: bound({}), username: "x".repeat(253), expected: add("x".repeat(253)) },
  {
    name: "somebody else",
    object: bound({ requestedBy: "bob" }),
    username: "alice",
    expected: /is "bob", and "alice" asks/,
  },
  { name: "another case", object: bound({ requestedBy: "Alice" }), username: "alice", expected: /is "Alice"/ },
  { name: "nothing at all", object: bound({ requestedBy: "" }), username: "alice", expected: /is "", and/ },
  { name: "a list", object: bound({ requestedBy: ["alice"] }), username: "alice", expected: /no name at all/ },
  {
    name: "steering text",
    object: bound({ requestedBy: "\u001b[2J" }),
    username: "alice",
    expected: /is "\\u\{1b\}\[2J"/,
  },
  {
    name: "an inherited name",
    object: bound({ __proto__: { requestedBy: "alice" } }),
    username: "bob",
    expected: add("bob"),
  },
  { name: "nobody asks", object: bound({}), username: "", expected: /does not say who asks/ },
  { name: "a name too long", object: bound({}), username: "x".repeat(254), expected: /longer than 253/ },
  { name: "an invisible name", object: bound({}), username: "ali\u200bce", expected: /not printable/ },
  { name: "no spec", object: {}, username: "alice", expected: /has a spec/ },
  { name: "a list for a spec", object: bound([]), username: "alice", expected: /has a spec/ },
  { name: "no object", object: null, username: "alice", expected: /has a spec/ },
  { name: "a text", object: "spec", username: "alice", expected: /has a spec/ },
];

for (const { name, object, username, expected } of ROWS) {
  test(`who asked: ${name}`, () => {
    const stamped = stampApproval(object, username);
    if (!(expected instanceof RegExp)) assert.deepEqual(stamped, expected);
    else assert.match("refused" in stamped ? stamped.refused : JSON.stringify(stamped), expected);
  });
}
