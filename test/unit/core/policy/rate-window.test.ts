import assert from "node:assert/strict";
import { test } from "node:test";
import { millis } from "../../../../router/core/base/quantity.ts";
import { RateWindows } from "../../../../router/core/policy/rate-window.ts";

test("INV-RATE-WINDOW: the limit, a full minute, and a place that comes free", () => {
  const windows = new RateWindows();
  const admit = (at: number): boolean => windows.admit("a", 3, millis(at));
  assert.deepEqual([0, 500, 30_000, 30_000, 59_999, 60_000, 60_999].map(admit), [
    true,
    true,
    true,
    false,
    false,
    false,
    false,
  ]);
  // The second of the first two is over; both places are free again.
  assert.deepEqual([61_000, 61_000, 61_000].map(admit), [true, true, false]);
  assert.deepEqual([90_999, 91_000, 91_000].map(admit), [false, true, false]);
});

test("rules do not share a window, and a refusal takes no place", () => {
  const windows = new RateWindows();
  assert.ok(windows.admit("a", 1, millis(0)));
  for (let at = 0; at < 61_000; at += 100) assert.equal(windows.admit("a", 1, millis(at)), false);
  assert.ok(windows.admit("b", 1, millis(0)));
  assert.ok(windows.admit("a", 1, millis(61_000)));
});

test("counts outlive a reload by rule id; a lower limit holds at once; ids that are gone are forgotten", () => {
  const windows = new RateWindows();
  for (let count = 0; count < 5; count += 1) assert.ok(windows.admit("a", 5, millis(1_000)));
  windows.retain(new Set(["a"]));
  assert.equal(windows.admit("a", 5, millis(2_000)), false);
  assert.equal(windows.admit("a", 3, millis(2_000)), false);
  assert.equal(windows.admit("a", 6, millis(2_000)), true);
  windows.retain(new Set(["b"]));
  assert.equal(windows.admit("a", 1, millis(2_000)), true);
});

test("odd clocks: a step back frees nothing, a long pause frees all, a limit that is no number admits nothing", () => {
  const windows = new RateWindows();
  assert.ok(windows.admit("a", 1, millis(100_000)));
  assert.equal(windows.admit("a", 1, millis(0)), false);
  assert.equal(windows.admit("a", 1, millis(100_500)), false);
  assert.ok(windows.admit("a", 1, millis(10 ** 12)));
  assert.ok(windows.admit("c", 1, millis(-5_000)));
  assert.ok(windows.admit("c", 1, millis(70_000)));
  assert.equal(windows.admit("b", Number.NaN, millis(0)), false);
  assert.equal(windows.admit("b", 0, millis(0)), false);
});
