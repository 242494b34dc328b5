import { hash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { NodeHash, TreeHash } from "../../../../router/core/tlog/tree-hash.ts";
import { nodeHash } from "../../../../router/edge/audit/node-hash.ts";

type InclusionRow = readonly [
  name: string,
  index: number,
  size: number,
  leaf: string,
  path: readonly string[],
  root: string,
  accepted: boolean,
];
type ConsistencyRow = readonly [
  name: string,
  oldSize: number,
  newSize: number,
  path: readonly string[],
  oldRoot: string,
  newRoot: string,
  accepted: boolean,
];
type TreeRow = readonly [size: number, root: TreeHash, inclusion: string, consistency: string];

function read(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`../../../vectors/merkle/${name}`, import.meta.url), "utf8"));
}

/** What the verifier of transparency-dev/merkle was asked, and whether it accepted. */
export const proofRows = read("proofs.json") as {
  readonly inclusion: readonly InclusionRow[];
  readonly consistency: readonly ConsistencyRow[];
};

/** Trees of transparency-dev/merkle, and digests of all their proofs. */
export const treeRows = read("trees.json") as {
  readonly leaves: readonly string[];
  readonly roots: readonly TreeHash[];
  readonly trees: readonly TreeRow[];
};

/** The leaf of an entry in hex. */
export function leafOf(entry: string): TreeHash {
  return hash("sha256", Buffer.concat([Buffer.of(0), Buffer.from(entry, "hex")]), "hex");
}

/** The leaves of the entries "0", "1", ... */
export function countedLeaves(count: number): TreeHash[] {
  return Array.from({ length: count }, (_, index) => leafOf(Buffer.from(`${index}`).toString("hex")));
}

/** `nodeHash` that remembers: a few hundred trees over the same leaves have few nodes. */
export function rememberingNodeHash(): NodeHash {
  const known = new Map<string, TreeHash>();
  return (left, right) => {
    const key = left + right;
    const node = known.get(key) ?? nodeHash(left, right);
    known.set(key, node);
    return node;
  };
}

/** RFC 6962 section 2.1 as it stands there: the hash of a list of leaves. */
export function referenceRoot(leaves: readonly TreeHash[], node: NodeHash): TreeHash {
  if (leaves.length === 0) return hash("sha256", "", "hex");
  if (leaves.length === 1) return leaves[0] ?? "";
  const split = leftOf(leaves.length);
  return node(referenceRoot(leaves.slice(0, split), node), referenceRoot(leaves.slice(split), node));
}

/**
 * RFC 6962 section 2.1.1 read from the root down: the root that a path leads to, or undefined where it has not as many
 * hashes as the path of that index in a tree of that size.
 */
export function referencePathRoot(
  index: number,
  size: number,
  leaf: TreeHash,
  path: readonly TreeHash[],
  node: NodeHash,
): TreeHash | undefined {
  if (size === 1) return path.length === 0 ? leaf : undefined;
  const last = path.at(-1);
  if (last === undefined) return undefined;
  const split = leftOf(size);
  const isLeft = index < split;
  const below = isLeft ? [index, split] : [index - split, size - split];
  const child = referencePathRoot(below[0] ?? 0, below[1] ?? 0, leaf, path.slice(0, -1), node);
  if (child === undefined) return undefined;
  return isLeft ? node(child, last) : node(last, child);
}

/**
 * RFC 6962 section 2.1.2 read from the root down: the old and the new root that a consistency path leads to, for
 * 0 < old < new. `known`: the old subtree is the whole old tree, whose root is at hand and is not in the path.
 */
export function referenceGrowth(
  oldSize: number,
  newSize: number,
  oldRoot: TreeHash,
  path: readonly TreeHash[],
  node: NodeHash,
  known = true,
): readonly [old: TreeHash, grown: TreeHash] | undefined {
  const last = path.at(-1);
  if (oldSize === newSize) {
    if (known) return path.length === 0 ? [oldRoot, oldRoot] : undefined;
    return path.length === 1 && last !== undefined ? [last, last] : undefined;
  }
  if (last === undefined) return undefined;
  const split = leftOf(newSize);
  const rest = path.slice(0, -1);
  if (oldSize <= split) {
    const below = referenceGrowth(oldSize, split, oldRoot, rest, node, known);
    return below === undefined ? undefined : [below[0], node(below[1], last)];
  }
  const below = referenceGrowth(oldSize - split, newSize - split, oldRoot, rest, node, false);
  return below === undefined ? undefined : [node(last, below[0]), node(last, below[1])];
}

function leftOf(size: number): number {
  return 2 ** (Math.ceil(Math.log2(size)) - 1);
}
