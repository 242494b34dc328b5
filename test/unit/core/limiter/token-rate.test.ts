import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import type { Limit } from "../../../../router/core/limiter/limit.ts";
import { carriedLevel, refilled, tokenRate, waitFor } from "../../../../router/core/limiter/token-rate.ts";

type Rate = NonNullable<Limit["rate"]>;
const MOST = Number.MAX_SAFE_INTEGER;

const bad: readonly (readonly [name: string, Rate])[] = [
  ["no count", { count: 0, window: 1_000, burst: 1 }],
  ["a negative count", { count: -1, window: 1_000, burst: 1 }],
  ["half a call", { count: 0.5, window: 1_000, burst: 1 }],
  ["no window", { count: 1, window: 0, burst: 1 }],
  ["no burst", { count: 1, window: 1_000, burst: 0 }],
  ["a burst that is no number", { count: 1, window: 1_000, burst: Number.NaN }],
  ["an endless count", { count: Number.POSITIVE_INFINITY, window: 1_000, burst: 1 }],
  ["a window beyond what is exact", { count: 1, window: 2 ** 53, burst: 1 }],
];

for (const [name, rate] of bad) {
  test(`${name}: nothing is ever allowed`, () => {
    const compiled = tokenRate(rate);
    assert.equal(waitFor(compiled, refilled(compiled, compiled.capacity, MOST)), MOST);
  });
}

const good: readonly (readonly [name: string, Rate, cost: number, gain: number, capacity: number])[] = [
  ["50 a second, 100 at once", { count: 50, window: 1_000, burst: 100 }, 20, 1, 2_000],
  ["100 a minute", { count: 100, window: 60_000, burst: 1 }, 600, 1, 600],
  ["7 in 3 milliseconds", { count: 7, window: 3, burst: 2 }, 3, 7, 6],
  ["the largest of all", { count: MOST, window: MOST, burst: MOST }, 1, 1, MOST],
  ["a burst that is too much for its window", { count: 1, window: MOST - 1, burst: MOST }, MOST - 1, 1, MOST - 1],
];

for (const [name, rate, cost, gain, capacity] of good) {
  test(`${name}: ${capacity} parts`, () => assert.deepEqual(tokenRate(rate), { cost, gain, capacity }));
}

test("without a rate a call takes nothing", () => assert.equal(waitFor(tokenRate(undefined), 0), 0));

const anyRate = fc
  .record({
    count: fc.integer({ min: 1, max: MOST }),
    window: fc.integer({ min: 1, max: MOST }),
    burst: fc.integer({ min: 1, max: MOST }),
  })
  .map(tokenRate);

test("refilling and waiting are exact up to the largest numbers", () => {
  fc.assert(
    fc.property(
      anyRate,
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.integer({ min: 0, max: MOST }),
      (rate, part, elapsed) => {
        const level = Math.floor(rate.capacity * part);
        const exact = BigInt(level) + BigInt(elapsed) * BigInt(rate.gain);
        const full = BigInt(rate.capacity);
        assert.equal(BigInt(refilled(rate, level, elapsed)), exact < full ? exact : full);
        const wait = waitFor(rate, level);
        const after = (millis: number): bigint => BigInt(level) + BigInt(millis) * BigInt(rate.gain);
        assert.ok(after(wait) >= BigInt(rate.cost), "it is enough after the wait");
        assert.ok(wait === 0 || after(wait - 1) < BigInt(rate.cost), "and not before");
      },
    ),
  );
});

test("a level that is carried over is never more calls than it was", () => {
  fc.assert(
    fc.property(anyRate, anyRate, fc.double({ min: 0, max: 1, noNaN: true }), (from, to, part) => {
      const level = Math.floor(from.capacity * part);
      const carried = carriedLevel(from, to, level);
      assert.ok(BigInt(carried) * BigInt(from.cost) <= BigInt(level) * BigInt(to.cost));
      assert.ok(carried <= to.capacity && Number.isSafeInteger(carried) && carried >= 0);
    }),
  );
});
