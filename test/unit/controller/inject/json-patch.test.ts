import assert from "node:assert/strict";
import { test } from "node:test";
import { jsonPatch } from "../../../../controller/inject/json-patch.ts";
import type { JsonObject } from "../../../../controller/pod/pod.ts";
import { applyJsonPatch } from "./apply-json-patch.ts";

const a = { name: "a", value: 1 };
const b = { name: "b", value: 2 };
const c = { name: "c", value: 3 };
const again = { name: "a" };
const numbered = { name: 1 };

const many = (name: string, count: number) =>
  Array.from({ length: count }, (_, index) => ({ name: `${name}${index}` }));

interface Row {
  readonly name: string;
  readonly before: JsonObject;
  readonly after: JsonObject;
  readonly expected: readonly (readonly [op: string, path: string])[];
}

const rows: readonly Row[] = [
  { name: "nothing", before: { x: 1 }, after: { x: 1 }, expected: [] },
  {
    name: "equal parts that are not the same object",
    before: { x: [{ y: [1] }] },
    after: { x: [{ y: [1] }] },
    expected: [],
  },
  { name: "a member more", before: {}, after: { x: { y: 1 } }, expected: [["add", "/x"]] },
  { name: "a member less", before: { x: 1, y: 2 }, after: { y: 2 }, expected: [["remove", "/x"]] },
  {
    name: "a member that is undefined is none",
    before: { x: 1 },
    after: { x: undefined },
    expected: [["remove", "/x"]],
  },
  { name: "another value", before: { x: { y: 1 } }, after: { x: { y: 2 } }, expected: [["replace", "/x/y"]] },
  { name: "null is a value", before: { x: null }, after: { x: {} }, expected: [["replace", "/x"]] },
  { name: "a list for an object", before: { x: {} }, after: { x: [] }, expected: [["replace", "/x"]] },
  {
    name: "names with / and ~ (RFC 6901, section 3)",
    before: { "a/b": 1, "m~n": 2, "~1": 3 },
    after: { "a/b": 2, "m~n": 3, "~1": 4, "/~0": 5, "": 6 },
    expected: [
      ["replace", "/a~1b"],
      ["replace", "/m~0n"],
      ["replace", "/~01"],
      ["add", "/~1~00"],
      ["add", "/"],
    ],
  },
  {
    name: "items in front",
    before: { x: [c] },
    after: { x: [a, b, c] },
    expected: [
      ["add", "/x/0"],
      ["add", "/x/1"],
    ],
  },
  {
    name: "items behind",
    before: { x: [a] },
    after: { x: [a, b, c] },
    expected: [
      ["add", "/x/1"],
      ["add", "/x/2"],
    ],
  },
  {
    name: "items gone",
    before: { x: [a, b, c] },
    after: { x: [b] },
    expected: [
      ["remove", "/x/0"],
      ["remove", "/x/1"],
    ],
  },
  {
    name: "all items gone",
    before: { x: [a, b] },
    after: { x: [] },
    expected: [
      ["remove", "/x/0"],
      ["remove", "/x/0"],
    ],
  },
  {
    name: "an item that changed is changed where it stands",
    before: { x: [a, b] },
    after: { x: [c, a, { name: "b", value: 9 }] },
    expected: [
      ["add", "/x/0"],
      ["replace", "/x/2/value"],
    ],
  },
  {
    name: "out, in and changed",
    before: { x: [a, { name: "old" }, b] },
    after: { x: [c, { ...a, more: 1 }, { name: "new" }, b] },
    expected: [
      ["add", "/x/0"],
      ["add", "/x/1/more"],
      ["remove", "/x/2"],
      ["add", "/x/2"],
    ],
  },
  {
    name: "another order: place by place",
    before: { x: [a, b] },
    after: { x: [b, a] },
    expected: [
      ["replace", "/x/0/name"],
      ["replace", "/x/0/value"],
      ["replace", "/x/1/name"],
      ["replace", "/x/1/value"],
    ],
  },
  {
    name: "a name twice: what stays at both ends stays",
    before: { x: [a, again, b] },
    after: { x: [a, again, c, b] },
    expected: [["add", "/x/2"]],
  },
  {
    name: "no names, as many: place by place",
    before: { x: [1, 2, { y: 3 }, 4] },
    after: { x: [1, 9, { y: 8 }, 4] },
    expected: [
      ["replace", "/x/1"],
      ["replace", "/x/2/y"],
    ],
  },
  {
    name: "no names, not as many: another list",
    before: { x: [1, 2, 3, 9] },
    after: { x: [1, 4, 9] },
    expected: [["replace", "/x"]],
  },
  {
    name: "more than a hundred in and out: another list",
    before: { x: many("a", 50) },
    after: { x: many("b", 51) },
    expected: [["replace", "/x"]],
  },
  {
    name: "a hundred in and out: one by one",
    before: { x: many("a", 50) },
    after: { x: many("b", 50) },
    expected: [
      ...many("a", 50).map(() => ["remove", "/x/0"] as const),
      ...many("b", 50).map((_, at) => ["add", `/x/${at}`] as const),
    ],
  },
  {
    name: "a name that is no text",
    before: { x: [numbered] },
    after: { x: [numbered, a] },
    expected: [["add", "/x/1"]],
  },
];

for (const { name, before, after, expected } of rows) {
  test(`patch: ${name}`, () => {
    const patch = jsonPatch(before, after);
    assert.deepEqual(
      patch.map(({ op, path }) => [op, path]),
      expected,
    );
    const wire: unknown = JSON.parse(JSON.stringify(after));
    assert.deepEqual(applyJsonPatch(before, JSON.parse(JSON.stringify(patch))), wire);
  });
}

test("members named like what objects inherit are members like others", () => {
  const before = JSON.parse('{"labels":{"__proto__":"x","constructor":"y"}}') as JsonObject;
  const after = JSON.parse('{"labels":{"__proto__":"z","toString":"t"}}') as JsonObject;
  const patch = jsonPatch(before, after);
  assert.deepEqual(
    patch.map(({ op, path }) => [op, path]),
    [
      ["remove", "/labels/constructor"],
      ["replace", "/labels/__proto__"],
      ["add", "/labels/toString"],
    ],
  );
  assert.equal(JSON.stringify(applyJsonPatch(before, patch)), JSON.stringify(after));
});

test("what is the same object is passed over unread, however deep and large", () => {
  const parse = (text: string): unknown => JSON.parse(text);
  const deep = parse(`${"[".repeat(100_000)}${"]".repeat(100_000)}`);
  assert.deepEqual(jsonPatch({ deep, x: 1 }, { deep, x: 2 }), [{ op: "replace", path: "/x", value: 2 }]);
});
