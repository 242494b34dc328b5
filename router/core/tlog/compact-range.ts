import { EMPTY_ROOT, type NodeHash, type TreeHash } from "./tree-hash.ts";

/**
 * The leaves `begin <= index < end` of an RFC 6962 tree, as the fewest hashes of perfect subtrees that cover them, left
 * to right: at most about two for each bit of `end`. Enough to go on appending, to join with what follows, and, where
 * `begin` is 0, for the root. Never changed once made: who holds one holds what it was.
 */
export interface CompactRange {
  readonly begin: number;
  readonly end: number;
  readonly hashes: readonly TreeHash[];
}

/** Larger trees have no exact index in a number; no stream gets there. */
const LARGEST = Number.MAX_SAFE_INTEGER;

export function emptyRange(begin: number): CompactRange {
  return { begin, end: begin, hashes: [] };
}

/** The range with these leaves behind it: about one node hash for each. */
export function appendLeaves(range: CompactRange, leaves: readonly TreeHash[], node: NodeHash): CompactRange {
  const hashes = [...range.hashes];
  let { end } = range;
  for (const leaf of leaves) {
    hashes.push(leaf);
    end += 1;
    mergeLast(hashes, range.begin, end, 1, node);
  }
  return { begin: range.begin, end, hashes };
}

/** Two ranges, of which the second begins where the first ends, as one; undefined where they do not meet. */
export function joinRanges(left: CompactRange, right: CompactRange, node: NodeHash): CompactRange | undefined {
  if (left.end !== right.begin) return undefined;
  const hashes = [...left.hashes];
  let { end } = left;
  for (const [index, size] of subtreeSizes(right.begin, right.end).entries()) {
    const hash = right.hashes[index];
    if (hash === undefined) return undefined;
    hashes.push(hash);
    end += size;
    mergeLast(hashes, left.begin, end, size, node);
  }
  return { begin: left.begin, end, hashes };
}

/**
 * The root over a range: the Merkle tree hash of its leaves where it begins at 0 or is aligned as a right border is
 * (its subtrees only shrink from left to right); of an empty one, `EMPTY_ROOT`.
 */
export function rangeRoot(range: CompactRange, node: NodeHash): TreeHash {
  let root = range.hashes.at(-1);
  if (root === undefined) return EMPTY_ROOT;
  for (let index = range.hashes.length - 2; index >= 0; index -= 1) root = node(range.hashes[index] ?? "", root);
  return root;
}

/**
 * The sizes of the perfect, aligned subtrees that cover `begin <= index < end`, left to right: as many as a compact
 * range of it has hashes. Undefined sizes cannot be: the arguments are whole and in order, or the list is empty.
 */
export function subtreeSizes(begin: number, end: number): number[] {
  const sizes: number[] = [];
  if (!(Number.isSafeInteger(begin) && Number.isSafeInteger(end) && begin >= 0 && end <= LARGEST)) return sizes;
  for (let at = begin; at < end;) {
    let size = 1;
    // As large as the alignment of `at` and what is left allow.
    while (at % (size * 2) === 0 && at + size * 2 <= end) size *= 2;
    sizes.push(size);
    at += size;
  }
  return sizes;
}

/** Joins the last two subtrees for as long as they are the halves of one that lies within the range. */
function mergeLast(hashes: TreeHash[], begin: number, end: number, lastSize: number, node: NodeHash): void {
  let size = lastSize;
  while (end % (size * 2) === 0 && end - size * 2 >= begin) {
    const right = hashes.pop() ?? "";
    const left = hashes.pop() ?? "";
    hashes.push(node(left, right));
    size *= 2;
  }
}
