/** The leaves `from <= index < to` of a tree. */
export interface IndexRange {
  readonly from: number;
  readonly to: number;
}

/**
 * The ranges whose hashes are the inclusion proof of a leaf, in its order: from the leaf's sibling to the root's child
 * (RFC 6962 section 2.1.1). With the leaf they are the whole tree, each index once; none where the leaf is the tree.
 * Undefined where `0 <= index < size` does not hold of whole numbers below 2^53.
 */
export function inclusionRanges(index: number, size: number): readonly IndexRange[] | undefined {
  if (!isIndexOf(index, size)) return undefined;
  const ranges: IndexRange[] = [];
  let [from, to] = [0, size];
  while (to - from > 1) {
    const split = from + leftLeaves(to - from);
    if (index < split) {
      ranges.push({ from: split, to });
      to = split;
    } else {
      ranges.push({ from, to: split });
      from = split;
    }
  }
  return ranges.toReversed();
}

/**
 * The ranges whose hashes are the consistency proof from the tree of `oldSize` leaves to that of `newSize`, in its order
 * (RFC 6962 section 2.1.2). None where the sizes are equal or the old one is 0 (C2SP tlog-witness). Undefined where
 * `0 <= oldSize <= newSize` does not hold of whole numbers below 2^53.
 */
export function consistencyRanges(oldSize: number, newSize: number): readonly IndexRange[] | undefined {
  if (oldSize !== 0 && !isIndexOf(oldSize - 1, newSize)) return undefined;
  if (oldSize === 0) return Number.isSafeInteger(newSize) && newSize >= 0 ? [] : undefined;
  const ranges: IndexRange[] = [];
  let [from, to] = [0, newSize];
  while (to !== oldSize) {
    const split = from + leftLeaves(to - from);
    if (oldSize <= split) {
      ranges.push({ from: split, to });
      to = split;
    } else {
      ranges.push({ from, to: split });
      from = split;
    }
  }
  // Whoever checks has the hash of the whole old tree already.
  if (from > 0) ranges.push({ from, to });
  return ranges.toReversed();
}

/** `0 <= index < size`, and both exact. */
export function isIndexOf(index: number, size: number): boolean {
  return Number.isSafeInteger(index) && Number.isSafeInteger(size) && index >= 0 && index < size;
}

/** The largest power of two below a count of leaves, which is at least 2: how many are in the left half. */
function leftLeaves(count: number): number {
  let leaves = 1;
  while (leaves * 2 < count) leaves *= 2;
  return leaves;
}
