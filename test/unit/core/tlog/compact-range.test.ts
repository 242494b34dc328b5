import assert from "node:assert/strict";
import { test } from "node:test";
import {
  appendLeaves,
  emptyRange,
  joinRanges,
  rangeRoot,
  subtreeSizes,
} from "../../../../router/core/tlog/compact-range.ts";
import { rangeConsistency } from "../../../../router/core/tlog/range-consistency.ts";
import { consistencyRanges } from "../../../../router/core/tlog/proof-ranges.ts";
import { RangeHasher } from "../../../../router/core/tlog/range-hasher.ts";
import { EMPTY_ROOT } from "../../../../router/core/tlog/tree-hash.ts";
import { countedLeaves, leafOf, referenceRoot, rememberingNodeHash, treeRows } from "./merkle-vectors.ts";

const node = rememberingNodeHash();
const LEAVES = countedLeaves(130);

test("the roots of the reference trees, leaf by leaf and all at once", () => {
  const leaves = treeRows.leaves.map(leafOf);
  let grown = emptyRange(0);
  for (const [size, root] of treeRows.roots.entries()) {
    assert.equal(rangeRoot(grown, node), root);
    assert.equal(rangeRoot(appendLeaves(emptyRange(0), leaves.slice(0, size), node), node), root);
    grown = appendLeaves(grown, leaves.slice(size, size + 1), node);
  }
});

test("the roots of the Go implementation's trees of 1 to 130 leaves", () => {
  let range = emptyRange(0);
  for (const [size, root] of treeRows.trees) {
    range = appendLeaves(range, LEAVES.slice(size - 1, size), node);
    assert.deepEqual([range.end, rangeRoot(range, node)], [size, root]);
    assert.equal(range.hashes.length, size.toString(2).replaceAll("0", "").length);
  }
});

test("a range is not changed by what is made of it", () => {
  const range = Object.freeze({ begin: 0, end: 3, hashes: Object.freeze(["a", "b"]) });
  appendLeaves(range, ["c", "d"], (left, right) => `${left}${right}`);
  joinRanges(range, { begin: 3, end: 4, hashes: ["c"] }, (left, right) => `${left}${right}`);
  assert.deepEqual(range, { begin: 0, end: 3, hashes: ["a", "b"] });
});

test("every way to cut 40 leaves in three joins to the same range, whichever is joined first", () => {
  const whole = appendLeaves(emptyRange(0), LEAVES.slice(0, 40), node);
  for (let one = 0; one <= 40; one += 1) {
    for (let two = one; two <= 40; two += 1) {
      const [a, b, c] = [
        [0, one],
        [one, two],
        [two, 40],
      ].map(([from = 0, to = 0]) => appendLeaves(emptyRange(from), LEAVES.slice(from, to), node));
      assert.ok(a && b && c);
      const left = joinRanges(joinRanges(a, b, node) ?? assert.fail(), c, node);
      const right = joinRanges(a, joinRanges(b, c, node) ?? assert.fail(), node);
      assert.deepEqual(left, whole);
      assert.deepEqual(right, whole);
      assert.equal(b.hashes.length, subtreeSizes(one, two).length);
    }
  }
});

test("ranges that do not meet, or hold too few hashes, do not join", () => {
  const [a, b] = [emptyRange(0), appendLeaves(emptyRange(1), ["x"], node)];
  assert.equal(joinRanges(a, b, node), undefined);
  assert.equal(joinRanges(b, a, node), undefined);
  assert.equal(joinRanges(a, { begin: 0, end: 3, hashes: ["x"] }, node), undefined);
});

test("an empty range has the empty root", () => {
  assert.equal(rangeRoot(emptyRange(0), node), EMPTY_ROOT);
  assert.equal(referenceRoot([], node), EMPTY_ROOT);
});

const sizes: readonly [begin: number, end: number, sizes: readonly number[]][] = [
  [0, 0, []],
  [0, 1, [1]],
  [0, 7, [4, 2, 1]],
  [0, 8, [8]],
  [1, 8, [1, 2, 4]],
  [3, 13, [1, 4, 4, 1]],
  [5, 5, []],
  [6, 5, []],
  [-1, 5, []],
  [0.5, 5, []],
  [0, NaN, []],
  [0, Infinity, []],
  [0, 2 ** 53, []],
  [2 ** 53 - 2, 2 ** 53 - 1, [1]],
  [0, 2 ** 52, [2 ** 52]],
];

for (const [begin, end, expected] of sizes) {
  test(`subtreeSizes(${begin}, ${end})`, () => assert.deepEqual(subtreeSizes(begin, end), expected));
}

test("a log without leaves proves the same as one that streams them, for all sizes to 130", () => {
  for (let newSize = 1; newSize <= 130; newSize += 1) {
    for (let oldSize = 0; oldSize <= newSize; oldSize += 1) {
      const earlier = appendLeaves(emptyRange(0), LEAVES.slice(0, oldSize), node);
      const since = appendLeaves(emptyRange(oldSize), LEAVES.slice(oldSize, newSize), node);
      const hasher = new RangeHasher(consistencyRanges(oldSize, newSize) ?? assert.fail(), node);
      hasher.add(LEAVES.slice(0, newSize));
      assert.deepEqual(rangeConsistency(earlier, since, node), hasher.hashes(), `${oldSize} to ${newSize}`);
    }
  }
});
