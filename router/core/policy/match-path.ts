/** A literal, or the literal pieces around its stars (two at least). */
export type Glob = string | readonly string[];

/** Any number of segments. */
export const deep: unique symbol = Symbol("**");

/**
 * Whether the pattern matches so many segments. Greedy with one place to come back to, the last `**`: at most segments
 * times pattern segments steps, whatever the agent sends. That suffices because a later `**` can absorb all that an
 * earlier one could.
 */
export function matchesPath<T>(
  pattern: readonly (T | typeof deep)[],
  length: number,
  fits: (expected: T, at: number) => boolean,
): boolean {
  let at = 0;
  let next = 0;
  let resumePattern = -1;
  let resumePath = 0;
  while (at < length) {
    const expected = pattern[next];
    if (expected === deep) {
      next += 1;
      resumePattern = next;
      resumePath = at;
    } else if (expected !== undefined && fits(expected, at)) {
      next += 1;
      at += 1;
    } else if (resumePattern >= 0) {
      resumePath += 1;
      at = resumePath;
      next = resumePattern;
    } else {
      return false;
    }
  }
  while (pattern[next] === deep) next += 1;
  return next === pattern.length;
}

/** Each piece at its first place after the one before: if any placement fits, this one does. */
export function matchesSegment(expected: Glob, segment: string): boolean {
  if (typeof expected === "string") return segment === expected;
  const inner = expected.length - 1;
  const first = expected[0] ?? "";
  const last = expected[inner] ?? "";
  const end = segment.length - last.length;
  if (end < first.length || !segment.startsWith(first) || !segment.endsWith(last)) return false;
  let from = first.length;
  for (let index = 1; index < inner; index += 1) {
    const piece = expected[index] ?? "";
    const found = segment.indexOf(piece, from);
    if (found < 0) return false;
    from = found + piece.length;
  }
  return from <= end;
}
