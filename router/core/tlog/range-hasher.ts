import { appendLeaves, type CompactRange, emptyRange, rangeRoot, subtreeSizes } from "./compact-range.ts";
import type { IndexRange } from "./proof-ranges.ts";
import type { NodeHash, TreeHash } from "./tree-hash.ts";

/**
 * Hashes ranges of a tree while its leaves go by once: for n leaves, O(log n) memory a range. The ranges may overlap;
 * each must begin at 0 or be a node of some tree of the log, as those of a proof are.
 *
 * The leaves come from index 0, or from the end of a tree that is known only as the subtrees over it; then a range that
 * needs a part of one of them has no hash. Who is told a wrong tree finds a wrong root.
 */
export class RangeHasher {
  readonly #ranges: readonly IndexRange[];
  readonly #node: NodeHash;
  readonly #hashed: (CompactRange | undefined)[];
  #size: number;

  constructor(ranges: readonly IndexRange[], node: NodeHash, before: CompactRange = emptyRange(0)) {
    this.#ranges = ranges;
    this.#node = node;
    this.#size = before.end;
    this.#hashed = ranges.map((range) => partOf(before, range));
  }

  /** False where a range can have no hash, whatever leaves come. */
  get isPossible(): boolean {
    return !this.#hashed.includes(undefined);
  }

  /** The index of the next leaf. */
  get size(): number {
    return this.#size;
  }

  add(leaves: readonly TreeHash[]): void {
    const begin = this.#size;
    this.#size += leaves.length;
    for (const [place, { from, to }] of this.#ranges.entries()) {
      const range = this.#hashed[place];
      if (range === undefined || to <= begin || from >= this.#size) continue;
      const within = leaves.slice(Math.max(from - begin, 0), to - begin);
      this.#hashed[place] = appendLeaves(range, within, this.#node);
    }
  }

  /** One hash for each range, in their order; undefined before the last leaf of each has gone by. */
  hashes(): readonly TreeHash[] | undefined {
    if (this.#ranges.some(({ to }) => to > this.#size)) return undefined;
    const known = this.#hashed.filter((range) => range !== undefined);
    return known.length === this.#hashed.length ? known.map((range) => rangeRoot(range, this.#node)) : undefined;
  }
}

/** What of a range lies in a tree from 0 on; undefined where that is no whole number of the tree's subtrees. */
function partOf(tree: CompactRange, { from, to }: IndexRange): CompactRange | undefined {
  const end = Math.min(to, tree.end);
  if (from >= end) return emptyRange(from);
  const sizes = subtreeSizes(from, end);
  const wholes = subtreeSizes(0, tree.end);
  let place = 0;
  for (let at = 0; at < from; at += wholes[place++] ?? Infinity);
  if (sizes.some((size, index) => wholes[place + index] !== size)) return undefined;
  const hashes = tree.hashes.slice(place, place + sizes.length);
  return hashes.length === sizes.length ? { begin: from, end, hashes } : undefined;
}
