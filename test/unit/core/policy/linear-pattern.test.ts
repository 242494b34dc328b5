import assert from "node:assert/strict";
import { test } from "node:test";
import { parseLinearPattern } from "../../../../router/core/policy/linear-pattern.ts";

const rows: readonly (readonly [pattern: string, yes: readonly string[], no: readonly string[]])[] = [
  ["^abc$", ["abc"], ["", "ab", "abcd", "xabc", "ABC", "abc\n"]],
  ["^$", [""], ["a"]],
  ["^a.c$", ["abc", "a/c"], ["ac", "a\nc", "abbc"]],
  ["^a\\.c$", ["a.c"], ["abc"]],
  ["^a|b$", ["a", "b"], ["ax", "xb", "ab"]],
  ["^(a|bc)*d$", ["d", "aabcd"], ["abd", "a"]],
  ["^(?:ab)+c?$", ["ab", "ababc"], ["c", ""]],
  ["^[a-c_-]+$", ["a-_c"], ["d", ""]],
  ["^[^/]+$", ["abc"], ["a/b", ""]],
  ["^[\\]\\^]$", ["]", "^"], ["\\"]],
  ["^[a^]$", ["a", "^"], ["b"]],
  ["^\\d+\\w$", ["12x", "1_"], ["x", "1-"]],
  ["^(a*)*$", ["", "aaa"], ["b"]],
  ["^(|a)b$", ["b", "ab"], ["aab"]],
  ["^a\\$$", ["a$"], ["a"]],
  ["^a\\\\$", ["a\\"], ["a"]],
  [
    "^https://github\\.com/acme/[^/]+/\\.github/workflows/release\\.yml@refs/tags/v[0-9.]+$",
    ["https://github.com/acme/x/.github/workflows/release.yml@refs/tags/v1.2.3"],
    [
      "https://github.com/acme/x/y/.github/workflows/release.yml@refs/tags/v1",
      "https://github.com/evil/acme/x/.github/workflows/release.yml@refs/tags/v1",
    ],
  ],
];

for (const [pattern, yes, no] of rows) {
  test(`${pattern} matches wholly`, () => {
    const result = parseLinearPattern(pattern);
    assert.ok(result.ok, JSON.stringify(result));
    for (const text of yes) assert.equal(result.value(text), true, text);
    for (const text of no) assert.equal(result.value(text), false, text);
  });
}

for (const pattern of [
  "",
  "^",
  "$",
  "abc",
  "^abc",
  "abc$",
  "^a\\$",
  "^(a$",
  "^a)$",
  "^[a$",
  "^[]$",
  "^[b-a]$",
  "^[\\d-z]$",
  "^a**$",
  "^*a$",
  "^+$",
  "^(?=a)$",
  "^(?<n>a)$",
  "^(?i)a$",
  "^(a)\\1$",
  "^a{2}$",
  "^\\p$",
  "^\\b$",
  "^\\n$",
  "^a^b$",
  "^a$b$",
  "^[[:alpha:]]$",
  "^a]$",
  `^${"a".repeat(600)}$`,
]) {
  test(`${pattern.slice(0, 40)} is refused with a sentence`, () => {
    const result = parseLinearPattern(pattern);
    assert.ok(!result.ok);
    assert.match(result.problem, /\.$/);
  });
}

test("INV-TRUST-10: patterns that make a backtracking engine stop take linear time", () => {
  for (const pattern of ["^(a+)+$", "^(a|a)*$", "^(a|aa)+$", "^(.*)*x$", `^${"(a?)".repeat(40)}${"a".repeat(40)}$`]) {
    const result = parseLinearPattern(pattern);
    assert.ok(result.ok);
    const start = performance.now();
    result.value(`${"a".repeat(1023)}!`);
    assert.ok(performance.now() - start < 1000, pattern);
  }
});
