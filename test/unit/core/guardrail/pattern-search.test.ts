import assert from "node:assert/strict";
import { test } from "node:test";
import { builtInPatterns } from "../../../../router/core/guardrail/built-in-patterns.ts";
import { PatternSearch, type SearchPattern, TOO_COMPLEX } from "../../../../router/core/guardrail/pattern-search.ts";

function search(...patterns: readonly (string | SearchPattern)[]): PatternSearch {
  const compiled = PatternSearch.compile(
    patterns.map((given, index) => (typeof given === "string" ? { name: `p${index}`, pattern: given } : given)),
    true,
  );
  assert.ok(compiled.ok, JSON.stringify(compiled));
  return compiled.value;
}

/** Numbers below what is asked for, the same in each run. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) | 0;
    const mixed = Math.imul(state ^ (state >>> 12), 0x297a2d39);
    return ((mixed ^ (mixed >>> 15)) >>> 0) % below;
  };
}

test("several patterns are found in one pass, each under its name, and what overlaps is one", () => {
  const several = search("cat", "at[a-z]*", "dog");
  assert.deepEqual(several.find("a catalog, a dog"), [
    { name: "p0", start: 2, end: 9 },
    { name: "p2", start: 13, end: 16 },
  ]);
  assert.equal(several.test("a dog"), "p2");
});

test("a part of a text is searched as a part: anchors and checks see what is around it", () => {
  const word = search("\\bcat\\b");
  assert.deepEqual(word.find("concat cat", 3), [{ name: "p0", start: 7, end: 10 }]);
  assert.deepEqual(word.find("cats", 0, 3), []);
  assert.deepEqual(search("^cat").find("cat cat", 4), []);
  assert.deepEqual(search("cat$").find("cat cat", 0, 3), []);
  assert.equal(word.test("a cat_", 2, 5), undefined);
});

test("a check that refuses the leftmost match is asked about the next", () => {
  const even: SearchPattern = {
    name: "even",
    pattern: "\\d+",
    check: (_, start, end) => ((end - start) % 2 === 0 ? end : undefined),
  };
  assert.deepEqual(search(even).find("123 12"), [
    { name: "even", start: 1, end: 3 },
    { name: "even", start: 4, end: 6 },
  ]);
  assert.equal(search(even).test("1 2 3"), undefined);
});

/** What a backtracking engine needs exponential or quadratic time for. */
const hard: readonly (readonly [pattern: string, text: string])[] = [
  ["(a+)+b", "a".repeat(200_000)],
  ["(a|a)*b", "a".repeat(200_000)],
  ["(.*)*x", "a".repeat(200_000)],
  [`${"(?:a?)".repeat(40)}${"a".repeat(40)}b`, "a".repeat(100_000)],
  ["[a-z]+@", "a".repeat(200_000)],
  ["\\d+x", "1".repeat(200_000)],
  ["(?:a|b)*a(?:a|b){12}c", "abba".repeat(20_000)],
];

for (const [pattern, text] of hard) {
  test(`linear time: ${pattern.slice(0, 30)}`, () => {
    const one = search(pattern);
    const began = performance.now();
    assert.equal(one.test(text), undefined);
    assert.deepEqual(one.find(text), []);
    assert.ok(performance.now() - began < 1_500);
  });
}

/** Neither table nor time is without bound: the states of these double with each unit that they look back. */
test("a pattern whose automaton never ends on a text that leads it on is too complex, soon and for good", () => {
  const blowing = search("[ab]*a[ab]{40}c", "x");
  const next = numbers(1);
  const text = Array.from({ length: 300_000 }, () => "ab"[next(2)]).join("");
  const began = performance.now();
  assert.equal(blowing.test(text), TOO_COMPLEX);
  assert.equal(blowing.find(text), undefined);
  assert.ok(performance.now() - began < 3_000);
  assert.equal(blowing.test("ax"), "p1", "and other texts are searched as before");
});

test("matches that each need the whole rest of the text to be found are too complex, not quadratic", () => {
  const looking = search("a(?:[^b]*b)?");
  const began = performance.now();
  assert.equal(looking.find("a".repeat(100_000)), undefined);
  assert.ok(performance.now() - began < 1_500);
  assert.equal(looking.test("a".repeat(100_000)), "p0");
});

test("matches without number are too complex: they are not kept in memory", () => {
  assert.equal(search("a").find("a ".repeat(50_000))?.length, 50_000);
  assert.equal(search("a").find("a ".repeat(50_001)), undefined);
  assert.equal(search("a").test("a ".repeat(50_001)), "p0");
});

test("the built-in patterns are never too complex, on texts made to lead them on either", () => {
  const all = search(
    ...builtInPatterns([
      "api_key",
      "private_key",
      "aws_access_key",
      "github_token",
      "jwt",
      "credit_card",
      "us_ssn",
      "iban",
      "email",
      "phone",
      "ip_address",
    ]),
  );
  const next = numbers(7);
  for (const alphabet of ["0123456789 -.()", "AB12 ", "0123456789abcdef:.", "skAKIghp_eyJ.xo:019abf ()-DE", "01"]) {
    const text = Array.from({ length: 200_000 }, () => alphabet[next(alphabet.length)]).join("");
    const began = performance.now();
    assert.notEqual(all.test(text), TOO_COMPLEX);
    assert.notEqual(all.find(text), undefined);
    assert.ok(performance.now() - began < 1_000, alphabet);
  }
});
