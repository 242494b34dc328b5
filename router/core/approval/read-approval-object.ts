import type { DocumentProblem } from "../base/problem.ts";
import { fail, type Result } from "../base/result.ts";
import { readDocument } from "../document/document-kind.ts";
import { nodeOf } from "../document/node-of.ts";
import { Report } from "../document/report.ts";
import type { Json } from "../json/json.ts";
import type { EgressApproval } from "./approval.ts";
import { egressApproval } from "./parse-egress-approval.ts";

/** As deep as a document may be. */
const MOST_DEPTH = 32;
/** Members and items, all together. */
const MOST_VALUES = 50_000;

/**
 * Reads an `EgressApproval` as an API server keeps it: of all its members `apiVersion`, `kind`, `metadata.name`, `spec`
 * and what counts of `status.conditions`, as strictly as from a file. `file`: what problems are reported under.
 */
export function readApprovalObject(file: string, given: unknown): Result<EgressApproval, readonly DocumentProblem[]> {
  const { apiVersion, kind, metadata, spec, status } = membersOf(given);
  const { name } = membersOf(metadata);
  const { conditions } = membersOf(status);
  const document = {
    ...present({ apiVersion, kind }),
    metadata: present({ name }),
    ...present({ spec }),
    // None has been set yet: nobody has answered.
    ...(conditions === undefined || conditions === null ? {} : { status: { conditions: whatCounts(conditions) } }),
  };
  if (!isBounded(document)) {
    const message = `The object is nested deeper than ${MOST_DEPTH}, or holds over ${MOST_VALUES} values.`;
    return fail([{ file, line: 0, column: 0, code: "too_large", message }]);
  }
  return readDocument(egressApproval, { root: nodeOf(document), report: new Report(file, "") });
}

/** Of conditions those of type `Approved`, without what they say to people, which may be empty or long. */
function whatCounts(conditions: unknown): unknown {
  if (!Array.isArray(conditions)) return conditions;
  return conditions.flatMap((condition: unknown): readonly unknown[] => {
    const { type, status, lastTransitionTime } = membersOf(condition);
    if (typeof type === "string" && type !== "Approved") return [];
    return [present({ type, status, lastTransitionTime })];
  });
}

/** Nothing of what is no object. */
function membersOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : {};
}

function present(members: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}

/** JSON that can be walked without harm; without recursion itself. */
function isBounded(value: unknown): value is Json {
  let level: readonly unknown[] = [value];
  let count = 0;
  for (let depth = 0; level.length > 0; depth += 1) {
    count += level.length;
    if (depth > MOST_DEPTH || count > MOST_VALUES) return false;
    level = level.flatMap((one): readonly unknown[] =>
      typeof one === "object" && one !== null ? Object.values(one) : [],
    );
  }
  return true;
}
