import assert from "node:assert/strict";
import { test } from "node:test";
import { editMembers, type MemberChange } from "../../../../router/core/json/member-edit.ts";
import { scanPlan } from "../../../../router/core/json/scan-plan.ts";
import { type Edit, splice } from "../../../../router/core/json/splice.ts";
import { inPieces, scanChunks } from "./scan-text.ts";

const textOf = (chunks: readonly Uint8Array[]): string => Buffer.concat([...chunks]).toString();

const spliced: readonly (readonly [name: string, edits: readonly Edit[], text: string])[] = [
  ["nothing", [], "0123456789"],
  ["an insertion at the beginning", [{ at: 0, end: 0, text: "é" }], "é0123456789"],
  ["an insertion at the end", [{ at: 10, end: 10, text: "x" }], "0123456789x"],
  ["a removal over chunks", [{ at: 1, end: 9, text: "" }], "09"],
  ["all of it", [{ at: 0, end: 10, text: "x" }], "x"],
  ["a replacement by octets", [{ at: 3, end: 4, text: Uint8Array.of(0x61, 0x62) }], "012ab456789"],
  [
    "neighbours",
    [
      { at: 2, end: 4, text: "a" },
      { at: 4, end: 4, text: "b" },
      { at: 4, end: 6, text: "c" },
    ],
    "01abc6789",
  ],
  [
    "two in one chunk",
    [
      { at: 0, end: 1, text: "a" },
      { at: 2, end: 3, text: "b" },
    ],
    "a1b3456789",
  ],
];
for (const [name, edits, text] of spliced) {
  test(`splice: ${name}`, () => {
    for (const size of [1, 2, 3, 4, 10]) {
      const chunks = inPieces(Buffer.from("0123456789"), size);
      const result = splice([new Uint8Array(0), ...chunks, new Uint8Array(0)], edits);
      assert.equal(textOf(result.chunks), text);
      assert.equal(result.length, Buffer.byteLength(text));
      assert.ok(result.chunks.every((chunk) => chunk.length > 0));
    }
  });
}

test("splice copies nothing: the chunks themselves, or views of them", () => {
  const chunks = inPieces(Buffer.from("0123456789"), 4);
  const result = splice(chunks, [{ at: 5, end: 6, text: "x" }]);
  assert.equal(result.chunks[0], chunks[0]);
  assert.equal(result.chunks.at(-1), chunks[2]);
  assert.deepEqual(
    result.chunks.map((chunk) => chunks.findIndex(({ buffer }) => buffer === chunk.buffer)),
    [0, 1, -1, 1, 2],
  );
});

const bugs: readonly (readonly [name: string, edits: readonly Edit[]])[] = [
  ["beyond the end", [{ at: 11, end: 11, text: "" }]],
  ["to beyond the end", [{ at: 9, end: 11, text: "" }]],
  ["backwards", [{ at: 5, end: 4, text: "" }]],
  ["before the beginning", [{ at: -1, end: 4, text: "" }]],
  [
    "overlapping",
    [
      { at: 1, end: 5, text: "" },
      { at: 4, end: 6, text: "" },
    ],
  ],
  [
    "in disorder",
    [
      { at: 8, end: 9, text: "" },
      { at: 1, end: 2, text: "" },
    ],
  ],
];
for (const [name, edits] of bugs) {
  test(`splice throws on edits ${name}`, () => {
    for (const size of [1, 3, 10]) assert.throws(() => splice(inPieces(Buffer.from("0123456789"), size), edits));
  });
}

const PLAN = scanPlan({
  capture: new Map([
    ["a", 20],
    ["b", 20],
    ["c", 20],
    ["é", 20],
  ]),
  count: new Set(),
  depth: 8,
});
const set = (name: string, text: string): MemberChange => ({ name, text });
const remove = (name: string): MemberChange => ({ name, text: undefined });

const edited: readonly (readonly [text: string, changes: readonly MemberChange[], edited: string])[] = [
  ['{"a":1}', [], '{"a":1}'],
  ["{}", [set("a", "1")], '{"a":1}'],
  ["{ }", [set("b", "[]"), set("a", "1")], '{"b":[],"a":1 }'],
  ["{}", [remove("a")], "{}"],
  ['{"a":1}', [set("a", '"x"')], '{"a":"x"}'],
  ['{ "a" : 1 }', [set("a", '"x"')], '{ "a" : "x" }'],
  ['{"x":1}', [set("a", "2"), set("é", '"ü"')], '{"a":2,"é":"ü","x":1}'],
  ['{"a":1}', [remove("a")], "{}"],
  ['{ "a" : 1 }', [remove("a")], "{  }"],
  ['{"a":1}', [remove("a"), set("b", "2")], '{"b":2}'],
  ['{"a":1,"x":2}', [remove("a")], '{"x":2}'],
  ['{"x":1,"a":2}', [remove("a")], '{"x":1}'],
  ['{"x":1,"a":2,"y":3}', [remove("a")], '{"x":1,"y":3}'],
  ['{"a":1,"b":2}', [remove("b"), remove("a")], "{}"],
  ['{"a":1,"x":2,"b":3}', [remove("a"), remove("b")], '{"x":2}'],
  ['{"x":0,"a":1,"b":2}', [remove("a"), remove("b")], '{"x":0}'],
  ['{"a":1,"b":2,"x":0}', [remove("a"), remove("b")], '{"x":0}'],
  ['{"a":1,"b":2,"c":3}', [remove("a"), remove("c"), set("b", "4")], '{"b":4}'],
  ['{"a":1,"b":2,"c":3}', [remove("b"), set("a", "4"), set("c", "5")], '{"a":4,"c":5}'],
  ['{"a":1,"b":2,"c":3}', [remove("a"), remove("b"), remove("c"), set("é", "0")], '{"é":0}'],
  ['{"a":1 , "b":2 , "x":3 , "c":4}', [remove("b"), remove("c"), set("é", "0")], '{"é":0,"a":1 ,  "x":3 }'],
  ['{"\\u0061":1,"x":2}', [set("a", "3")], '{"\\u0061":3,"x":2}'],
];
for (const [text, changes, expected] of edited) {
  test(`edit: ${text} with ${JSON.stringify(changes)}`, () => {
    for (const size of [1, 3, 100]) {
      const chunks = inPieces(Buffer.from(text), size);
      const found = scanChunks(PLAN, chunks);
      assert.ok(found.ok);
      for (const order of [changes, changes.toReversed()]) {
        const result = splice(chunks, editMembers(found.value, order));
        assert.deepEqual(JSON.parse(textOf(result.chunks)), JSON.parse(expected));
        assert.equal(result.length, Buffer.byteLength(expected));
        if (order === changes) assert.equal(textOf(result.chunks), expected);
      }
    }
  });
}

test("an edit throws on a name that the scan did not look for, and on one that comes twice", () => {
  const found = scanChunks(PLAN, [Buffer.from('{"x":1}')]);
  assert.ok(found.ok);
  const { value } = found;
  assert.throws(() => editMembers(value, [set("x", "2")]), /looked for/);
  assert.throws(() => editMembers(value, [remove("x")]), /looked for/);
  assert.throws(() => editMembers(value, [set("a", "2"), remove("a")]), /twice/);
});

test("an edit throws on a member that was passed over", () => {
  const plan = scanPlan({ capture: new Map([["a", 2]]), optional: new Set(["a"]), count: new Set(), depth: 4 });
  const found = scanChunks(plan, [Buffer.from('{"a":[1]}')]);
  assert.ok(found.ok);
  const { value } = found;
  assert.throws(() => editMembers(value, [set("a", "2")]), /looked for/);
});
