import assert from "node:assert/strict";
import { test } from "node:test";
import { type ConsistencyProof, verifyConsistency } from "../../../../router/core/tlog/consistency-proof.ts";
import { type InclusionProof, verifyInclusion } from "../../../../router/core/tlog/inclusion-proof.ts";
import type { ProofVerdict } from "../../../../router/core/tlog/proof-verdict.ts";
import { EMPTY_ROOT } from "../../../../router/core/tlog/tree-hash.ts";
import { nodeHash } from "../../../../router/edge/audit/node-hash.ts";
import { countedLeaves, referenceRoot } from "./merkle-vectors.ts";

const LEAVES = countedLeaves(8);
const [A = "", B = "", C = "", D = ""] = LEAVES;
const root = (size: number): string => referenceRoot(LEAVES.slice(0, size), nodeHash);
const upper = A.toUpperCase();

const inclusion: readonly [name: string, change: Partial<InclusionProof>, verdict: ProofVerdict][] = [
  ["as it is", {}, "proved"],
  ["in a tree of one", { index: 0, size: 1, leaf: A, root: A, path: [] }, "proved"],
  ["in no tree", { index: 0, size: 0, leaf: A, root: EMPTY_ROOT, path: [] }, "bad_size"],
  ["an index behind the end", { index: 3 }, "bad_size"],
  ["a negative index", { index: -1 }, "bad_size"],
  ["half an index", { index: 1.5 }, "bad_size"],
  ["an endless tree", { size: Infinity }, "bad_size"],
  ["a tree of 2^53", { size: 2 ** 53 }, "bad_size"],
  ["a leaf in upper case", { leaf: upper }, "bad_hash"],
  ["a root that is none", { root: "" }, "bad_hash"],
  ["a sibling that is none", { path: [A, "0x00"] }, "bad_hash"],
  ["a sibling in upper case", { path: [upper, C] }, "bad_hash"],
  ["a hash too few", { path: [A] }, "bad_length"],
  [
    "a path above the root, to the root that it leads to",
    { root: nodeHash(D, root(3)), path: [A, C, D] },
    "bad_length",
  ],
  ["above a tree of one", { index: 0, size: 1, leaf: A, root: nodeHash(B, A), path: [B] }, "bad_length"],
  ["an inner node as a leaf", { index: 0, size: 2, leaf: root(2), root: root(3), path: [C] }, "proved"],
  ["another leaf", { leaf: C }, "wrong_root"],
  ["hashes in another order", { path: [C, A] }, "wrong_root"],
];

for (const [name, change, verdict] of inclusion) {
  test(`inclusion: ${name}`, () => {
    const proof = { index: 1, size: 3, leaf: B, root: root(3), path: [A, C], ...change };
    assert.equal(verifyInclusion(proof, nodeHash), verdict);
  });
}

const [SEVEN, THREE] = [root(7), root(3)];
const growth: readonly [name: string, change: Partial<ConsistencyProof>, verdict: ProofVerdict][] = [
  ["as it is", {}, "proved"],
  ["from nothing", { oldSize: 0, oldRoot: EMPTY_ROOT, path: [] }, "proved"],
  ["from nothing to nothing", { oldSize: 0, oldRoot: EMPTY_ROOT, newSize: 0, newRoot: EMPTY_ROOT, path: [] }, "proved"],
  ["from nothing with another root", { oldSize: 0, oldRoot: A, path: [] }, "wrong_old_root"],
  [
    "from nothing to nothing, both with another root",
    { oldSize: 0, oldRoot: A, newSize: 0, newRoot: A, path: [] },
    "wrong_old_root",
  ],
  [
    "from nothing to nothing with another root",
    { oldSize: 0, oldRoot: EMPTY_ROOT, newSize: 0, newRoot: A, path: [] },
    "wrong_root",
  ],
  ["from nothing with a hash", { oldSize: 0, oldRoot: EMPTY_ROOT, path: [A] }, "bad_length"],
  ["of equal trees", { newSize: 3, newRoot: THREE, path: [] }, "proved"],
  ["of equal sizes with other roots", { newSize: 3, newRoot: A, path: [] }, "wrong_root"],
  ["of equal trees with a hash", { newSize: 3, newRoot: THREE, path: [A] }, "bad_length"],
  ["backwards", { oldSize: 8 }, "bad_size"],
  ["from a negative size", { oldSize: -1 }, "bad_size"],
  ["from half a size", { oldSize: 2.5 }, "bad_size"],
  ["between equal halves", { oldSize: 2.5, newSize: 2.5, newRoot: THREE, path: [] }, "bad_size"],
  ["between equal negatives", { oldSize: -3, newSize: -3, newRoot: THREE, path: [] }, "bad_size"],
  ["between equal trees of 2^53", { oldSize: 2 ** 53, newSize: 2 ** 53, newRoot: THREE, path: [] }, "bad_size"],
  ["to no number", { newSize: NaN }, "bad_size"],
  ["an old root in upper case", { oldRoot: THREE.toUpperCase() }, "bad_hash"],
  ["a new root that is none", { newRoot: "" }, "bad_hash"],
  ["a first hash in upper case", { path: [C.toUpperCase(), D, root(2)] }, "bad_hash"],
  ["a hash that is none", { path: [C, "x", root(2)] }, "bad_hash"],
  ["no hash", { path: [] }, "bad_length"],
  ["a hash too few", { path: [C, D, root(2)] }, "bad_length"],
  ["no hash from a power of two", { oldSize: 4, oldRoot: root(4), path: [] }, "bad_length"],
  [
    "from a power of two, its root sent along",
    {
      oldSize: 4,
      oldRoot: root(4),
      newSize: 8,
      newRoot: root(8),
      path: [root(4), referenceRoot(LEAVES.slice(4), nodeHash)],
    },
    "bad_length",
  ],
  ["another old root", { oldRoot: A }, "wrong_old_root"],
  ["another new root", { newRoot: A }, "wrong_root"],
];

for (const [name, change, verdict] of growth) {
  test(`consistency: ${name}`, () => {
    const path = [C, D, root(2), referenceRoot(LEAVES.slice(4, 7), nodeHash)];
    const proof = { oldSize: 3, oldRoot: THREE, newSize: 7, newRoot: SEVEN, path, ...change };
    assert.equal(verifyConsistency(proof, nodeHash), verdict);
  });
}

test("consistency: a path above the new root, to the root that it leads to", () => {
  const path = [C, D, root(2), referenceRoot(LEAVES.slice(4, 7), nodeHash), A];
  const proof = { oldSize: 3, oldRoot: nodeHash(A, THREE), newSize: 7, newRoot: nodeHash(A, SEVEN), path };
  assert.equal(verifyConsistency(proof, nodeHash), "bad_length");
});
