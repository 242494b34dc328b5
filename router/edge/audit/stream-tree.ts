import { appendLeaves, type CompactRange, emptyRange, joinRanges } from "../../core/tlog/compact-range.ts";
import type { TreeHash } from "../../core/tlog/tree-hash.ts";
import { nodeHash } from "./node-hash.ts";

/**
 * The RFC 6962 tree over the durable records of one stream. What came since the last mark is kept as a range of its own:
 * whoever knows the tree at that mark can prove from it that the present one only goes on.
 */
export class StreamTree {
  #marked: CompactRange = emptyRange(0);
  #since: CompactRange = emptyRange(0);

  get size(): number {
    return this.#since.end;
  }

  /** Leaves of the size at the last `mark`. */
  get markedSize(): number {
    return this.#since.begin;
  }

  append(leaves: readonly TreeHash[]): void {
    this.#since = appendLeaves(this.#since, leaves, nodeHash);
  }

  /** The whole tree as it stands. */
  whole(): CompactRange {
    return joinRanges(this.#marked, this.#since, nodeHash) ?? this.#marked;
  }

  /** The whole tree, what of it is new since the last mark, and the mark set here. */
  mark(): { readonly whole: CompactRange; readonly since: CompactRange } {
    const since = this.#since;
    this.#marked = this.whole();
    this.#since = emptyRange(since.end);
    return { whole: this.#marked, since };
  }
}
