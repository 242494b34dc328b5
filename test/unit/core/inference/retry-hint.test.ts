import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { epochMillis } from "../../../../router/core/base/quantity.ts";
import { httpDate, rfc3339 } from "../../../../router/core/inference/instant.ts";
import { retryHint } from "../../../../router/core/inference/retry-hint.ts";

const NOW = epochMillis(Date.parse("2026-09-01T12:00:00Z"));

function fields(lines: readonly string[]): { rawName: string; name: string; value: string }[] {
  return lines.map((line) => {
    const at = line.indexOf(":");
    const rawName = line.slice(0, at);
    return { rawName, name: rawName.toLowerCase(), value: line.slice(at + 1).trim() };
  });
}

const rows: readonly (readonly [string, readonly string[], number | undefined])[] = [
  ["nothing", ["Content-Type: text/plain"], undefined],
  ["milliseconds", ["Retry-After-Ms: 1500"], 1_500],
  ["milliseconds before seconds", ["Retry-After: 9", "retry-after-ms: 250"], 250],
  ["milliseconds of Azure's gateway", ["x-ms-retry-after-ms: 70"], 70],
  ["milliseconds of zero leave the seconds", ["retry-after-ms: 0", "retry-after: 2"], 2_000],
  ["seconds", ["Retry-After: 30"], 30_000],
  ["seconds with a fraction", ["Retry-After: 0.5"], 500],
  ["a fraction of a millisecond is rounded up", ["retry-after-ms: 0.2"], 1],
  ["a date", ["Retry-After: Tue, 01 Sep 2026 12:00:10 GMT"], 10_000],
  ["a date of the past", ["Retry-After: Tue, 01 Sep 2026 11:59:59 GMT"], undefined],
  ["a date on a day that is none", ["Retry-After: Tue, 31 Sep 2026 12:00:10 GMT"], undefined],
  ["a date in another zone", ["Retry-After: Tue, 01 Sep 2026 12:00:10 CET"], undefined],
  ["-1 and 0", ["Retry-After: -1", "x-ratelimit-reset-tokens: 0", "x-ratelimit-reset-requests: -1"], undefined],
  ["Infinity, hex, exponent, sign", ["Retry-After: Infinity", "x-ratelimit-reset: 0x10"], undefined],
  ["an exponent", ["Retry-After: 1e9"], undefined],
  ["a plus", ["Retry-After: +5"], undefined],
  ["fourteen digits", ["Retry-After: 99999999999999"], undefined],
  ["two that could contradict", ["Retry-After: 1", "Retry-After: 100"], undefined],
  ["minutes and seconds", ["x-ratelimit-reset-tokens: 6m0s"], 360_000],
  ["milliseconds as a duration", ["x-ratelimit-reset-requests: 12ms"], 12],
  ["all parts", ["x-ratelimit-reset-requests: 1h2m3.5s4ms"], 3_723_504],
  ["minutes", ["x-ratelimit-reset-requests: 2m"], 120_000],
  ["out of order", ["x-ratelimit-reset-requests: 3s2m"], undefined],
  ["a part twice", ["x-ratelimit-reset-requests: 3s3s"], undefined],
  ["a unit without a number", ["x-ratelimit-reset-requests: s"], undefined],
  ["empty", ["x-ratelimit-reset-requests:"], undefined],
  ["plain seconds", ["x-ratelimit-reset: 7"], 7_000],
  ["a moment in seconds", [`x-ratelimit-reset: ${NOW / 1000 + 3}`], 3_000],
  ["RFC 3339", ["anthropic-ratelimit-requests-reset: 2026-09-01T12:01:00Z"], 60_000],
  ["RFC 3339 with an offset", ["anthropic-ratelimit-tokens-reset: 2026-09-01T14:00:01.5+02:00"], 1_500],
  ["seconds are none of Anthropic's forms", ["anthropic-ratelimit-tokens-reset: 5"], undefined],
  ["of several the shortest", ["x-ratelimit-reset-requests: 1s", "x-ratelimit-reset-tokens: 6m0s"], 1_000],
  [
    "what is used up decides",
    ["x-ratelimit-reset-requests: 1s", "x-ratelimit-reset-tokens: 6m0s", "x-ratelimit-remaining-tokens: 0"],
    360_000,
  ],
  [
    "of two used up the last",
    [
      "anthropic-ratelimit-requests-reset: 2026-09-01T12:00:05Z",
      "anthropic-ratelimit-input-tokens-reset: 2026-09-01T12:00:09Z",
      "anthropic-ratelimit-requests-remaining: 0",
      "anthropic-ratelimit-input-tokens-remaining: 0",
    ],
    9_000,
  ],
  ["longer than any of these is", [`x-ratelimit-reset-tokens: ${"1".repeat(70)}s`], undefined],
];

for (const [name, lines, expected] of rows) {
  test(`a hint of ${name}`, () => assert.equal(retryHint(fields(lines), NOW), expected));
}

test("whatever comes, a hint is a whole number above 0, or none", () => {
  const name = fc.constantFrom(
    "retry-after",
    "retry-after-ms",
    "x-ratelimit-reset-tokens",
    "x-ratelimit-remaining-tokens",
    "anthropic-ratelimit-tokens-reset",
  );
  const value = fc.oneof(fc.string(), fc.stringMatching(/^[0-9hms.:TZ-]{0,24}$/), fc.integer().map(String));
  fc.assert(
    fc.property(fc.array(fc.tuple(name, value), { maxLength: 6 }), (pairs) => {
      const hint = retryHint(
        pairs.map(([rawName, text]) => ({ rawName, name: rawName, value: text })),
        NOW,
      );
      assert.ok(hint === undefined || (Number.isInteger(hint) && hint > 0), String(hint));
    }),
  );
});

test("moments are those that the platform reads, and only real ones", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 253_402_300_799 }), (seconds) => {
      const date = new Date(seconds * 1000);
      assert.equal(rfc3339(date.toISOString()), seconds * 1000);
      assert.equal(httpDate(date.toUTCString()), seconds * 1000);
    }),
  );
  for (const text of ["2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-01T24:00:00Z", "1969-12-31T23:59:59Z"]) {
    assert.equal(rfc3339(text), undefined, text);
  }
  assert.equal(httpDate("Tue, 01 Foo 2026 12:00:10 GMT"), undefined);
  assert.equal(httpDate("Tuesday, 01-Sep-26 12:00:10 GMT"), undefined);
});
