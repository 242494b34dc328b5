import { isIndexOf } from "./proof-ranges.ts";
import type { ProofVerdict } from "./proof-verdict.ts";
import { EMPTY_ROOT, isTreeHash, type NodeHash, type TreeHash } from "./tree-hash.ts";

/** That an old tree is the beginning of a new one (RFC 6962 section 2.1.2). */
export interface ConsistencyProof {
  readonly oldSize: number;
  readonly oldRoot: TreeHash;
  readonly newSize: number;
  readonly newRoot: TreeHash;
  /** Empty where the sizes are equal, and where the old one is 0 (C2SP tlog-witness). */
  readonly path: readonly TreeHash[];
}

/**
 * Checks it (RFC 9162 section 2.1.4.2): at most 106 node hashes, whatever is given. An empty tree has `EMPTY_ROOT` and no
 * other root, and is the beginning of every tree.
 */
export function verifyConsistency(proof: ConsistencyProof, node: NodeHash): ProofVerdict {
  const { oldSize, oldRoot, newSize, newRoot, path } = proof;
  const isOrdered = newSize === 0 ? oldSize === 0 : oldSize === newSize || isIndexOf(oldSize, newSize);
  if (!isOrdered || !Number.isSafeInteger(newSize) || newSize < 0) return "bad_size";
  if (!isTreeHash(oldRoot) || !isTreeHash(newRoot)) return "bad_hash";
  if (oldSize === 0 || oldSize === newSize) {
    if (path.length > 0) return "bad_length";
    if (oldSize === 0 && oldRoot !== EMPTY_ROOT) return "wrong_old_root";
    return oldSize === newSize && newRoot !== oldRoot ? "wrong_root" : "proved";
  }
  return verifyGrowth(proof, node);
}

/** Of two trees that both have leaves, the new one more. */
function verifyGrowth({ oldSize, oldRoot, newSize, newRoot, path }: ConsistencyProof, node: NodeHash): ProofVerdict {
  // The last node of the old tree on the highest level on which its subtree is perfect, and the new tree's last node there.
  let [at, last] = [oldSize - 1, newSize - 1];
  while (at % 2 === 1) [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
  // At 0 that subtree is all of the old tree, and whoever checks has its hash.
  const [start, ...rest] = at === 0 ? [oldRoot, ...path] : path;
  if (start === undefined) return "bad_length";
  if (!isTreeHash(start)) return "bad_hash";
  let [oldHash, newHash] = [start, start];
  for (const sibling of rest) {
    if (last === 0) return "bad_length";
    if (!isTreeHash(sibling)) return "bad_hash";
    if (at % 2 === 1 || at === last) {
      oldHash = node(sibling, oldHash);
      newHash = node(sibling, newHash);
      while (at % 2 === 0 && at !== 0) [at, last] = [at / 2, Math.floor(last / 2)];
    } else {
      newHash = node(newHash, sibling);
    }
    [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
  }
  if (last !== 0) return "bad_length";
  if (oldHash !== oldRoot) return "wrong_old_root";
  return newHash === newRoot ? "proved" : "wrong_root";
}
