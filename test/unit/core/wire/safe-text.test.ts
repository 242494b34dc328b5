import assert from "node:assert/strict";
import { test } from "node:test";
import { safeText } from "../../../../router/core/wire/safe-text.ts";
import { cpuMillis } from "./cpu-time.ts";

const cases: readonly (readonly [name: string, text: string, maximum: number, safe: string])[] = [
  ["plain text", "api.example.com:443", 100, "api.example.com:443"],
  ["nothing", "", 10, ""],
  ["text of the limit", "abcde", 5, "abcde"],
  ["text over the limit", "abcdef", 5, "abcd…"],
  ["the smallest limit", "ab", 1, "…"],
  ["a line break: no second log line", 'a\r\n{"level":30}', 100, 'a\\u000d\\u000a{"level":30}'],
  ["NUL", "a\0b", 100, "a\\u0000b"],
  ["ESC: no colours and no cursor moves", "\x1b[2J", 100, "\\u001b[2J"],
  ["DEL and C1", "\x7f\x80\x9b", 100, "\\u007f\\u0080\\u009b"],
  ["line and paragraph separators", "a\u2028b\u2029c", 100, "a\\u2028b\\u2029c"],
  ["direction override", "moc.live\u202egro.doog", 100, "moc.live\\u202egro.doog"],
  ["zero-width and soft hyphen", "a\u200bb\u00adc\ufeff", 100, "a\\u200bb\\u00adc\\ufeff"],
  ["tag characters", "a\u{e0041}b", 100, "a\\udb40\\udc41b"],
  ["a lone high surrogate", "a\ud800b", 100, "a\\ud800b"],
  ["a lone low surrogate", "a\udc00b", 100, "a\\udc00b"],
  ["surrogates the wrong way round", "\udc00\ud800", 100, "\\udc00\\ud800"],
  ["a pair stays", "a\u{1f600}b", 100, "a\u{1f600}b"],
  ["other languages stay", "größe 東京 مرحبا", 100, "größe 東京 مرحبا"],
  ["no half pair at the cut", "abc\u{1f600}def", 5, "abc…"],
  ["a whole pair before the cut", "ab\u{1f600}def", 5, "ab\u{1f600}…"],
  ["no half escape at the cut", "abc\nxyz", 8, "abc…"],
  ["a whole escape before the cut", "a\nxyz", 8, "a\\u000a…"],
  ["escapes count", "\n\n\n", 12, "\\u000a…"],
  ["a backslash before the cut", "abc\\def", 5, "abc…"],
];

for (const [name, text, maximum, safe] of cases) {
  test(`safeText: ${name}`, () => {
    assert.equal(safeText(text, maximum), safe);
    assert.ok(safe.length <= maximum);
    assert.equal(safeText(safe, maximum), safe);
  });
}

test("safeText looks at no more than fits", () => {
  const text = "\n".repeat(50_000_000);
  assert.ok(cpuMillis(() => assert.equal(safeText(text, 100).length, 97)) < 500);
});
