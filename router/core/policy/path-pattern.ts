import { fail, ok, type Result } from "../base/result.ts";
import { foldedText, type LenientPath, lenientPath } from "./lenient-path.ts";
import { deep, type Glob, matchesPath, matchesSegment } from "./match-path.ts";

/**
 * One of `http.paths`. Pattern and path are cut at "/" and compared segment by segment, each after one
 * percent-decoding. `*` stands for any run of characters within a segment, the empty one too; a segment that is `**`
 * stands for any number of segments, none too: `/repos/**` matches `/repos`, `/repos/` and `/repos/a/b`. A literal
 * star is written `%2A`. Case counts (RFC 3986 section 6.2.2.1).
 *
 * Origins disagree on what an odd path means, so it is never guessed. An encoded slash is part of a segment to some and
 * cuts it to others: path and pattern are read in both ways, an allow pattern has to match in both, a deny pattern in
 * one. A path is *ambiguous* where a segment, however it is cut, cannot be decoded (bad escape, not UTF-8), or after
 * decoding is nothing but dots (also between blanks, or before what an origin may cut off: ";", "?", "#"), holds a
 * backslash, a control character or what a second decoding would change, or is empty and not the last. What
 * compatibility composition (NFKC) makes of a segment counts as well; a slash that comes of it is ambiguous. An
 * ambiguous path matches no allow pattern and every deny pattern.
 */
export interface PathPattern extends Readings<SegmentPattern> {
  /** As authored. */
  readonly text: string;
}

/** The same array twice where there is no encoded slash. */
interface Readings<T> {
  /** With encoded slashes within their segments. */
  readonly whole: readonly T[];
  /** With encoded slashes as "/". */
  readonly cut: readonly T[];
}

type SegmentPattern = NamePattern | typeof deep;

interface NamePattern {
  /** Decoded. */
  readonly exact: Glob;
  readonly folded: Glob;
}

/** A path, cut and decoded once for all the patterns it meets. */
export type PathSegments = ReadPath | "ambiguous";

interface ReadPath extends Readings<string> {
  /** Of both readings; made when the first deny pattern asks. */
  lenient(): { readonly whole: LenientPath; readonly cut: LenientPath };
}

/** Visible ASCII without "#" and "?": a path as sent holds nothing else (RFC 3986 section 3.3, and a few that browsers send raw). */
const asSent = /^\/[!-"$->@-~]*$/;

/** Without any of these no segment needs decoding, and none can be ambiguous. */
const remarkable = /[%;\\]|\/[./]/;

/** A separator, a control character, or the start of a second encoding (`%2e`; `%u002e` is IIS's). */
const unsafeDecoded = /[/\\\p{Cc}]|%(?:[0-9a-f]{2}|u)/iu;

/**
 * Nothing but dots (more than two are fewer to who drops some at the end), with blanks or what nobody sees before them,
 * and behind them nothing, or what no name goes on with: some origins strip path parameters before they resolve dots
 * ("/..;/"), some decode first and then cut at "?", some trim. Behind one dot names go on with anything else (`.@acme`).
 */
const dotSegment = /^[\s\p{DI}]*(?:\.(?![^\s;?#:\p{DI}])|\.{2,}(?![\p{L}\p{N}._~-]))/u;

const encodedSlash = /%2f/i;

function decoded(segment: string): string | undefined {
  if (!segment.includes("%")) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}

function isUnsafe(text: string): boolean {
  return unsafeDecoded.test(text) || unsafeDecoded.test(text.normalize("NFKC"));
}

function isDots(text: string): boolean {
  return dotSegment.test(text) || dotSegment.test(text.normalize("NFKC"));
}

/** `path` is as sent, without its query. */
export function readPath(path: string): PathSegments {
  if (!asSent.test(path)) return "ambiguous";
  const raw = path.slice(1).split("/");
  if (!remarkable.test(path)) return pathOf(raw, raw);
  const whole: string[] = [];
  const cut: string[] = [];
  for (const [index, part] of raw.entries()) {
    const from = cut.length;
    const pieces = part.split(encodedSlash);
    for (const [at, piece] of pieces.entries()) {
      const segment = decoded(piece);
      if (segment === undefined || isUnsafe(segment) || isDots(segment)) return "ambiguous";
      if (segment === "" && (index < raw.length - 1 || at < pieces.length - 1)) return "ambiguous";
      cut.push(segment);
    }
    whole.push(cut.slice(from).join("/"));
  }
  return pathOf(whole, cut.length === whole.length ? whole : cut);
}

function pathOf(whole: readonly string[], cut: readonly string[]): ReadPath {
  let made: ReturnType<ReadPath["lenient"]> | undefined;
  const lenient = (): ReturnType<ReadPath["lenient"]> => {
    const of = lenientPath(whole);
    return { whole: of, cut: cut === whole ? of : lenientPath(cut) };
  };
  return { whole, cut, lenient: () => (made ??= lenient()) };
}

/** The problem is one sentence. */
export function parsePathPattern(text: string): Result<PathPattern, string> {
  if (!text.startsWith("/")) return fail('A path pattern begins with "/".');
  if (/[?#]/.test(text)) return fail("A path pattern names a path, without query or fragment.");
  const parts = text.slice(1).split("/");
  const whole: SegmentPattern[] = [];
  const cut: SegmentPattern[] = [];
  for (const [index, part] of parts.entries()) {
    if (part === "**") {
      whole.push(deep);
      cut.push(deep);
      continue;
    }
    if (part.includes("**")) return fail('"**" stands alone between two slashes.');
    const pieces = part.split(encodedSlash);
    for (const [at, piece] of pieces.entries()) {
      if (piece === "" && (index < parts.length - 1 || at < pieces.length - 1)) {
        return fail("A path pattern has no empty segment within.");
      }
      const segment = segmentPattern(piece);
      if (segment === undefined) return fail("A percent escape of the path pattern is malformed or not UTF-8.");
      const literals = typeof segment.exact === "string" ? [segment.exact] : segment.exact;
      if (literals.some(isUnsafe) || (typeof segment.exact === "string" && isDots(segment.exact))) {
        return fail("No path could match this pattern: a segment of it is ambiguous.");
      }
      cut.push(segment);
    }
    const segment = segmentPattern(part);
    if (segment !== undefined) whole.push(segment);
  }
  Object.freeze(whole);
  return ok(Object.freeze({ text, whole, cut: cut.length === whole.length ? whole : Object.freeze(cut) }));
}

/** Undefined: a bad escape. */
function segmentPattern(part: string): NamePattern | undefined {
  const pieces: string[] = [];
  for (const piece of part.split("*")) {
    const literal = decoded(piece);
    if (literal === undefined) return undefined;
    pieces.push(literal);
  }
  const [literal = "", ...more] = pieces;
  return more.length === 0
    ? Object.freeze({ exact: literal, folded: foldedText(literal) })
    : Object.freeze({ exact: Object.freeze(pieces), folded: Object.freeze(pieces.map(foldedText)) });
}

/** For allow rules: an ambiguous path matches nothing. */
export function allowsPath(pattern: PathPattern, path: PathSegments): boolean {
  if (path === "ambiguous") return false;
  const matches = (expected: readonly SegmentPattern[], segments: readonly string[]): boolean =>
    matchesPath(expected, segments.length, ({ exact }, at) => matchesSegment(exact, segments[at] ?? ""));
  if (!matches(pattern.whole, path.whole)) return false;
  return (pattern.cut === pattern.whole && path.cut === path.whole) || matches(pattern.cut, path.cut);
}

/** For deny rules: an ambiguous path matches everything, and what lenient origins ignore hides nothing. */
export function deniesPath(pattern: PathPattern, path: PathSegments): boolean {
  if (path === "ambiguous") return true;
  const { whole, cut } = path.lenient();
  if (whole.isAmbiguous || cut.isAmbiguous || matchesSome(pattern.whole, path.whole, whole)) return true;
  return (pattern.cut !== pattern.whole || path.cut !== path.whole) && matchesSome(pattern.cut, path.cut, cut);
}

function matchesSome(
  expected: readonly SegmentPattern[],
  segments: readonly string[],
  { forms, lengths }: LenientPath,
): boolean {
  const fits = ({ exact, folded }: NamePattern, at: number): boolean =>
    matchesSegment(exact, segments[at] ?? "") || (forms[at] ?? []).some((form) => matchesSegment(folded, form));
  return lengths.some((length) => matchesPath(expected, length, fits));
}
