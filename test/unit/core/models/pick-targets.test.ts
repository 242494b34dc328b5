import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { orderTargets } from "../../../../router/core/models/pick-targets.ts";

const weighted = (...weights: readonly number[]) => ({
  targets: weights.map((weight, at) => ({ provider: `p${at}`, model: "m", weight })),
});
const order = (weights: readonly number[], draw: number): string =>
  orderTargets(weighted(...weights), draw)
    .map(({ provider }) => provider.slice(1))
    .join("");

const rows: readonly (readonly [weights: readonly number[], draw: number, order: string])[] = [
  [[1], 0.99, "0"],
  [[1, 0, 0], 0, "012"],
  [[1, 0, 0], 0.999, "012"],
  [[0, 0, 5], 0, "201"],
  [[3, 1], 0, "01"],
  [[3, 1], 0.7499, "01"],
  [[3, 1], 0.75, "10"],
  [[1, 2, 1], 0.25, "102"],
  [[1, 2, 1], 0.75, "201"],
  [[0, 1, 0, 1], 0.5, "3012"],
  // No chance, or none that is one.
  [[3, 1], 1, "10"],
  [[3, 1], 7, "10"],
  [[3, 1], -1, "01"],
  [[0, 1], Number.NaN, "10"],
];
for (const [weights, draw, expected] of rows) {
  test(`targets of weights ${weights.join(":")} at ${draw} are tried as ${expected}`, () => {
    assert.equal(order(weights, draw), expected);
  });
}

test("every target is tried once, one with weight first, the others as listed", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 1_000_000 }), { minLength: 1, maxLength: 16 }),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      (weights, draw) => {
        fc.pre(weights.some((weight) => weight > 0));
        const model = weighted(...weights);
        const [first, ...rest] = orderTargets(model, draw);
        assert.ok(first !== undefined && first.weight > 0);
        assert.deepEqual(
          rest,
          model.targets.filter((target) => target !== first),
        );
      },
    ),
    { numRuns: 500 },
  );
});

test("over all draws, each target is first as often as its weight says", () => {
  const firsts = [0, 0, 0];
  for (let at = 0; at < 10_000; at += 1) {
    const [first] = orderTargets(weighted(5, 3, 2), at / 10_000);
    const place = Number(first?.provider.slice(1));
    firsts[place] = (firsts[place] ?? 0) + 1;
  }
  assert.deepEqual(firsts, [5000, 3000, 2000]);
});
