import type { AuditValue } from "../../router/core/audit/audit-event.ts";
import type { DocumentProblem } from "../../router/core/base/problem.ts";
import { parseEgressApproval } from "../../router/core/approval/parse-egress-approval.ts";
import type { Result } from "../../router/core/base/result.ts";
import type { JsonObject } from "../pod/pod.ts";
import { canonicalDocument } from "../policies/canonical-document.ts";
import { isPolicyKind, parsePolicy } from "../policies/parse-policy.ts";
import type { AdmissionProblem } from "./answer.ts";
import { pathsAt } from "./paths-at.ts";

/**
 * Everything that is wrong with an EgressApproval or a policy that is kept as a resource; empty: the sidecar takes it. It
 * is read as the sidecar reads it, from the same text, which the parsers themselves bound. Of an approval the spec is
 * looked at: its status is nobody's at CREATE.
 */
export function checkDocument(object: JsonObject): readonly AdmissionProblem[] {
  const { kind, apiVersion, spec } = object;
  const name = nameOf(object);
  if (typeof kind !== "string" || (kind !== "EgressApproval" && !isPolicyKind(kind)))
    return [{ code: "wrong_kind", path: "kind", message: "This is no kind of document that Sluice knows." }];
  const text =
    typeof apiVersion === "string" && spec !== undefined
      ? canonicalDocument({ apiVersion, kind, name: name ?? "generated", spec: spec as AuditValue })
      : undefined;
  if (text === undefined) return [unwritable(spec)];
  const read: Result<unknown, readonly DocumentProblem[]> = isPolicyKind(kind)
    ? parsePolicy(kind, kind, text)
    : parseEgressApproval(kind, text);
  return read.ok ? [] : located(text, read.problem);
}

/** Whether an update leaves the spec as it was. The API server writes members in one order. */
export function sameSpec(one: JsonObject, other: JsonObject): boolean {
  return JSON.stringify(one["spec"]) === JSON.stringify(other["spec"]);
}

function nameOf({ metadata }: JsonObject): string | undefined {
  if (typeof metadata !== "object" || metadata === null || !("name" in metadata)) return undefined;
  return typeof metadata.name === "string" ? metadata.name : undefined;
}

function unwritable(spec: unknown): AdmissionProblem {
  if (spec === undefined) return { code: "missing_key", path: "spec", message: "The document has no spec." };
  return {
    code: "not_canonical",
    path: "spec",
    message: "The document has no RFC 8785 form: a lone surrogate, or values nested deeper than 32.",
  };
}

/** Positions in a text that nobody wrote help nobody: the path in the object does. */
function located(text: string, problems: readonly DocumentProblem[]): readonly AdmissionProblem[] {
  const paths = pathsAt(
    text,
    problems.map(({ line, column }) => (line === 0 ? 0 : column - 1)),
  );
  return problems.map(({ code, message }, index) => ({
    code,
    path: paths[index] ?? "",
    message: `${code}: ${message}`,
  }));
}
