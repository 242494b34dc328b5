/**
 * A hash of a Merkle tree (RFC 6962 section 2.1): SHA-256 in 64 digits of lower-case hex. A leaf is
 * SHA-256(0x00 || entry), a node SHA-256(0x01 || left || right).
 */
export type TreeHash = string;

/** The hash of a node from those of its children; an argument, since core computes no hashes by itself. */
export type NodeHash = (left: TreeHash, right: TreeHash) => TreeHash;

/** Of the tree without leaves: SHA-256 of nothing. */
export const EMPTY_ROOT: TreeHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

const TREE_HASH = /^[0-9a-f]{64}$/;

export function isTreeHash(text: string): text is TreeHash {
  return TREE_HASH.test(text);
}
