import { readPath } from "../policy/path-pattern.ts";

/**
 * What is kept of a path: its segments, each a plain word, `*`, or `*%2F*` where an encoded slash is in it, and `**` for
 * the rest of a deep one. Joined by slashes behind a slash it is a path pattern of a rule that matches the path. Words hold letters, digits, `.`, `_`, `-`
 * and `~` only, so that nothing of an id, a key, an address of mail or a query is kept, and nothing needs quoting.
 */
export type PathShape = readonly string[];

/** Longest word, in characters. */
const LONGEST_WORD = 32;
/** Segments of a shape; deeper ones end in `**`. */
const DEEPEST = 8;

/** Parts of a segment that encoded slashes make; where there are more, the rest is `**`. */
const MOST_PARTS = 4;
const PARTED = /^\*(?:%2F\*){1,3}$/;

const WORD = /^[.]?[A-Za-z][A-Za-z0-9._~-]*$/;
/** How kinds of keys and tokens begin, at the start of a word's part, that no word begins as: however short, however word-like, it is one. */
const KEY =
  /(?:^|[.~-])(?:[rps]k_(?:live|test)_|sk-(?:proj|ant|or|svcacct)-|xox[a-z]-|xapp-|gh[opusr]_|github_pat_|gl(?:pat|rt|cbt|ptt|ft|agent)-|AKIA[A-Z0-9])/;
/** As words begin too: what follows decides. */
const PERHAPS_KEY = /(?:^|[.~-])(?:(?:sk[_-]|hf_|npm_|pypi-)(?=.{8})|eyJ)(?=.*[0-9]|(?=.*[a-z]).*[A-Z])/;
/** Digits of a word: `v1`, `oauth2` and `sha256` are words. */
const MOST_DIGITS = 3;
const HEX = /^[0-9a-f]{7,}$/i;
/** What a word of a language or of a programmer holds somewhere. */
const SPOKEN = /[aeiouy]/i;

/**
 * The shape of a path as sent, without its query; undefined for one that can be read in several ways, which no pattern
 * matches.
 */
export function shapeOf(path: string): PathShape | undefined {
  const segments = readPath(path);
  if (segments === "ambiguous") return undefined;
  const { whole } = segments;
  const odd = whole.findIndex((segment) => segment.split("/").length > MOST_PARTS);
  const kept = odd >= 0 && odd < DEEPEST ? odd : DEEPEST - 1;
  if (odd < 0 && whole.length <= DEEPEST)
    return whole.map((segment, at) => shapeOfSegment(segment, at === whole.length - 1));
  return [...whole.slice(0, kept).map((segment) => shapeOfSegment(segment, false)), "**"];
}

/** As a rule's path is written. */
export function shapeText(shape: PathShape): string {
  return `/${shape.join("/")}`;
}

/** The shape that a text is, words that are keys to us today as `*`; undefined for what `shapeText` never wrote. */
export function parseShape(text: string): PathShape | undefined {
  const written = writtenShape(text);
  return written === undefined ? undefined : withoutKeys(written);
}

/** What was taken for a word when it was written, as we take it today. */
export function withoutKeys(shape: PathShape): PathShape {
  return shape.some(isKey) ? shape.map((segment) => (isKey(segment) ? "*" : segment)) : shape;
}

/** As `parseShape`, with the words that an earlier release, which knew fewer kinds of keys, wrote. */
export function writtenShape(text: string): PathShape | undefined {
  if (!text.startsWith("/") || text.length > (LONGEST_WORD + 1) * DEEPEST) return undefined;
  const segments = text.slice(1).split("/");
  if (segments.length > DEEPEST) return undefined;
  const last = segments.length - 1;
  const isShape = segments.every(
    (segment, at) =>
      segment === "*" ||
      PARTED.test(segment) ||
      (segment === "**" && at === last) ||
      (segment === "" && at === last) ||
      isWord(segment),
  );
  return isShape ? segments : undefined;
}

/** Whether each path of the other shape is one of this shape too. */
export function coversShape(shape: PathShape, other: PathShape): boolean {
  for (const [at, segment] of shape.entries()) {
    if (segment === "**") return true;
    const given = other[at];
    if (given === undefined || given === "**" || !coversSegment(segment, given)) return false;
  }
  return other.length === shape.length;
}

/** `*` is a segment without an encoded slash: a pattern's `*` allows no other. */
function coversSegment(segment: string, given: string): boolean {
  return segment === given || (segment === "*" && !PARTED.test(given));
}

/** Empty only at the end: the slash that a path ends with. */
function shapeOfSegment(segment: string, isLast: boolean): string {
  if (segment === "") return isLast ? "" : "*";
  const parts = segment.split("/");
  if (parts.length > 1) return parts.map(() => "*").join("%2F");
  return isWord(segment) && !isKey(segment) ? segment : "*";
}

/** A word that programs share; not what names one customer, file, day or secret. */
function isWord(segment: string): boolean {
  if (segment.length > LONGEST_WORD || !WORD.test(segment) || HEX.test(segment)) return false;
  const digits = count(segment, /[0-9]/g);
  if (digits > MOST_DIGITS || (digits > 0 && segment.length > 16)) return false;
  return segment.split(/[._~-]/).every((part) => part.length <= 16 && !isRandom(part));
}

/** A word that names a key or token all the same. */
function isKey(segment: string): boolean {
  return KEY.test(segment) || PERHAPS_KEY.test(segment);
}

/** Letters as a generator throws them: no vowel in many, or upper and lower case at every turn. */
function isRandom(part: string): boolean {
  if (part.length < 6) return false;
  const turns = count(part, /[a-z](?=[A-Z])|[A-Z](?=[A-Z][a-z])|[0-9](?=[A-Za-z])/g);
  return !SPOKEN.test(part) || turns > part.length / 3;
}

function count(text: string, pattern: RegExp): number {
  return text.match(pattern)?.length ?? 0;
}
