import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  type CallEstimate,
  costOf,
  leastAmount,
  leastOutput,
  outputThatFits,
  tokensOf,
} from "../../../../router/core/budget/amount.ts";
import type { BudgetUnit } from "../../../../router/core/budget/budget-rule.ts";
import { call } from "./budget-fixture.ts";

const MOST = Number.MAX_SAFE_INTEGER;

const cases: readonly (readonly [name: string, unit: BudgetUnit, room: number, Partial<CallEstimate>, fits: number])[] =
  [
    ["a request, one left", "requests", 1, {}, 100],
    ["a request, none left", "requests", 0, {}, -1],
    ["tokens, all fits", "tokens", 200, {}, 100],
    ["tokens, one too few", "tokens", 199, {}, 99],
    ["tokens, only the input fits", "tokens", 100, {}, 0],
    ["tokens, not even the input", "tokens", 99, {}, -1],
    ["tokens, more used than the limit", "tokens", -5_000, {}, -1],
    ["tokens, three choices share what is left", "tokens", 300, { choices: 3 }, 66],
    ["tokens, an embedding", "tokens", 100, { output: 0 }, 0],
    ["cost, all fits", "cost", 100_000 + 200_000 + 5, {}, 100],
    ["cost, a billionth too little", "cost", 100_000 + 200_000 + 4, {}, 99],
    ["cost, only the input fits", "cost", 100_005, {}, 0],
    ["cost, not even the input", "cost", 100_004, {}, -1],
    ["cost, no price", "cost", MOST, { price: undefined }, -1],
    ["cost, output is free", "cost", 100_005, { price: { input: 1000, output: 0, request: 5 } }, 100],
    ["cost, all is free", "cost", 0, { price: { input: 0, output: 0, request: 0 } }, 100],
    [
      "cost, fractions round up",
      "cost",
      1,
      { input: 1, output: 10, price: { input: 0.1, output: 0.1, request: 0 } },
      9,
    ],
    [
      // (57033 - 48 * 12) / 5.4 is 10455, but 48 * 12 + 10455 * 5.4 is a little more than 57033.
      "cost, a quotient that was rounded up",
      "cost",
      57_033,
      { input: 48, output: 20_000, price: { input: 12, output: 5.4, request: 0 } },
      10_454,
    ],
    ["cost, a price beyond all bounds", "cost", MOST - 1, { price: { input: 1e300, output: 1, request: 0 } }, -1],
    ["tokens, an input beyond all bounds", "tokens", MOST, { input: MOST, output: MOST, choices: MOST }, 0],
  ];

for (const [name, unit, room, changes, fits] of cases) {
  test(`${name}: ${fits}`, () => assert.equal(outputThatFits(unit, room, call(changes)), fits));
}

test("the least output is no more than what was asked for, and none only where none was", () => {
  assert.equal(leastOutput(call({ least: 0 })), 1);
  assert.equal(leastOutput(call({ least: 40 })), 40);
  assert.equal(leastOutput(call({ least: 400 })), 100);
  assert.equal(leastOutput(call({ output: 0, least: 400 })), 0);
  assert.equal(leastAmount("tokens", call({ least: 40, choices: 2 })), 180);
  assert.equal(leastAmount("cost", call({ least: 40 })), 180_005);
});

test("what fits is the most that fits, and what it comes to is within the room", () => {
  const count = fc.oneof(fc.nat(10_000), fc.nat(MOST));
  const price = fc.oneof(fc.nat(100_000), fc.double({ min: 0, max: 1e6, noNaN: true }));
  fc.assert(
    fc.property(
      fc.constantFrom<BudgetUnit>("tokens", "cost"),
      fc.integer({ min: -1_000, max: MOST }),
      fc.record({ input: count, output: count, choices: fc.integer({ min: 1, max: 128 }) }),
      fc.record({ input: price, output: price, request: price }),
      (unit, room, amounts, prices) => {
        const estimate = call({ ...amounts, price: prices });
        const comesTo = (output: number): number =>
          unit === "tokens" ? tokensOf(estimate, output) : costOf(estimate, prices, output);
        const fits = outputThatFits(unit, room, estimate);
        assert.ok(fits >= -1 && fits <= estimate.output);
        if (fits >= 0) assert.ok(comesTo(fits) <= room, "above the room");
        else assert.ok(comesTo(0) > room, "refused for nothing");
        // Sums of fractions may be off by a few tokens in 2^53, to the safe side.
        const more = fits + 1 + Math.ceil(fits * 1e-12);
        if (fits >= 0 && more <= estimate.output && room < MOST) assert.ok(comesTo(more) > room - 1 - room * 1e-12);
      },
    ),
    { numRuns: 3_000 },
  );
});
