/** UTF-16 code units as sorted pairs, lowest and highest, that neither overlap nor touch: `[0x30, 0x39]` is `0-9`. */
export type CharSet = readonly number[];

export const HIGHEST_UNIT = 0xffff;

/** The set of all units in any of the ranges, which are pairs in any order. */
export function charSet(ranges: readonly (readonly [low: number, high: number])[]): CharSet {
  const joined: number[] = [];
  for (const [low, high] of ranges.toSorted(([one], [other]) => one - other)) {
    const last = joined.at(-1);
    if (last === undefined || low > last + 1) joined.push(low, high);
    else joined[joined.length - 1] = Math.max(last, high);
  }
  return joined;
}

export function unionOf(sets: readonly CharSet[]): CharSet {
  return charSet(sets.flatMap(rangesOf));
}

export function complementOf(set: CharSet): CharSet {
  const ranges: [number, number][] = [];
  let from = 0;
  for (const [low, high] of rangesOf(set)) {
    if (low > from) ranges.push([from, low - 1]);
    from = high + 1;
  }
  if (from <= HIGHEST_UNIT) ranges.push([from, HIGHEST_UNIT]);
  return charSet(ranges);
}

export function holds(set: CharSet, unit: number): boolean {
  for (let at = 0; at < set.length; at += 2) {
    if (unit < (set[at] ?? 0)) return false;
    if (unit <= (set[at + 1] ?? 0)) return true;
  }
  return false;
}

/** With both cases of each ASCII letter, and of a single other letter whose other case is one unit too. */
export function inBothCases(set: CharSet): CharSet {
  const added: [number, number][] = [];
  for (const [low, high] of rangesOf(set)) {
    added.push([low, high]);
    const [upperFrom, upperTo] = [Math.max(low, 0x41), Math.min(high, 0x5a)];
    if (upperFrom <= upperTo) added.push([upperFrom + 32, upperTo + 32]);
    const [lowerFrom, lowerTo] = [Math.max(low, 0x61), Math.min(high, 0x7a)];
    if (lowerFrom <= lowerTo) added.push([lowerFrom - 32, lowerTo - 32]);
    if (low === high) {
      const letter = String.fromCharCode(low);
      for (const other of [letter.toUpperCase(), letter.toLowerCase()]) {
        if (other.length === 1) added.push([other.charCodeAt(0), other.charCodeAt(0)]);
      }
    }
  }
  return charSet(added);
}

export function rangesOf(set: CharSet): [low: number, high: number][] {
  const ranges: [number, number][] = [];
  for (let at = 0; at < set.length; at += 2) ranges.push([set[at] ?? 0, set[at + 1] ?? 0]);
  return ranges;
}

export const DIGITS = charSet([[0x30, 0x39]]);
/** RE2's `\w`: ASCII letters, digits and "_". */
export const WORD = charSet([
  [0x30, 0x39],
  [0x41, 0x5a],
  [0x5f, 0x5f],
  [0x61, 0x7a],
]);
/** RE2's `\s`: tab, line feed, form feed, carriage return, space. */
export const SPACES = charSet([
  [0x09, 0x0a],
  [0x0c, 0x0d],
  [0x20, 0x20],
]);
/** All but the line feed: RE2's `.` */
export const NOT_LINE_FEED = complementOf([0x0a, 0x0a]);
