import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { NO_USAGE, type Usage } from "../../../../router/core/inference/usage.ts";
import { callCost, highestCost } from "../../../../router/core/models/call-cost.ts";
import type { Price } from "../../../../router/core/models/inference-policy.ts";
import { inferenceDocument } from "./models-fixture.ts";

function priceOf(written: string): Price {
  const document = inferenceDocument(['{ input: 1.25, cacheRead: "0.125", output: 10, toolCall: 0.01 }', written]);
  const price = document.models[0]?.price;
  assert.ok(price !== undefined);
  return price;
}

const rows: readonly (readonly [what: string, price: string, usage: Partial<Usage>, nano: number])[] = [
  ["nothing used", "{ input: 1.25, output: 10 }", {}, 0],
  ["input and output", "{ input: 1.25, output: 10 }", { input: 1000, output: 100 }, 1_250_000 + 1_000_000],
  ["a fraction of a billionth is rounded up", "{ input: 0.0375, output: 0 }", { input: 1 }, 38],
  ["two halves of a billionth are one", "{ input: 0.0375, output: 0 }", { input: 2 }, 75],
  ["the smallest price", "{ input: 0.000001, output: 0 }", { input: 1001 }, 2],
  [
    "what was read from a cache is part of the input",
    "{ input: 1.25, cacheRead: 0.125, output: 0 }",
    { input: 1000, cacheRead: 800 },
    250_000 + 100_000,
  ],
  [
    "what was written for an hour is part of what was written",
    "{ input: 3, cacheWrite: 3.75, cacheWriteHour: 6, output: 0 }",
    { input: 100, cacheWrite: 60, cacheWriteHour: 20 },
    40 * 3000 + 40 * 3750 + 20 * 6000,
  ],
  [
    "cache prices that are not given are those of input",
    "{ input: 3, output: 0 }",
    { input: 100, cacheRead: 100 },
    300_000,
  ],
  [
    "audio",
    "{ input: 1, audioInput: 40, output: 2, audioOutput: 80 }",
    { input: 10, audioInput: 10, output: 10, audioOutput: 5 },
    400_000 + 10_000 + 400_000,
  ],
  ["reasoning is output", "{ input: 0, output: 2 }", { output: 10, reasoning: 10 }, 20_000],
  ["calls and searches", "{ input: 0, output: 0, request: 0.002, toolCall: 0.01 }", { toolCalls: 3 }, 32_000_000],
  // An origin that lies.
  ["more read than went in", "{ input: 1, cacheRead: 1, output: 0 }", { input: 1, cacheRead: 1000 }, 1_000_000],
  [
    "more written for an hour than at all",
    "{ input: 0, cacheWriteHour: 6, output: 0 }",
    { cacheWriteHour: 10 },
    60_000,
  ],
  ["more audio than output", "{ input: 0, output: 1 }", { output: 1, audioOutput: 10 }, 10_000],
  [
    "more than can be counted",
    "{ input: 1000000, output: 1000000 }",
    { input: Number.MAX_SAFE_INTEGER, output: Number.MAX_SAFE_INTEGER },
    Number.MAX_SAFE_INTEGER,
  ],
];
for (const [what, price, usage, nano] of rows) {
  test(`cost of a call: ${what}`, () => assert.equal(callCost(priceOf(price), { ...NO_USAGE, ...usage }), nano));
}

const amount = fc.integer({ min: 0, max: 1_000_000 });
const pico = fc.integer({ min: 0, max: 100_000_000 });

test("INV-BUDGET-COST: no honest call without searches costs more than was reserved for its tokens", () => {
  fc.assert(
    fc.property(
      fc.record({
        input: pico,
        cacheRead: pico,
        cacheWrite: pico,
        cacheWriteHour: pico,
        audioInput: pico,
        output: pico,
        audioOutput: pico,
        request: pico,
        toolCall: fc.constant(0),
      }),
      fc.tuple(amount, amount, amount, amount, amount, amount),
      (price, [plain, cacheRead, cacheWrite, hour, audioInput, output]) => {
        const written = cacheWrite + hour;
        const usage = {
          ...NO_USAGE,
          input: plain + cacheRead + written + audioInput,
          cacheRead,
          cacheWrite: written,
          cacheWriteHour: hour,
          audioInput,
          output,
          audioOutput: output >> 1,
        };
        assert.ok(callCost(price, usage) <= highestCost(price, usage.input, usage.output));
      },
    ),
    { numRuns: 500 },
  );
});

test("prices are exact: the cost of n tokens is n times the decimal that was written", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 999_999_999 }),
      fc.integer({ min: 0, max: 100_000 }),
      (millionths, tokens) => {
        const text = `${Math.floor(millionths / 1e6)}.${String(millionths % 1e6).padStart(6, "0")}`;
        const exact = (BigInt(millionths) * BigInt(tokens) + 999n) / 1000n;
        assert.equal(BigInt(callCost(priceOf(`{ input: ${text}, output: 0 }`), { ...NO_USAGE, input: tokens })), exact);
      },
    ),
    { numRuns: 100 },
  );
});
