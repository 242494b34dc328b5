/** Of the text that was searched, in UTF-16 units; `end` is the index after the last. */
export interface Match {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

/** What stands for a match. The name is one of the policy's or ours: letters, digits and "_". */
export function maskOf(name: string): string {
  return `[${name}]`;
}

/**
 * The piece of a longer text between `from` and `to`, in which each match, given in the longer text's offsets and in
 * order, gives way to its mask where it begins, and to nothing where it goes on.
 */
export function maskedText(piece: string, from: number, to: number, matches: readonly Match[]): string {
  let masked = "";
  let at = from;
  for (const { name, start, end } of matches) {
    if (end <= at || start >= to) continue;
    if (start >= at) masked += piece.slice(at - from, start - from) + maskOf(name);
    at = Math.min(end, to);
  }
  return masked + piece.slice(at - from);
}

/** In order; what overlaps is one match under the name of the first. */
export function joinedMatches(matches: readonly Match[]): readonly Match[] {
  const sorted = matches.toSorted((one, other) => one.start - other.start || other.end - one.end);
  const joined: Match[] = [];
  for (const match of sorted) {
    const last = joined.at(-1);
    if (last === undefined || match.start >= last.end) joined.push(match);
    else if (match.end > last.end) joined[joined.length - 1] = { ...last, end: match.end };
  }
  return joined;
}
