import { type CompactRange, rangeRoot } from "./compact-range.ts";
import type { NodeHash, TreeHash } from "./tree-hash.ts";

/**
 * The consistency proof (RFC 6962 section 2.1.2) from the tree of `earlier` to the one that it and `since` make, where
 * `earlier` begins at 0 and `since` where it ends: for a log that keeps no leaves. No hashes where either is empty.
 */
export function rangeConsistency(earlier: CompactRange, since: CompactRange, node: NodeHash): TreeHash[] {
  const [oldSize, newSize] = [earlier.end, since.end];
  const proof: TreeHash[] = [];
  if (oldSize === 0 || since.begin !== oldSize || newSize === oldSize) return proof;
  const left = [...earlier.hashes];
  const right = [...since.hashes];
  // The walk begins at the smallest subtree of the old tree, which is a node of the new one too. Where it is all of the
  // old tree, whoever checks has its hash already.
  const start = left.pop() ?? "";
  if (left.length > 0) proof.push(start);
  for (let size = lowestBit(oldSize); size < newSize; size *= 2) {
    const index = Math.floor((oldSize - 1) / size);
    if (index % 2 === 1) {
      proof.push(left.pop() ?? "");
      continue;
    }
    const from = (index + 1) * size;
    if (from >= newSize) continue;
    // Perfect subtrees come as they are; what is left at the right border is one node to the tree.
    const hashes = from + size <= newSize ? right.splice(0, 1) : right.splice(0);
    proof.push(rangeRoot({ begin: from, end: newSize, hashes }, node));
  }
  return proof;
}

function lowestBit(size: number): number {
  let bit = 1;
  while (size % (bit * 2) === 0) bit *= 2;
  return bit;
}
