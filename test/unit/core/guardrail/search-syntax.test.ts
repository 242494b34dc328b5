import assert from "node:assert/strict";
import { test } from "node:test";
import { PatternSearch } from "../../../../router/core/guardrail/pattern-search.ts";
import { parseSearchPattern } from "../../../../router/core/guardrail/search-syntax.ts";

const rows: readonly (readonly [pattern: string, text: string, found: readonly string[]])[] = [
  ["abc", "xabcabc", ["abc", "abc"]],
  ["a.c", "abc a\nc a c", ["abc", "a c"]],
  ["a|ab|abc", "abcd", ["abc"]],
  ["(?:ab|b)+", "abbab", ["abbab"]],
  ["a{2}", "aaaaa", ["aa", "aa"]],
  ["a{2,}", "aaaaa", ["aaaaa"]],
  ["a{2,3}", "aaaaa", ["aaa", "aa"]],
  ["x\\d{3}", "x12 x123 x1234", ["x123", "x123"]],
  ["[^a-c]+", "abcdxcb", ["dx"]],
  ["[a^-]+", "b^-a", ["^-a"]],
  ["[\\]\\-x]+", "a]-x", ["]-x"]],
  ["\\bcat\\b", "cat concat cat_ (cat)", ["cat", "cat"]],
  ["\\Bcat", "cat concat", ["cat"]],
  ["^ab", "abab", ["ab"]],
  ["ab$", "abab", ["ab"]],
  ["^a|b$", "aab", ["a", "b"]],
  ["(?i)key-[a-f]", "KEY-A key-F Key-g", ["KEY-A", "key-F"]],
  ["(?i)é", "É é", ["É", "é"]],
  ["\\x41\\x{e9}", "Aé", ["Aé"]],
  ["\\t\\n\\r\\f", "\t\n\r\f", ["\t\n\r\f"]],
  ["\\D\\W\\S", "1 b a1 ", ["b a"]],
  ["\\D\\W\\S", "ab-c", ["b-c"]],
  ["😀+", "x😀😀y", ["😀😀"]],
  ["a\\.b", "axb a.b", ["a.b"]],
  ["(?:a?){3}b", "aab", ["aab"]],
  ["BEGIN.*END", "BEGIN x END y END\nBEGIN", ["BEGIN x END y END"]],
];

for (const [pattern, text, found] of rows) {
  test(`${pattern} in ${JSON.stringify(text)}`, () => {
    const compiled = PatternSearch.compile([{ name: "p", pattern }], true);
    assert.ok(compiled.ok, JSON.stringify(compiled));
    assert.deepEqual(
      compiled.value.find(text)?.map(({ start, end }) => text.slice(start, end)),
      found,
    );
    assert.equal(compiled.value.test(text), found.length > 0 ? "p" : undefined);
  });
}

const refused: readonly (readonly [pattern: string, problem: RegExp])[] = [
  ["", /empty text/],
  ["a*", /empty text/],
  ["\\b", /empty text/],
  ["a|", /empty text/],
  ["(a|b*)?", /empty text/],
  ["(a", /no "\)"/],
  ["a)", /without its/],
  ["[a", /no "\]"|ends too early/],
  ["[]", /misplaced/],
  ["[b-a]", /no order/],
  ["[\\d-z]", /no order/],
  ["[😀]", /beyond U\+FFFF/],
  ["a**", /repeated/],
  ["a+?", /repeated/],
  ["a{2}{3}", /repeated/],
  ["a{3,2}", /no order/],
  ["a{0}", /no order/],
  ["a{1001}", /over 1000/],
  ["a{", /misplaced/],
  ["\\b*a", /anchor/],
  ["*a", /misplaced/],
  ["(?=a)", /plain group/],
  ["(?<n>a)", /plain group/],
  ["a(?i)b", /plain group/],
  ["(a)\\1", /escape/],
  ["\\pL", /escape/],
  ["\\", /escape/],
  ["\\x{110000}", /escape/],
  ["[[:alpha:]]", /misplaced/],
  ["(?:a{100}){100}", /more than 1000 characters/],
  ["(?:(?:a{9}){9}){99}", /more than 1000/],
  [`${"(".repeat(40)}a${")".repeat(40)}`, /nested deeper/],
  ["a".repeat(1_025), /longer than 1024/],
];

for (const [pattern, problem] of refused) {
  test(`${pattern.slice(0, 40)} is refused: ${problem.source}`, () => {
    const parsed = parseSearchPattern(pattern);
    assert.ok(!parsed.ok);
    assert.match(parsed.problem, problem);
    assert.match(parsed.problem, /\.$/);
  });
}

test("patterns that are too many, or too many classes together, are a problem and not a throw", () => {
  const compile = (patterns: readonly string[]) =>
    PatternSearch.compile(
      patterns.map((pattern) => ({ name: "p", pattern })),
      true,
    );
  assert.ok(!compile([]).ok);
  assert.ok(!compile(Array.from({ length: 129 }, () => "a")).ok);
  const letters = Array.from({ length: 64 }, (_, index) => {
    return Array.from({ length: 8 }, (__, at) => String.fromCharCode(0x4e00 + index * 8 + at)).join("");
  });
  const many = compile(letters);
  assert.ok(!many.ok);
  assert.match(many.problem, /classes/);
});
