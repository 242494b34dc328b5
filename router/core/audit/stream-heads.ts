import { appendLeaves, type CompactRange, emptyRange, rangeRoot } from "../tlog/compact-range.ts";
import type { NodeHash, TreeHash } from "../tlog/tree-hash.ts";

/** How many leaves wait to be added together: a range is copied each time. */
const TOGETHER = 256;

/** The RFC 6962 tree over the first `size` records of a stream. */
export interface StreamHead {
  readonly stream: string;
  readonly size: number;
  readonly root: TreeHash;
}

/** One that was found in a log. */
export interface FoundHead extends StreamHead {
  /** Records of the log up to its last one, those of earlier streams included. */
  readonly records: number;
}

/**
 * Computes the trees of streams as their records go by, in constant memory, and keeps the heads that were asked for.
 * A stream whose beginning was not read goes on from what its first segment record says of the tree so far: a wrong
 * word there makes a wrong root. A head over nothing but what was not read is none, since that word is all there is of it.
 */
export class StreamHeads {
  readonly #node: NodeHash;
  readonly #wanted = new Map<string, Set<number>>();
  readonly #heads: FoundHead[] = [];
  #records = 0;
  readonly #sizes = new Map<string, { first: number; end: number }>();
  #stream = "";
  #here: ReadonlySet<number> = new Set();
  #range: CompactRange = emptyRange(0);
  #leaves: TreeHash[] = [];

  constructor(node: NodeHash, wanted: readonly Omit<StreamHead, "root">[]) {
    this.#node = node;
    for (const { stream, size } of wanted) {
      const sizes = this.#wanted.get(stream) ?? new Set();
      this.#wanted.set(stream, sizes.add(size));
    }
  }

  /** The next record. `tree` is what a stream's first record in the log says of those before it. */
  add(stream: string, seq: number, leaf: TreeHash, tree: readonly TreeHash[]): void {
    if (stream !== this.#stream || this.#records === 0) this.#enter(stream, seq, tree);
    this.#leaves.push(leaf);
    this.#records += 1;
    if (this.#leaves.length >= TOGETHER || this.#here.has(seq + 1)) this.#keep();
  }

  /** The subtrees over the records of the present stream. */
  tree(): readonly TreeHash[] {
    this.#gather();
    return this.#range.hashes;
  }

  /** Those that were asked for and reached. */
  get heads(): readonly FoundHead[] {
    return this.#heads;
  }

  /** Which records of a stream that was asked for are there: from the first to before the end. */
  extent(stream: string): { readonly first: number; readonly end: number } | undefined {
    this.#gather();
    return this.#sizes.get(stream);
  }

  #enter(stream: string, seq: number, tree: readonly TreeHash[]): void {
    this.#gather();
    this.#stream = stream;
    this.#here = this.#wanted.get(stream) ?? new Set();
    this.#range = { begin: 0, end: seq, hashes: tree };
    if (this.#here.size > 0) this.#sizes.set(stream, { first: seq, end: seq });
  }

  #keep(): void {
    this.#gather();
    const { end } = this.#range;
    if (!this.#here.has(end)) return;
    this.#heads.push({
      stream: this.#stream,
      size: end,
      root: rangeRoot(this.#range, this.#node),
      records: this.#records,
    });
  }

  #gather(): void {
    if (this.#leaves.length === 0) return;
    this.#range = appendLeaves(this.#range, this.#leaves, this.#node);
    this.#leaves = [];
    const extent = this.#sizes.get(this.#stream);
    if (extent !== undefined) extent.end = this.#range.end;
  }
}
