import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { millis } from "../../router/core/base/quantity.ts";
import { RateWindows } from "../../router/core/policy/rate-window.ts";

const runs = { numRuns: Number(process.env["SLUICE_TEST_RUNS"] ?? 500) };

test("INV-RATE-WINDOW: never more than the limit in any 60 s, and never a refusal with a place free for over a second", () => {
  const pauses = fc.array(fc.oneof(fc.nat(500), fc.nat(5_000), fc.nat(90_000)), { maxLength: 200 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 20 }), pauses, (limit, steps) => {
      const windows = new RateWindows();
      const admitted: number[] = [];
      let at = 0;
      for (const step of steps) {
        at += step;
        const within = (length: number): number => admitted.filter((earlier) => earlier > at - length).length;
        if (windows.admit("rule", limit, millis(at))) {
          assert.ok(within(60_000) < limit, "one too many");
          admitted.push(at);
        } else {
          assert.ok(within(61_000) >= limit, "refused for nothing");
        }
      }
    }),
    runs,
  );
});
