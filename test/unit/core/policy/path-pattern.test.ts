import assert from "node:assert/strict";
import { test } from "node:test";
import {
  allowsPath,
  deniesPath,
  parsePathPattern,
  type PathPattern,
  readPath,
} from "../../../../router/core/policy/path-pattern.ts";

function pattern(text: string): PathPattern {
  const parsed = parsePathPattern(text);
  if (!parsed.ok) throw new Error(parsed.problem);
  return parsed.value;
}

const matching: readonly (readonly [pattern: string, path: string, allows: boolean, denies: boolean])[] = [
  ["/", "/", true, true],
  ["/", "/a", false, false],
  ["/a", "/a", true, true],
  ["/a", "/A", false, true],
  ["/a", "/a/", false, true],
  ["/a/", "/a/", true, true],
  ["/a/", "/a", false, false],
  ["/repos/**", "/repos", true, true],
  ["/repos/**", "/repos/", true, true],
  ["/repos/**", "/repos/a/b/c", true, true],
  ["/repos/**", "/reposx", false, false],
  ["/repos/**", "/x/repos/a", false, false],
  ["/**", "/", true, true],
  ["/**", "/a/b", true, true],
  ["/a/**/z", "/a/z", true, true],
  ["/a/**/z", "/a/b/c/z", true, true],
  ["/a/**/z", "/a/b/c/y", false, false],
  ["/a/**/m/**/z", "/a/m/m/q/z", true, true],
  ["/a/**/m/**/z", "/a/q/z", false, false],
  ["/*", "/", true, true],
  ["/*", "/a", true, true],
  ["/*", "/a/b", false, false],
  ["/*/issues", "/x/issues", true, true],
  ["/v*/x", "/v1/x", true, true],
  ["/v*/x", "/w1/x", false, false],
  ["/*.json", "/a.json", true, true],
  ["/*.json", "/.json", true, true],
  ["/*.json", "/a.jsonx", false, false],
  ["/a*a", "/a", false, false],
  ["/a*a", "/aa", true, true],
  ["/a*b*c", "/axxbyyc", true, true],
  ["/a*b*c", "/axxcyyb", false, false],
  ["/a*bc*c", "/abcc", true, true],
  ["/a*bc*c", "/abc", false, false],
  // One percent-decoding, on both sides; %2A in a pattern is a star and nothing more.
  ["/a%20b", "/a%20b", true, true],
  ["/a b", "/a%20b", true, true],
  ["/%61", "/a", true, true],
  ["/a", "/%61", true, true],
  ["/%2A", "/*", true, true],
  ["/%2A", "/x", false, false],
  ["/é", "/%C3%A9", true, true],
  ["/100%25", "/100%25", true, true],
  // Path parameters are part of the segment; a deny rule sees through them.
  ["/a", "/a;v=1", false, true],
  ["/a;v=1", "/a;v=1", true, true],
  ["/admin/**", "/admin;x/users", false, true],
  ["/admin/**", "/;x/admin", false, true],
  // An encoded slash is read in both ways: an allow rule matches in both, a deny rule in one.
  ["/**", "/@types%2fnode", true, true],
  ["/@types%2fnode", "/@types%2Fnode", true, true],
  ["/@*%2F*", "/@types%2fnode", true, true],
  ["/@*%2f*", "/@types/node", false, true],
  ["/@*%2f*", "/@a%2fb%2fc", false, true],
  ["/@types/**", "/@types%2fnode", false, true],
  ["/*", "/a%2fb", false, true],
  ["/a*/**", "/a%2fb", true, true],
  ["/projects/g%2fp/**", "/projects/g%2fp/issues", true, true],
  ["/projects/g%2fp/**", "/projects/g%2fq/issues", false, false],
  ["/projects/*/issues", "/projects/g%2fp/issues", false, true],
  ["/projects/*%2f*/issues", "/projects/g%2fp/issues", true, true],
  ["/**/issues", "/projects/g%2fp/issues", true, true],
  ["/projects/**", "/projects%2fg", false, true],
  ["/a%2f", "/a%2f", true, true],
  ["/a/**", "/a/b%2f", true, true],
  ["/secret", "/open/x%2fsecret", false, false],
  ["/secret", "/secret%2f", false, true],
  // A deny rule sees what origins make of it that are less exact.
  ["/secret/**", "/SECRET/a", false, true],
  ["/SECRET/**", "/secret/a", false, true],
  ["/secret/**", "/secret%20/a", false, true],
  ["/secret/**", "/secret%c2%a0", false, true],
  ["/secret/**", "/secret./a", false, true],
  ["/secret/**", "/Secret%20..%3bx/a", false, true],
  ["/secret/**", "/%ef%bd%93ecret/a", false, true],
  ["/secret/**", "/sec%e2%80%8bret/a", false, true],
  ["/secret", "/secret%3fx", false, true],
  ["/secret", "/secret%23x", false, true],
  ["/secret", "/secret%3f/more", false, true],
  ["/secret", "/secret::$DATA", false, true],
  ["/secret", "/secret/%20", false, true],
  ["/secret/**", "/%20/secret", false, true],
  ["/a;v=1/b", "/A;V=1/b.", false, true],
  ["/*.JSON", "/a.json.", false, true],
  ["/secret", "/secrets", false, false],
  ["/secret", "/secret:list", false, false],
  ["/wiki/*", "/wiki/C%23", true, true],
  ["/wiki/*", "/wiki/What%3F", true, true],
  ["/a/**", "/a/...x", true, true],
  ["/**", "/.@acme/pkg", true, true],
  ["/**", "/a/.+y/.(x)/.$/.=b/.!b/.,b/.'b", true, true],
  ["/**", "/a/.%40acme/.%5Bid%5D/.%EF%BC%9D", true, true],
  ["/a/.@acme", "/a/.@acme", true, true],
  ["/a/**", "/a/.well-known/x..y", true, true],
];
for (const [text, path, allows, denies] of matching) {
  test(`path ${text} on ${path}: allow ${allows}, deny ${denies}`, () => {
    assert.equal(allowsPath(pattern(text), readPath(path)), allows);
    assert.equal(deniesPath(pattern(text), readPath(path)), denies);
  });
}

const ambiguous: readonly string[] = [
  "",
  "a",
  "*",
  "/.",
  "/..",
  "/a/../b",
  "/a/./b",
  "/a/%2e%2E/b",
  "/a/.%2e/b",
  "/a/..;/b",
  "/a/%2e%2e%3b/b",
  "/a/.;x=1/b",
  "/a/..%2fb",
  "/a%2f..",
  "/a%2f.%2Fb",
  "/a%2f%2fb",
  "/%2fa",
  "/a%2f/b",
  "/a%2f%5cb",
  "/open/..%3f/secret",
  "/open/..%23",
  "/open/..%20/secret",
  "/open/%20../secret",
  "/open/%e2%80%8b../secret",
  "/open/.%c2%a0/secret",
  "/open/..%e2%80%8b/secret",
  "/open/..,/secret",
  "/open/.../secret",
  "/open/...%2fsecret",
  "/open/..::$DATA",
  "/open/.::$DATA",
  "/open/.%3f/secret",
  "/open/.%23",
  "/open/.%20x",
  "/open/.%ef%bc%9b/secret",
  "/open/%ef%bc%8e%ef%bc%9ax",
  "/open/.%e2%80%8b@x",
  "/open/..@x",
  "/open/..%ef%bc%bdx",
  "/open/%ef%bc%8e%ef%bc%8e/secret",
  "/open/%e2%80%a5/secret",
  "/open/..%ef%bc%8fsecret",
  "/open%ef%bc%8fsecret",
  "/open/%ef%bc%852e",
  "/open/%2e%cc%81%252e",
  "/a%5cb",
  "/a\\b",
  "/a%00",
  "/a%0d%0a",
  "/a%09b",
  "/a%7f",
  "/a%c2%85",
  "/a%252e%252e/b",
  "/a%252f",
  "/a%25u002e",
  "/a%u002e",
  "/a%2",
  "/a%zz",
  "/a%",
  "/%c0%af",
  "/%e0%80%af",
  "/%ff",
  "/%ed%a0%80",
  "//a",
  "/a//b",
  "/a//",
  "/é",
  "/a b",
  "/a\u0000b",
  "/a?b",
  "/a#b",
  "http://x/a",
];
for (const path of ambiguous) {
  test(`INV-POLICY-PATH: ${JSON.stringify(path)} is ambiguous: no pattern allows it, every pattern denies it`, () => {
    assert.equal(readPath(path), "ambiguous");
    for (const text of ["/**", "/a", "/"]) {
      assert.equal(allowsPath(pattern(text), readPath(path)), false);
      assert.equal(deniesPath(pattern(text), readPath(path)), true);
    }
  });
}

const invalid: readonly string[] = [
  "",
  "a",
  "**",
  "/a**",
  "/**a",
  "/***",
  "/a?b",
  "/a#b",
  "/a//b",
  "/a/../b",
  "/.",
  "/a%2f..",
  "/a%2f%2fb",
  "/a%2f/b",
  "/%2fa",
  "/a%2f**",
  "/a/..%3f",
  "/a/%ef%bc%8e%ef%bc%8e",
  "/a%ef%bc%8f*",
  "/%zz",
  "/%c0%af",
  "/%2e%2e/a",
  "/a\\b",
];
for (const text of invalid) {
  test(`path pattern ${JSON.stringify(text)} is refused`, () => assert.equal(parsePathPattern(text).ok, false));
}

test("a pattern of many stars takes no longer on a hostile path than their product", () => {
  const stars = pattern(`/${"a*".repeat(200)}b`);
  const deeps = pattern(`/${"**/a*a/".repeat(200)}b`);
  const began = performance.now();
  assert.equal(allowsPath(stars, readPath(`/${"a".repeat(16_000)}`)), false);
  assert.equal(allowsPath(deeps, readPath("/aa".repeat(5_000))), false);
  assert.equal(deniesPath(deeps, readPath("/aa".repeat(5_000))), false);
  assert.equal(deniesPath(stars, readPath(`/x${". ".repeat(8_000).replaceAll(" ", "%20")}x`)), false);
  assert.equal(deniesPath(deeps, readPath("/aa%2faa".repeat(2_000))), false);
  assert.ok(performance.now() - began < 1_000);
});
