import { foldedText, lenientForms } from "../policy/lenient-path.ts";
import { type Glob, matchesSegment } from "../policy/match-path.ts";
import type { PathPattern } from "../policy/path-pattern.ts";
import type { PathShape } from "./path-shape.ts";

/** Whether a pattern matches all paths of a shape, none, or it depends on the path. */
export type ShapeRelation = "all" | "none" | "some";

/**
 * `all` and `none` are certain; `some` is what neither could be shown for. Paths of which an origin may drop a part
 * (parameters, an encoded "?"), which deny rules read in more than one way, are not thought of.
 */
export function relationOf({ text }: PathPattern, shape: PathShape): ShapeRelation {
  const [whole, cut] = bothReadings(text, shape, allowing);
  return whole === cut ? whole : whole === "none" || cut === "none" ? "none" : "some";
}

/** The same for a deny rule's pattern, which also reads a path without the slash at its end. */
export function denyRelationOf({ text }: PathPattern, shape: PathShape): ShapeRelation {
  const relation = eitherOf(bothReadings(text, shape, denying));
  const last = shape.at(-1) ?? "";
  if (relation === "all" || shape.length < 2 || (last !== "" && !last.endsWith("*"))) return relation;
  const shorter = eitherOf(bothReadings(text, shape.slice(0, -1), denying));
  if (last === "" && shorter === "all") return "all";
  return relation === "none" && shorter === "none" ? "none" : "some";
}

function eitherOf([whole, cut]: readonly [ShapeRelation, ShapeRelation]): ShapeRelation {
  return whole === cut ? whole : whole === "all" || cut === "all" ? "all" : "some";
}

const ENCODED_SLASH = /%2f/gi;

/** With encoded slashes within segments, and as what cuts them. */
function bothReadings(text: string, shape: PathShape, matches: Segments): readonly [ShapeRelation, ShapeRelation] {
  const cutShape = shape.flatMap((segment) => segment.split("%2F"));
  return [
    readingOf(text.slice(1).split("/"), shape, matches),
    readingOf(text.replace(ENCODED_SLASH, "/").slice(1).split("/"), cutShape, matches),
  ];
}

function readingOf(pattern: readonly string[], shape: PathShape, matches: Segments): ShapeRelation {
  const covers: Segments = (expected, given) =>
    given.startsWith("*")
      ? expected === "*" || expected.replace(ENCODED_SLASH, "%2F") === given
      : matches(expected, given);
  if (holds(pattern, shape, covers, false)) return "all";
  return holds(pattern, shape, (expected, given) => given.startsWith("*") || matches(expected, given), true)
    ? "some"
    : "none";
}

type Segments = (pattern: string, segment: string) => boolean;

/**
 * From the end of both to their beginnings: whether the rest of the pattern covers the rest of the shape, or, with `meets`,
 * whether a path can be of both.
 */
function holds(pattern: readonly string[], shape: PathShape, segments: Segments, meets: boolean): boolean {
  let behind: boolean[] = [];
  for (let at = pattern.length; at >= 0; at -= 1) {
    const expected = pattern[at];
    const row: boolean[] = [];
    for (let next = shape.length; next >= 0; next -= 1) {
      const given = shape[next];
      if (expected === undefined)
        row[next] = given === undefined || (meets && given === "**" && row[next + 1] === true);
      else if (expected === "**") row[next] = behind[next] === true || row[next + 1] === true;
      else if (given === undefined) row[next] = false;
      else if (given === "**") row[next] = meets && (behind[next] === true || row[next + 1] === true);
      else row[next] = behind[next + 1] === true && segments(expected, given);
    }
    behind = row;
  }
  return behind[0] === true;
}

function allowing(pattern: string, segment: string): boolean {
  return matchesSegment(
    globOf(pattern, (literal) => literal),
    segment,
  );
}

function denying(pattern: string, segment: string): boolean {
  const folded = globOf(pattern, foldedText);
  return allowing(pattern, segment) || lenientForms(segment).some((form) => matchesSegment(folded, form));
}

function globOf(pattern: string, read: (literal: string) => string): Glob {
  const [literal = "", ...more] = pattern.split("*").map((piece) => read(decodeURIComponent(piece)));
  return more.length === 0 ? literal : [literal, ...more];
}
