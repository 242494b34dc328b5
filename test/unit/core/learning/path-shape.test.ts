import assert from "node:assert/strict";
import { test } from "node:test";
import { coversShape, parseShape, shapeOf, shapeText } from "../../../../router/core/learning/path-shape.ts";
import { shape } from "./learning-fixture.ts";

const rows: readonly (readonly [name: string, path: string, expected: string | undefined])[] = [
  ["words stay", "/v1/chat/completions", "/v1/chat/completions"],
  ["the root", "/", "/"],
  ["a slash at the end", "/simple/requests/", "/simple/requests/"],
  ["a number", "/repos/acme/widgets/issues/123", "/repos/acme/widgets/issues/*"],
  ["a word with a number", "/order1234/sha256/v1", "/*/sha256/v1"],
  ["a uuid", "/users/6f1ed002-ab5d-4f3c-9d3c-1f0d3f9b2c11/files", "/users/*/files"],
  ["a hash", "/commit/9fceb02d0ae598e95dc970b74767f19372d61af8", "/commit/*"],
  ["a short hash", "/commit/9fceb02", "/commit/*"],
  ["a date", "/logs/2026-11-20/report.pdf", "/logs/*/report.pdf"],
  ["an address of mail", "/users/jo@example.com/inbox", "/users/*/inbox"],
  ["a token of a webhook", "/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX", "/services/*/*/*"],
  ["a token of a bot", "/bot123456:ABC-DEF1234ghIkl-zyx57W2v1u123ew11/sendMessage", "/*/sendMessage"],
  ["a key", "/AKIAIOSFODNN7EXAMPLE", "/*"],
  ["base64", "/Zm9vYmFyYmF6cXV4", "/*"],
  ["letters without a vowel", "/xkcdqz", "/*"],
  ["a long word", "/correct-horse-battery-staple-password", "/*"],
  ["what a shell reads", "/$(reboot)/`id`", "/*/*"],
  ["what YAML reads", "/a: [b]/{c}/'d'/\"e\"", undefined],
  ["an escape", "/a%20b/caf%C3%A9", "/*/*"],
  ["a literal star", "/%2A/**", "/*/*"],
  ["names of programmers", "/getUserById/index.html/.well-known", "/getUserById/index.html/.well-known"],
  ["deep", "/a/b/c/d/e/f/g/h/i/j", "/a/b/c/d/e/f/g/**"],
  ["as deep as is told", "/a/b/c/d/e/f/g/h", "/a/b/c/d/e/f/g/h"],
  ["dots", "/a/../b", undefined],
  ["an encoded slash", "/simple/@types%2fnode/x", "/simple/*%2F*/x"],
  ["three of them", "/a%2Fb%2fc%2Fd", "/*%2F*%2F*%2F*"],
  ["more of them", "/x/a%2fb%2fc%2fd%2fe/y", "/x/**"],
  ["more of them, deep", "/a/b/c/d/e/f/g/h%2fa%2fb%2fc%2fd", "/a/b/c/d/e/f/g/**"],
  ["short keys of known kinds", "/sk_live_abcdefgh/xoxb-abcdef-ghijkl/sk-proj-a/ghp_abcdef/npm_Abcdefgh", "/*/*/*/*/*"],
  ["more of them", "/github_pat_abc/glpat-abc/AKIAEXAMPLE/eyJhbGci/hf_abcdef12/key-sk_test_abc", "/*/*/*/*/*/*"],
  ["words that begin as keys do", "/risk-report/desk_top/global-x/AKI", "/risk-report/desk_top/global-x/AKI"],
  [
    "words of packages",
    "/npm_packages/hf_hub/sk-learn/sk_models/pypi-mirror",
    "/npm_packages/hf_hub/sk-learn/sk_models/pypi-mirror",
  ],
  ["an empty segment", "/a//b", undefined],
  ["a bad escape", "/a%zz", undefined],
  ["a control character", "/a\u001b[2Jb", undefined],
];

for (const [name, path, expected] of rows) {
  test(`shape: ${name}`, () => {
    const found = shapeOf(path);
    assert.equal(found === undefined ? undefined : shapeText(found), expected);
    if (found !== undefined) assert.deepEqual(parseShape(shapeText(found)), found);
  });
}

const malformed = [
  "",
  "a",
  "/a b",
  "/123",
  "/**/a",
  "/a/**/",
  "/a%20b",
  "/a//b",
  "/a\nb",
  "/deadbeef",
  "/a/b/c/d/e/f/g/h/i",
  "/a*b",
  "/a%2Fb",
  "/*%2f*",
];
test("what is taken for a key since it was written is read as what is written of it today", () => {
  assert.deepEqual(parseShape("/v1/sk_live_abcdefgh/npm_aBcdefgh/list"), ["v1", "*", "*", "list"]);
  assert.deepEqual(parseShape("/v1/npm_packages/list"), ["v1", "npm_packages", "list"]);
});
for (const text of malformed) {
  test(`no shape: ${JSON.stringify(text)}`, () => {
    assert.equal(parseShape(text), undefined);
  });
}

const covering: readonly (readonly [string, string, boolean])[] = [
  ["/a/*", "/a/b", true],
  ["/a/*", "/a/*", true],
  ["/a/b", "/a/*", false],
  ["/a/*", "/a", false],
  ["/a/*", "/a/b/c", false],
  ["/a/*", "/a/", true],
  ["/a/**", "/a", true],
  ["/a/**", "/a/b/**", true],
  ["/a/b/**", "/a/**", false],
  ["/**", "/", true],
  ["/*/b", "/a/**", false],
  ["/*", "/*%2F*", false],
  ["/*%2F*", "/*%2F*", true],
  ["/**", "/*%2F*", true],
];
for (const [one, other, expected] of covering) {
  test(`${one} ${expected ? "covers" : "does not cover"} ${other}`, () => {
    assert.equal(coversShape(shape(one), shape(other)), expected);
  });
}
