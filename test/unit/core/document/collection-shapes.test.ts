import assert from "node:assert/strict";
import { test } from "node:test";
import { atLeastOneOf, exactlyOneOf, needs, onlyWith } from "../../../../router/core/document/conditions.ts";
import { choice } from "../../../../router/core/document/choice-shape.ts";
import { defaulted, optional, required } from "../../../../router/core/document/field.ts";
import { integer } from "../../../../router/core/document/integer-shape.ts";
import { list } from "../../../../router/core/document/list-shape.ts";
import { object } from "../../../../router/core/document/object-shape.ts";
import { record } from "../../../../router/core/document/record-shape.ts";
import { refined } from "../../../../router/core/document/refined-shape.ts";
import { text } from "../../../../router/core/document/text-shape.ts";
import { uniqueIds } from "../../../../router/core/document/unique-ids.ts";
import { readShape, sentence } from "./read-shape.ts";

const number = integer({ minimum: 0, maximum: 9 });

test("a list reports every item, and is no value with one of them wrong", () => {
  const shape = list(number, { unique: true });
  assert.deepEqual(readShape(shape, "[1, 2]"), [1, 2]);
  assert.deepEqual(readShape(shape, "[]"), ["1:1 empty_list"]);
  assert.deepEqual(readShape(shape, "1"), ["1:1 wrong_type"]);
  assert.deepEqual(readShape(shape, "[1, x, 10, 1]"), ["1:5 wrong_type", "1:8 out_of_range", "1:12 duplicate_item"]);
  assert.deepEqual(readShape(shape, "[*a, 1]"), ["1:2 alias"]);
  assert.deepEqual(readShape(list(number, { mayBeEmpty: true }), "[]"), []);
});

const map = object({
  name: required(text(), "The name."),
  count: defaulted(number, 3, "The count."),
  tags: optional(list(text()), "The tags."),
});

test("an object has all its fields, with what is left out filled in", () => {
  assert.deepEqual(readShape(map, "name: a"), { name: "a", count: 3, tags: undefined });
  assert.deepEqual(readShape(map, "{ count: 0, name: a, tags: [b] }"), { name: "a", count: 0, tags: ["b"] });
});

test("INV-POLICY-STRICT: an object reports unknown, missing and wrong keys at once", () => {
  assert.deepEqual(readShape(map, "nam: a\ncount: ten"), ["1:1 unknown_key", "1:1 missing_key", "2:8 wrong_type"]);
  assert.equal(sentence(map, "nam: a\nname: b"), 'There is no key "nam" here; did you mean "name".');
  assert.deepEqual(readShape(map, "[]"), ["1:1 wrong_type"]);
  assert.deepEqual(readShape(map, "name:"), ["1:5 wrong_type"]);
  // An empty value is not the same as a key left out.
  assert.deepEqual(readShape(map, "name: a\ncount:\ntags: ~"), ["2:6 wrong_type", "3:7 wrong_type"]);
  for (const key of ["__proto__", "constructor", "toString", "hasOwnProperty"]) {
    assert.deepEqual(readShape(map, `name: a\n${key}: {}`), ["2:1 unknown_key"], key);
  }
});

test("nothing is said to be missing where something could not be read", () => {
  assert.deepEqual(readShape(map, "count: 1\n? name"), ["2:1 syntax"]);
  assert.deepEqual(readShape(map, "count: 1\n1: name"), ["2:1 key_not_text"]);
});

test("conditions between keys", () => {
  const fields = {
    a: optional(number, ""),
    b: optional(number, ""),
    mode: defaulted(choice("on", "off"), "on", ""),
  };
  const any = object(fields, atLeastOneOf(["a", "b"], "none", ""));
  assert.deepEqual(readShape(any, "{}"), ["1:1 none"]);
  assert.deepEqual(readShape(any, "b: 1"), { a: undefined, b: 1, mode: "on" });
  // A key that is there but wrong is not also missing.
  assert.deepEqual(readShape(any, "b: x"), ["1:4 wrong_type"]);
  const one = object(fields, exactlyOneOf(["a", "b"], "not_one", ""));
  assert.deepEqual(readShape(one, "{}"), ["1:1 not_one"]);
  assert.deepEqual(readShape(one, "{ a: 1, b: 2 }"), ["1:1 not_one"]);
  assert.deepEqual(readShape(one, "a: 1"), { a: 1, b: undefined, mode: "on" });
  const both = object(fields, needs("a", "b", "alone", ""));
  assert.deepEqual(readShape(both, "a: 1"), ["1:1 alone"]);
  assert.deepEqual(readShape(both, "b: 1"), { a: undefined, b: 1, mode: "on" });
  const off = object(fields, onlyWith("a", "mode", { value: "off", isDefault: false }, "not_off", ""));
  assert.deepEqual(readShape(off, "a: 1"), ["1:1 not_off"]);
  assert.deepEqual(readShape(off, "{ mode: on, a: 1 }"), ["1:13 not_off"]);
  assert.deepEqual(readShape(off, "{ mode: maybe, a: 1 }"), ["1:9 unknown_value"]);
  assert.deepEqual(readShape(off, "{ mode: off, a: 1 }"), { a: 1, b: undefined, mode: "off" });
});

test("ids are unique over several lists, and in items that are otherwise wrong", () => {
  const item = object({ id: required(text(), ""), n: optional(number, "") });
  const shape = object(
    { one: optional(list(item), ""), two: optional(list(item), "") },
    uniqueIds(["one", "two"], "id"),
  );
  assert.deepEqual(readShape(shape, "one: [{ id: a }, { id: b }]\ntwo:\n  - { id: a, n: x }\n  - 1"), [
    "3:11 duplicate_id",
    "3:17 wrong_type",
    "4:5 wrong_type",
  ]);
});

test("a record has keys of its author's choice", () => {
  const shape = record(text({ pattern: /^[a-z]+$/, code: "bad_key" }), number);
  assert.deepEqual(
    readShape(shape, "{ a: 1, constructor: 2 }"),
    new Map([
      ["a", 1],
      ["constructor", 2],
    ]),
  );
  assert.deepEqual(readShape(shape, "{}"), new Map());
  assert.deepEqual(readShape(shape, "{ A: 1, b: x }"), ["1:3 bad_key", "1:12 wrong_type"]);
  assert.deepEqual(readShape(shape, "[]"), ["1:1 wrong_type"]);
});

test("a refined shape may refuse, at its node", () => {
  const even = refined(number, (value, node, report) => {
    if (value % 2 === 0) return value / 2;
    report.add(node, "odd", "");
    return undefined;
  });
  assert.equal(readShape(even, "4"), 2);
  assert.deepEqual(readShape(list(even), "[1, x, 2]"), ["1:2 odd", "1:5 wrong_type"]);
});

test("a default that does not fit its shape is a bug", () => {
  assert.throws(() => defaulted(number, 10, ""), /out_of_range/);
  assert.throws(() => defaulted(text(), 10, ""), /wrong_type/);
});
