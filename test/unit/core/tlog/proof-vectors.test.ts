import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { test } from "node:test";
import { verifyConsistency } from "../../../../router/core/tlog/consistency-proof.ts";
import { verifyInclusion } from "../../../../router/core/tlog/inclusion-proof.ts";
import { consistencyRanges, inclusionRanges, type IndexRange } from "../../../../router/core/tlog/proof-ranges.ts";
import { RangeHasher } from "../../../../router/core/tlog/range-hasher.ts";
import type { TreeHash } from "../../../../router/core/tlog/tree-hash.ts";
import { nodeHash } from "../../../../router/edge/audit/node-hash.ts";
import { countedLeaves, proofRows, rememberingNodeHash, treeRows } from "./merkle-vectors.ts";

/** Accepted there, where roots are only compared; here a root that is no hash proves nothing. */
const DONT_CARE_ROOTS: readonly string[] = [
  "TestVerifyConsistency/test:2:size:0-0",
  "TestVerifyConsistency/test:3:size:0-1",
  "TestVerifyConsistency/test:4:size:1-1",
  "testdata/consistency/additional/sizes-are-equal-zero-and-proof-is-empty.json",
  "testdata/consistency/additional/sizes-are-equal-one-and-proof-is-empty.json",
  "testdata/consistency/additional/sizes-are-equal-and-proof-is-empty-where-both-sizes-are-zero.json",
];

test("transparency-dev/merkle: all inclusion cases", () => {
  assert.equal(proofRows.inclusion.length, 98);
  for (const [name, index, size, leaf, path, root, accepted] of proofRows.inclusion) {
    assert.equal(verifyInclusion({ index, leaf, size, root, path }, nodeHash) === "proved", accepted, name);
  }
});

test("transparency-dev/merkle: all consistency cases, but for roots that are no hashes", () => {
  assert.equal(proofRows.consistency.length, 106);
  for (const [name, oldSize, newSize, path, oldRoot, newRoot, accepted] of proofRows.consistency) {
    const verdict = verifyConsistency({ oldSize, oldRoot, newSize, newRoot, path }, nodeHash);
    if (DONT_CARE_ROOTS.includes(name)) assert.deepEqual([verdict, accepted], ["bad_hash", true], name);
    else assert.equal(verdict === "proved", accepted, name);
  }
});

test("transparency-dev/merkle: all proofs of trees of 1 to 130 leaves are built octet for octet", () => {
  const node = rememberingNodeHash();
  const leaves = countedLeaves(130);
  for (const [size, root, inclusion, consistency] of treeRows.trees) {
    const build = (ranges: readonly IndexRange[] | undefined): readonly TreeHash[] => {
      const hasher = new RangeHasher(ranges ?? assert.fail(), node);
      hasher.add(leaves.slice(0, size));
      return hasher.hashes() ?? assert.fail();
    };
    let [included, grown] = ["", ""];
    for (let index = 0; index < size; index += 1) {
      included += `${index} ${build(inclusionRanges(index, size)).join(" ")}\n`;
      grown += `${index + 1} ${build(consistencyRanges(index + 1, size)).join(" ")}\n`;
    }
    assert.deepEqual(build([{ from: 0, to: size }]), [root]);
    assert.equal(hash("sha256", included, "hex"), inclusion, `inclusion in ${size}`);
    assert.equal(hash("sha256", grown, "hex"), consistency, `consistency to ${size}`);
  }
});
