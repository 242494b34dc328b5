import { isIndexOf } from "./proof-ranges.ts";
import type { ProofVerdict } from "./proof-verdict.ts";
import { isTreeHash, type NodeHash, type TreeHash } from "./tree-hash.ts";

/** That a leaf stands at an index of a tree (RFC 6962 section 2.1.1). */
export interface InclusionProof {
  readonly index: number;
  readonly leaf: TreeHash;
  /** The tree's. */
  readonly size: number;
  readonly root: TreeHash;
  /** From the leaf's sibling to the root's child. */
  readonly path: readonly TreeHash[];
}

/**
 * Checks it (RFC 9162 section 2.1.3.2): at most 53 node hashes, whatever is given. It proves nothing of the root: that
 * must be one that somebody vouches for.
 */
export function verifyInclusion(proof: InclusionProof, node: NodeHash): ProofVerdict {
  const { index, leaf, size, root, path } = proof;
  if (!isIndexOf(index, size)) return "bad_size";
  if (!isTreeHash(leaf) || !isTreeHash(root)) return "bad_hash";
  let hash = leaf;
  // Of the node whose hash it is, and of the last one, on the same level.
  let [at, last] = [index, size - 1];
  for (const sibling of path) {
    if (last === 0) return "bad_length";
    if (!isTreeHash(sibling)) return "bad_hash";
    if (at % 2 === 1 || at === last) {
      hash = node(sibling, hash);
      // The last node of a level that has no sibling there is the same node on the next.
      while (at % 2 === 0 && at !== 0) [at, last] = [at / 2, Math.floor(last / 2)];
    } else {
      hash = node(hash, sibling);
    }
    [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
  }
  if (last !== 0) return "bad_length";
  return hash === root ? "proved" : "wrong_root";
}
