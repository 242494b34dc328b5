import assert from "node:assert/strict";
import { test } from "node:test";
import { denyRelationOf, relationOf, type ShapeRelation } from "../../../../router/core/learning/shape-relation.ts";
import { parsePathPattern, type PathPattern } from "../../../../router/core/policy/path-pattern.ts";
import { shape } from "./learning-fixture.ts";

function pattern(text: string): PathPattern {
  const found = parsePathPattern(text);
  assert.ok(found.ok);
  return found.value;
}

const rows: readonly (readonly [pattern: string, shape: string, expected: ShapeRelation, denying?: ShapeRelation])[] = [
  ["/a", "/a", "all"],
  ["/%61", "/a", "all"],
  ["/a", "/b", "none"],
  ["/a/*", "/a/*", "all"],
  ["/a/**", "/a/*", "all"],
  ["/a/b", "/a/*", "some"],
  ["/a/b*", "/a/*", "some"],
  ["/a/b*", "/a/bc", "all"],
  ["/a/b*d*f", "/a/bcdef", "all"],
  ["/a/b*d*f", "/a/bdd", "none"],
  ["/a/*", "/a/b/*", "none", "some"],
  ["/**", "/**", "all"],
  ["/**", "/a/**", "all"],
  ["/a/**", "/**", "some"],
  ["/a/**", "/a/b/**", "all"],
  ["/a/b/**", "/a/**", "some"],
  ["/a/b", "/a/**", "some"],
  ["/b/**", "/a/**", "none"],
  ["/**/x", "/a/x", "all"],
  ["/**/x", "/a/*", "some"],
  ["/**/x", "/a/y", "none"],
  ["/**/x/**/y", "/x/a/y", "all"],
  ["/a", "/a/", "none", "all"],
  ["/a", "/a/*", "none", "some"],
  ["/a", "/a/**", "some"],
  ["/", "/", "all"],
  ["/*", "/", "all"],
  ["/**", "/*%2F*", "all"],
  ["/*%2f*", "/*%2F*", "all"],
  ["/*", "/*%2F*", "none", "all"],
  ["/a/b", "/*%2F*", "none", "some"],
  ["/a%2fb", "/*%2F*", "some"],
  ["/a%2fb", "/a/b", "none", "all"],
  ["/A", "/a", "none", "all"],
  ["/a", "/a.", "none", "all"],
];
for (const [text, of, expected, denying = expected] of rows) {
  test(`${text} on ${of}: ${expected}, denying: ${denying}`, () => {
    assert.equal(relationOf(pattern(text), shape(of)), expected);
    assert.equal(denyRelationOf(pattern(text), shape(of)), denying);
  });
}

test("a pattern of thousands of segments costs as much as it is long", () => {
  const long = pattern(`/${Array.from({ length: 4_000 }, (_, at) => (at % 2 === 0 ? "**" : "a")).join("/")}`);
  assert.equal(relationOf(long, shape("/a/a/*/a/**")), "some");
});
