import { parseShape, type PathShape, shapeText } from "../router/core/learning/path-shape.ts";
import { denyRelationOf, relationOf } from "../router/core/learning/shape-relation.ts";
import type { PolicySet } from "./policy-set.ts";
import type { ReadQuestion } from "./recorded-question.ts";
import type { ShownRecord } from "./shown-record.ts";

/** Stands for what a shape does not tell. */
const ANY = "0any0segment0";

/** The shape of the path that a record of a request names; undefined: none. */
export function recordedShape({ kind, action, detail }: ShownRecord): PathShape | undefined {
  const path = kind === "egress.decision" && action.startsWith("http.") ? detail["path"] : undefined;
  return typeof path === "string" ? parseShape(path) : undefined;
}

/**
 * The question with all that its record says of the request: whether it was inside TLS, and its path, where each pattern of
 * the policies matches all or none of the paths that it may have been.
 */
export function asRecorded(question: ReadQuestion, record: ShownRecord, sets: readonly PolicySet[]): ReadQuestion {
  if (typeof question === "string" || question.about !== "egress" || question.request.via !== "http") return question;
  const secure = record.detail["secure"] === true;
  const request = { ...question.request, secure };
  const shape = recordedShape(record);
  if (shape === undefined || !isCertain(shape, question.request.host, sets)) return { ...question, request };
  const hidden = new Set(question.hidden);
  hidden.delete("path");
  return { ...question, request: { ...request, path: pathOf(shape) }, hidden };
}

/** `host:port`, with the shape of the path where it is on record. */
export function recordedTarget(record: ShownRecord): string {
  const shape = recordedShape(record);
  return shape === undefined ? record.target : record.target + shapeText(shape);
}

function isCertain(
  shape: PathShape,
  host: Parameters<NonNullable<PolicySet["egress"]>["policy"]["allowFor"]>[0],
  sets: readonly PolicySet[],
): boolean {
  if (!shape.some((segment) => segment.startsWith("*"))) return true;
  return sets.every(({ egress, governance }) => {
    // Its rules read the path itself.
    if (governance !== undefined) return false;
    const { policy } = egress ?? {};
    const allowing = (policy?.allowFor(host) ?? []).flatMap(({ paths }) => paths ?? []);
    const denying = (policy?.denyFor(host) ?? []).flatMap(({ paths }) => paths ?? []);
    return (
      allowing.every((pattern) => relationOf(pattern, shape) !== "some") &&
      denying.every((pattern) => denyRelationOf(pattern, shape) !== "some")
    );
  });
}

/** One of the paths that the shape stands for. */
function pathOf(shape: PathShape): string {
  const known = shape.at(-1) === "**" ? shape.slice(0, -1) : shape;
  return shapeText(known.map((segment) => segment.replaceAll("*", ANY)));
}
