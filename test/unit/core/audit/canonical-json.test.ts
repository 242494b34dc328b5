import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import type { AuditValue } from "../../../../router/core/audit/audit-event.ts";
import { canonicalJson, isCanonical, mendValue } from "../../../../router/core/audit/canonical-json.ts";

const VECTORS = new URL("../../../vectors/rfc8785/", import.meta.url);

function vector(path: string): string {
  return readFileSync(new URL(path, VECTORS), "utf8");
}

for (const name of readdirSync(new URL("input/", VECTORS))) {
  test(`RFC 8785 file ${name}`, () => {
    const value = JSON.parse(vector(`input/${name}`)) as AuditValue;
    const expected = vector(`output/${name}`);
    assert.equal(canonicalJson(value), expected);
    assert.equal(isCanonical(expected, value), true);
    assert.equal(isCanonical(vector(`input/${name}`), value), false);
  });
}

test("RFC 8785 appendix B: numbers", () => {
  for (const row of vector("numbers.txt").trim().split("\n")) {
    const [hex = "", expected = ""] = row.split(" ");
    const number = Buffer.from(hex, "hex").readDoubleBE();
    assert.equal(canonicalJson(number), expected === "error" ? undefined : expected, hex);
  }
});

const nested = (depth: number): AuditValue => (depth === 0 ? 1 : [nested(depth - 1)]);

const rows: readonly [name: string, value: unknown, form: string | undefined, mended: string][] = [
  ["keys sort by UTF-16 unit, not by code point", { "\u{1f600}": 1, "\ufb33": 2 }, '{"\u{1f600}":1,"\ufb33":2}', ""],
  ["keys that look like integers sort as text", { 9: 1, 10: 2 }, '{"10":2,"9":1}', ""],
  ["nothing is normalised", ["\u00e9", "e\u0301"], '["\u00e9","e\u0301"]', ""],
  ["minus zero", -0, "0", ""],
  ["separators stay as they are", "\u2028\u007f", '"\u2028\u007f"', ""],
  ["__proto__ is a key like any other", JSON.parse('{"__proto__":1}'), '{"__proto__":1}', ""],
  ["32 levels", nested(32), `${"[".repeat(32)}1${"]".repeat(32)}`, ""],
  ["33 levels", nested(33), undefined, `${"[".repeat(32)}null${"]".repeat(32)}`],
  ["a lone surrogate", ["\ud800"], undefined, '["\ufffd"]'],
  ["a lone surrogate in a key", { "a\udc00": 1 }, undefined, '{"a\ufffd":1}'],
  ["not a number", { a: Number.NaN }, undefined, '{"a":null}'],
  ["infinite", Number.POSITIVE_INFINITY, undefined, "null"],
  ["a bigint that got past the types", { a: 1n }, undefined, '{"a":null}'],
  ["a function that got past the types", [() => 1], undefined, "[null]"],
];

for (const [name, value, form, mended] of rows) {
  test(`canonicalJson: ${name}`, () => {
    assert.equal(canonicalJson(value as AuditValue), form);
    assert.equal(canonicalJson(mendValue(value as AuditValue)), form ?? mended);
  });
}

const forms: readonly [name: string, text: string, canonical: boolean][] = [
  ["as written", '{"a":1,"b":[true,null,"x"]}', true],
  ["integer-like keys in text order", '{"10":1,"9":2}', true],
  ["integer-like keys in number order", '{"9":2,"10":1}', false],
  ["a space", '{"a": 1}', false],
  ["wrong order", '{"b":1,"a":2}', false],
  ["a duplicate key", '{"a":1,"a":1}', false],
  ["1.0", '{"a":1.0}', false],
  ["an escape that is not needed", String.raw`{"a":"\u0041"}`, false],
  ["a lone surrogate, escaped", String.raw`{"a":"\ud800"}`, false],
  ["a number that was rounded", "[9007199254740993]", false],
  ["nested 40,000 deep", `${"[".repeat(40_000)}${"]".repeat(40_000)}`, false],
];

for (const [name, text, canonical] of forms) {
  test(`isCanonical: ${name}`, () => {
    assert.equal(isCanonical(text, JSON.parse(text) as AuditValue), canonical);
  });
}
