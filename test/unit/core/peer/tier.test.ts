import assert from "node:assert/strict";
import { test } from "node:test";
import { tierOf } from "../../../../router/core/peer/tier.ts";

// The names and bounds of kars (governance-audit.md, section 1.2); AGT has others. A bound belongs to the tier above it.
const rows: readonly (readonly [score: number, tier: string])[] = [
  [0, "anonymous"],
  [1, "anonymous"],
  [199, "anonymous"],
  [200, "observed"],
  [399, "observed"],
  [400, "known"],
  [599, "known"],
  [600, "verified"],
  [799, "verified"],
  [800, "sovereign"],
  [999, "sovereign"],
  [1000, "sovereign"],
];
for (const [score, tier] of rows) {
  test(`a score of ${score} is ${tier}`, () => {
    assert.equal(tierOf(score), tier);
  });
}
