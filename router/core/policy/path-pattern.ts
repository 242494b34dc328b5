import { fail, ok, type Result } from "../base/result.ts";

/**
 * One of `http.paths`. Pattern and path are cut at "/" and compared segment by segment, each after one
 * percent-decoding. `*` stands for any run of characters within a segment, the empty one too; a segment that is `**`
 * stands for any number of segments, none too: `/repos/**` matches `/repos`, `/repos/` and `/repos/a/b`. A literal
 * star is written `%2A`. Case counts (RFC 3986 section 6.2.2.1).
 *
 * Origins disagree on what an odd path means, so it is never guessed. A path is *ambiguous* where a segment cannot
 * be decoded (bad escape, not UTF-8), or after decoding is "." or ".." (also before ";parameters"), holds a slash,
 * a backslash, a control character or what a second decoding would change, or is empty and not the last. An
 * ambiguous path matches no allow pattern and every deny pattern.
 */
export interface PathPattern {
  /** As authored. */
  readonly text: string;
  readonly segments: readonly SegmentPattern[];
}

/** Decoded: a literal segment, or the literal pieces around its stars (two at least); `deep` is `**`. */
type SegmentPattern = string | readonly string[] | typeof deep;

const deep: unique symbol = Symbol("**");

/** A path, cut and decoded once for all the patterns it meets. */
export type PathSegments = readonly string[] | "ambiguous";

/** Visible ASCII without "#" and "?": a path as sent holds nothing else (RFC 3986 section 3.3, and a few that browsers send raw). */
const asSent = /^\/[!-"$->@-~]*$/;

/** Without any of these no segment needs decoding, and none can be ambiguous. */
const remarkable = /[%;\\]|\/[./]/;

/** A separator, a control character, or the start of a second encoding (`%2e`; `%u002e` is IIS's). */
const unsafeDecoded = /[/\\\p{Cc}]|%(?:[0-9a-f]{2}|u)/iu;

/** Some origins strip path parameters before they resolve dots ("/..;/"). */
const dotSegment = /^\.\.?(?:;|$)/;

function decoded(segment: string): string | undefined {
  if (!segment.includes("%")) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}

/** `path` is as sent, without its query. */
export function readPath(path: string): PathSegments {
  if (!asSent.test(path)) return "ambiguous";
  if (!remarkable.test(path)) return path.slice(1).split("/");
  const raw = path.slice(1).split("/");
  const segments: string[] = [];
  for (const [index, part] of raw.entries()) {
    const segment = decoded(part);
    if (segment === undefined || unsafeDecoded.test(segment) || dotSegment.test(segment)) return "ambiguous";
    if (segment === "" && index < raw.length - 1) return "ambiguous";
    segments.push(segment);
  }
  return segments;
}

/** The problem is one sentence. */
export function parsePathPattern(text: string): Result<PathPattern, string> {
  if (!text.startsWith("/")) return fail('A path pattern begins with "/".');
  if (/[?#]/.test(text)) return fail("A path pattern names a path, without query or fragment.");
  const parts = text.slice(1).split("/");
  const segments: SegmentPattern[] = [];
  for (const [index, part] of parts.entries()) {
    if (part === "" && index < parts.length - 1) return fail("A path pattern has no empty segment within.");
    if (part === "**") {
      segments.push(deep);
      continue;
    }
    if (part.includes("**")) return fail('"**" stands alone between two slashes.');
    const pieces: string[] = [];
    for (const piece of part.split("*")) {
      const literal = decoded(piece);
      if (literal === undefined) return fail("A percent escape of the path pattern is malformed or not UTF-8.");
      if (unsafeDecoded.test(literal)) return fail("No path could match this pattern: a segment of it is ambiguous.");
      pieces.push(literal);
    }
    const [literal = "", ...more] = pieces;
    if (more.length > 0) segments.push(Object.freeze(pieces));
    else if (dotSegment.test(literal)) return fail("No path could match this pattern: a segment of it is ambiguous.");
    else segments.push(literal);
  }
  return ok(Object.freeze({ text, segments: Object.freeze(segments) }));
}

/** For allow rules: an ambiguous path matches nothing. */
export function allowsPath(pattern: PathPattern, path: PathSegments): boolean {
  return path !== "ambiguous" && matches(pattern.segments, path);
}

/**
 * For deny rules: an ambiguous path matches everything, and what lenient origins ignore (path parameters, one
 * slash at the end) hides nothing.
 */
export function deniesPath(pattern: PathPattern, path: PathSegments): boolean {
  if (path === "ambiguous" || matches(pattern.segments, path)) return true;
  const plain = path.map((segment) => segment.split(";", 1)[0] ?? "");
  if (plain.length > 1 && plain.at(-1) === "") plain.pop();
  return plain.slice(0, -1).includes("") || matches(pattern.segments, plain);
}

/**
 * Greedy with one place to come back to, the last `**`: at most segments times pattern segments steps, whatever
 * the agent sends. That suffices because a later `**` can absorb all that an earlier one could.
 */
function matches(pattern: readonly SegmentPattern[], path: readonly string[]): boolean {
  let at = 0;
  let next = 0;
  let resumePattern = -1;
  let resumePath = 0;
  while (at < path.length) {
    const expected = pattern[next];
    if (expected === deep) {
      next += 1;
      resumePattern = next;
      resumePath = at;
    } else if (expected !== undefined && matchesSegment(expected, path[at] ?? "")) {
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
function matchesSegment(expected: string | readonly string[], segment: string): boolean {
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
