import type { PathPattern } from "../policy/path-pattern.ts";
import type { PathShape } from "./path-shape.ts";

/** Whether a pattern matches all paths of a shape, none, or it depends on the path. */
export type ShapeRelation = "all" | "none" | "some";

/**
 * `all` and `none` are certain; `some` is what neither could be shown for. Paths with parameters (`;`), which deny rules
 * read in more than one way, are not thought of.
 */
export function relationOf({ text }: PathPattern, shape: PathShape): ShapeRelation {
  const pattern = text.slice(1).split("/");
  if (holds(pattern, shape, coversSegment, false)) return "all";
  return holds(pattern, shape, meetsSegment, true) ? "some" : "none";
}

/** The same for a deny rule's pattern, which also reads a path without the slash at its end. */
export function denyRelationOf(pattern: PathPattern, shape: PathShape): ShapeRelation {
  const relation = relationOf(pattern, shape);
  const last = shape.at(-1);
  if (relation === "all" || shape.length < 2 || (last !== "" && last !== "*" && last !== "**")) return relation;
  const shorter = relationOf(pattern, shape.slice(0, -1));
  if (last === "" && shorter === "all") return "all";
  return relation === "none" && shorter === "none" ? "none" : "some";
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

function coversSegment(pattern: string, segment: string): boolean {
  return segment === "*" ? pattern === "*" : matches(pattern, segment);
}

function meetsSegment(pattern: string, segment: string): boolean {
  return segment === "*" || matches(pattern, segment);
}

/** As path patterns are read: pieces between stars, decoded, each at its first place. */
function matches(pattern: string, segment: string): boolean {
  const [first = "", ...pieces] = pattern.split("*").map(decodeURIComponent);
  const last = pieces.pop();
  if (last === undefined) return first === segment;
  const end = segment.length - last.length;
  if (!segment.startsWith(first) || !segment.endsWith(last) || end < first.length) return false;
  let from = first.length;
  for (const piece of pieces) {
    const found = segment.indexOf(piece, from);
    if (found < 0) return false;
    from = found + piece.length;
  }
  return from <= end;
}
