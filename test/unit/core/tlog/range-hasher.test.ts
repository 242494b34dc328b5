import assert from "node:assert/strict";
import { test } from "node:test";
import { appendLeaves, emptyRange } from "../../../../router/core/tlog/compact-range.ts";
import { consistencyRanges, inclusionRanges, type IndexRange } from "../../../../router/core/tlog/proof-ranges.ts";
import { RangeHasher } from "../../../../router/core/tlog/range-hasher.ts";
import type { TreeHash } from "../../../../router/core/tlog/tree-hash.ts";
import { countedLeaves, rememberingNodeHash } from "./merkle-vectors.ts";

const node = rememberingNodeHash();
const LEAVES = countedLeaves(40);

/** The hashes where the leaves before `first` are known only as the subtrees over them. */
function hashesFrom(first: number, size: number, ranges: readonly IndexRange[]): readonly TreeHash[] | undefined {
  const hasher = new RangeHasher(ranges, node, appendLeaves(emptyRange(0), LEAVES.slice(0, first), node));
  assert.equal(hasher.size, first);
  hasher.add(LEAVES.slice(first, size));
  assert.equal(hasher.isPossible || hasher.hashes() === undefined, true);
  return hasher.hashes();
}

test("a log whose first records are gone proves each record that is left, and the tree from what is left of it on", () => {
  for (let size = 1; size <= 40; size += 1) {
    for (let first = 0; first < size; first += 1) {
      const whole = { from: 0, to: size };
      for (let index = first; index < size; index += 1) {
        const ranges = [...(inclusionRanges(index, size) ?? assert.fail()), whole];
        assert.deepEqual(hashesFrom(first, size, ranges), hashesFrom(0, size, ranges));
        if (index === 0) continue;
        const growth = [...(consistencyRanges(index, size) ?? assert.fail()), { from: 0, to: index }, whole];
        assert.deepEqual(hashesFrom(first, size, growth), hashesFrom(0, size, growth));
      }
    }
  }
});

test("a part of a subtree that is gone has no hash", () => {
  assert.equal(hashesFrom(8, 10, [{ from: 0, to: 4 }]), undefined);
  assert.equal(hashesFrom(8, 10, [{ from: 6, to: 10 }]), undefined);
  assert.equal(hashesFrom(6, 10, [{ from: 5, to: 6 }]), undefined);
  assert.notEqual(hashesFrom(6, 10, [{ from: 4, to: 6 }]), undefined);
});

test("a tree with too few hashes gives none", () => {
  const hasher = new RangeHasher([{ from: 0, to: 9 }], node, { begin: 0, end: 7, hashes: LEAVES.slice(0, 2) });
  hasher.add(LEAVES.slice(0, 2));
  assert.deepEqual([hasher.isPossible, hasher.hashes()], [false, undefined]);
});

test("there are no hashes before the last leaf has gone by", () => {
  const hasher = new RangeHasher([{ from: 2, to: 4 }], node);
  hasher.add(LEAVES.slice(0, 3));
  assert.equal(hasher.hashes(), undefined);
  hasher.add(LEAVES.slice(3, 9));
  assert.deepEqual(hasher.hashes(), [node(LEAVES[2] ?? "", LEAVES[3] ?? "")]);
});
