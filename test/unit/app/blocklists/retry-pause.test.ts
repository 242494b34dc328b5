import assert from "node:assert/strict";
import { test } from "node:test";
import { millis } from "../../../../router/core/base/quantity.ts";
import { refreshPause, retryPause } from "../../../../router/app/blocklists/retry-pause.ts";

const HOURS = 3_600_000;

for (const [failures, refresh, random, expected] of [
  [1, 6 * HOURS, 0, 30_000],
  [2, 6 * HOURS, 0, 60_000],
  [3, 6 * HOURS, 0, 120_000],
  [7, 6 * HOURS, 0, 1_800_000],
  [1_000_000, 6 * HOURS, 0, 1_800_000],
  [1, 6 * HOURS, 0.5, 33_750],
  [1, 1_000, 0, 1_000],
] as const) {
  test(`retryPause after ${failures} failures of a feed for ${refresh} ms, with ${random}`, () => {
    assert.equal(retryPause(failures, millis(refresh), random), expected);
  });
}

for (const [refresh, age, random, expected] of [
  [6 * HOURS, 0, 0, 6 * HOURS],
  [6 * HOURS, 0, 0.5, 5.7 * HOURS],
  [6 * HOURS, 5 * HOURS, 0, HOURS],
  [6 * HOURS, 7 * HOURS, 0, 0],
  [6 * HOURS, -5, 0, 6 * HOURS],
  [1_000 * HOURS, 0, 0, 2 ** 31 - 1],
] as const) {
  test(`refreshPause of a feed for ${refresh} ms that is ${age} ms old, with ${random}`, () => {
    assert.equal(refreshPause(millis(refresh), age, random), expected);
  });
}
