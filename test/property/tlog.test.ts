import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { formatAddCheckpoint, parseAddCheckpoint } from "../../router/core/tlog/add-checkpoint.ts";
import { type ConsistencyProof, verifyConsistency } from "../../router/core/tlog/consistency-proof.ts";
import { type InclusionProof, verifyInclusion } from "../../router/core/tlog/inclusion-proof.ts";
import { consistencyRanges, inclusionRanges, type IndexRange } from "../../router/core/tlog/proof-ranges.ts";
import { RangeHasher } from "../../router/core/tlog/range-hasher.ts";
import { formatTlogProof, parseTlogProof } from "../../router/core/tlog/tlog-proof.ts";
import type { TreeHash } from "../../router/core/tlog/tree-hash.ts";
import { nodeHash } from "../../router/edge/audit/node-hash.ts";
import {
  countedLeaves,
  referenceGrowth,
  referencePathRoot,
  referenceRoot,
  rememberingNodeHash,
} from "../unit/core/tlog/merkle-vectors.ts";

const LARGEST = 130;
const LEAVES = countedLeaves(LARGEST);
const node = rememberingNodeHash();
const ROOTS = Array.from({ length: LARGEST + 1 }, (_, size) => referenceRoot(LEAVES.slice(0, size), node));

/** All the proofs of a tree in one streaming of its leaves, in pieces. */
function buildAll(size: number, wanted: readonly (readonly IndexRange[])[]): (readonly TreeHash[])[] {
  const hasher = new RangeHasher(wanted.flat(), node);
  for (let at = 0; at < size; at += 50) hasher.add(LEAVES.slice(at, Math.min(at + 50, size)));
  const hashes = hasher.hashes() ?? assert.fail("no hashes");
  let begin = 0;
  return wanted.map((ranges) => hashes.slice(begin, (begin += ranges.length)));
}

function flip(hash: TreeHash): TreeHash {
  return `${hash.startsWith("0") ? "1" : "0"}${hash.slice(1)}`;
}

/** Every path that differs by one hash: changed, missing, or one more, at each place. */
function wrongPaths(path: readonly TreeHash[], other: TreeHash): (readonly TreeHash[])[] {
  return [
    ...path.map((hash, index) => path.with(index, flip(hash))),
    ...path.map((_, index) => path.toSpliced(index, 1)),
    [other, ...path],
    [...path, other],
  ];
}

/** Numbers near one, far from it, and with a bit of it changed. */
function otherNumbers(number: number): number[] {
  const all = [number - 1, number + 1, number * 2, number ^ (1 << (number % 8)), 0, 2 ** 53 - 1, number + 0.5];
  return all.filter((one) => one !== number);
}

test("inclusion: in every tree of up to 130 leaves each proof holds, and nothing that differs from it by one thing", () => {
  for (let size = 1; size <= LARGEST; size += 1) {
    const indexes = Array.from({ length: size }, (_, index) => index);
    const paths = buildAll(
      size,
      indexes.map((index) => inclusionRanges(index, size) ?? assert.fail()),
    );
    for (const index of indexes) {
      const path = paths[index] ?? [];
      const leaf = LEAVES[index] ?? "";
      const root = ROOTS[size] ?? "";
      const proof: InclusionProof = { index, leaf, size, root, path };
      const fails = (change: Partial<InclusionProof>): void => {
        const claim = { ...proof, ...change };
        if (verifyInclusion(claim, nodeHash) === "proved") assert.fail(JSON.stringify({ proof, change }));
      };
      assert.equal(verifyInclusion(proof, node), "proved");
      for (const wrong of wrongPaths(path, root)) fails({ path: wrong });
      fails({ leaf: flip(leaf) });
      fails({ root: flip(root) });
      for (const other of otherNumbers(index)) fails({ index: other });
    }
  }
});

test("consistency: between every two trees of up to 130 leaves each proof holds, and nothing that differs by one thing", () => {
  for (let newSize = 1; newSize <= LARGEST; newSize += 1) {
    const oldSizes = Array.from({ length: newSize + 1 }, (_, size) => size);
    const paths = buildAll(
      newSize,
      oldSizes.map((oldSize) => consistencyRanges(oldSize, newSize) ?? assert.fail()),
    );
    for (const oldSize of oldSizes) {
      const path = paths[oldSize] ?? [];
      const oldRoot = ROOTS[oldSize] ?? "";
      const newRoot = ROOTS[newSize] ?? "";
      const proof: ConsistencyProof = { oldSize, oldRoot, newSize, newRoot, path };
      const fails = (change: Partial<ConsistencyProof>): void => {
        const claim = { ...proof, ...change };
        if (verifyConsistency(claim, nodeHash) === "proved") assert.fail(JSON.stringify({ proof, change }));
      };
      assert.equal(verifyConsistency(proof, node), "proved");
      for (const wrong of wrongPaths(path, newRoot)) fails({ path: wrong });
      fails({ oldRoot: flip(oldRoot) });
      // Every tree goes on from the empty one: there the new root is the business of whoever signed it.
      if (oldSize > 0) fails({ newRoot: flip(newRoot) });
      for (const other of otherNumbers(oldSize)) fails({ oldSize: other });
    }
  }
});

/**
 * A proof does not bind the size of its tree: leaf 0 of 3 has the path of leaf 0 of 4. The checkpoint does, which signs
 * size and root together. What can be held against a claim of another size is the text of the RFC.
 */
test("a claim of any size is judged as RFC 6962 reads, from the root down", () => {
  for (let size = 1; size <= 33; size += 1) {
    const indexes = Array.from({ length: size }, (_, index) => index);
    const included = buildAll(
      size,
      indexes.map((index) => inclusionRanges(index, size) ?? assert.fail()),
    );
    const grown = buildAll(
      size,
      indexes.map((index) => consistencyRanges(index, size) ?? assert.fail()),
    );
    for (const index of indexes) {
      for (let claimed = 1; claimed <= 40; claimed += 1) {
        const [path = [], growth = []] = [included[index], grown[index]];
        const [leaf = "", root = "", oldRoot = ""] = [LEAVES[index], ROOTS[size], ROOTS[index]];
        const isIn = index < claimed && referencePathRoot(index, claimed, leaf, path, node) === root;
        assert.equal(verifyInclusion({ index, leaf, size: claimed, root, path }, node) === "proved", isIn);
        if (index === 0 || claimed === index) continue;
        const roots = index < claimed ? referenceGrowth(index, claimed, oldRoot, growth, node) : undefined;
        const isGrown = roots?.[0] === oldRoot && roots[1] === root;
        const proof = { oldSize: index, oldRoot, newSize: claimed, newRoot: root, path: growth };
        assert.equal(verifyConsistency(proof, node) === "proved", isGrown, `${index} of ${size} as ${claimed}`);
      }
    }
  }
});

const number = fc.oneof(
  fc.maxSafeNat(),
  fc.nat(300),
  fc.integer(),
  fc.double(),
  fc.constantFrom(2 ** 53, 2 ** 53 - 1, 2 ** 52, Infinity, NaN, -0),
);

test("the ranges of an inclusion proof and its leaf are the tree, each index once, whatever the size", () => {
  fc.assert(
    fc.property(number, number, (index, size) => {
      const ranges = inclusionRanges(index, size);
      const isIndex = Number.isSafeInteger(index) && Number.isSafeInteger(size) && index >= 0 && index < size;
      assert.equal(ranges !== undefined, isIndex);
      if (ranges === undefined) return;
      assert.ok(ranges.length <= 53);
      let at = 0;
      for (const { from, to } of [...ranges, { from: index, to: index + 1 }].toSorted((a, b) => a.from - b.from)) {
        assert.ok(from === at);
        at = to;
      }
      assert.equal(at, size);
    }),
    { numRuns: 2_000 },
  );
});

test("the ranges of a consistency proof split at the old size, and with the old tree are the new one", () => {
  fc.assert(
    fc.property(number, number, (oldSize, newSize) => {
      const ranges = consistencyRanges(oldSize, newSize);
      const isOrdered =
        Number.isSafeInteger(oldSize) && Number.isSafeInteger(newSize) && oldSize >= 0 && oldSize <= newSize;
      assert.equal(ranges !== undefined, isOrdered);
      if (ranges === undefined || oldSize === 0 || oldSize === newSize) return assert.equal(ranges?.length ?? 0, 0);
      assert.ok(ranges.length <= 54);
      let at = ranges.some(({ from }) => from === 0) ? 0 : oldSize;
      for (const { from, to } of ranges.toSorted((a, b) => a.from - b.from)) {
        assert.equal(from, at);
        assert.ok(to <= oldSize || from >= oldSize);
        at = to;
      }
      assert.equal(at, newSize);
    }),
    { numRuns: 2_000 },
  );
});

test("whatever is claimed, a verifier has a verdict, in time that the path bounds, and garbage is not proved", () => {
  const hash = fc.oneof(fc.constantFrom(...LEAVES.slice(0, 3)), fc.string(), fc.constant("G".repeat(64)));
  fc.assert(
    fc.property(number, number, hash, hash, fc.array(hash, { maxLength: 70 }), (one, other, leaf, root, path) => {
      let hashes = 0;
      const counting = (left: TreeHash, right: TreeHash): TreeHash => {
        hashes += 1;
        return nodeHash(left, right);
      };
      verifyInclusion({ index: one, leaf, size: other, root, path }, counting);
      const oldRoot = leaf;
      const verdict = verifyConsistency({ oldSize: one, oldRoot, newSize: other, newRoot: root, path }, counting);
      assert.ok(hashes <= 53 + 106);
      if (verdict === "proved") assert.ok(one === other && oldRoot === root && path.length === 0);
    }),
    { numRuns: 2_000 },
  );
});

const PROOF = formatTlogProof({
  extra: Uint8Array.of(0, 255, 10),
  index: 1,
  path: LEAVES.slice(0, 3),
  checkpoint: "origin\n8\nroot\n\n\u2014 name sig\n",
});
const REQUEST = formatAddCheckpoint({ oldSize: 7, path: LEAVES.slice(0, 2), checkpoint: "origin\n8\nroot\n" });

test("a text that is accepted as a proof is the text of what was read, and no text throws", () => {
  for (const text of [PROOF, REQUEST]) {
    const splice = fc.tuple(
      fc.nat(text.length),
      fc.nat(60),
      fc.oneof(fc.string(), fc.constantFrom("\n", "\r", "=", " ", "0", "extra QQ==\n", "index 01\n")),
    );
    fc.assert(
      fc.property(fc.array(splice, { minLength: 1, maxLength: 3 }), (splices) => {
        let changed = text;
        for (const [start, length, put] of splices)
          changed = changed.slice(0, start) + put + changed.slice(start + length);
        const proof = parseTlogProof(changed);
        if (proof.ok) assert.equal(formatTlogProof(proof.value), changed);
        const request = parseAddCheckpoint(changed);
        if (request.ok) assert.equal(formatAddCheckpoint(request.value), changed);
      }),
      { numRuns: 2_000 },
    );
  }
});
