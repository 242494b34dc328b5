import { fail, ok, type Result } from "../../core/base/result.ts";
import type { Json } from "../../core/json/json.ts";
import { MemberScan } from "../../core/json/member-scan.ts";
import { scanPlan, type ScanPlan } from "../../core/json/scan-plan.ts";
import type { HttpForwardRequest } from "../../core/wire/forward-request.ts";
import { type RequestBody, RequestBodyError } from "../../edge/listeners/request-body.ts";
import type { GovernanceRefusal } from "./governance-answer.ts";

/** The members of a body and how long each may be, in octets. */
export function bodyPlan(members: Readonly<Record<string, number>>): ScanPlan {
  return scanPlan({ capture: new Map(Object.entries(members)), count: new Set(), depth: DEPTH });
}

/** An action's arguments may be nested: so deep, and no deeper. */
const DEPTH = 32;
/** Octets of a body of the governance API. */
const MOST_BODY = 1024 * 1024;

/**
 * The members of a request's body: a strict JSON object (RFC 8259, no member twice at any depth) that has no member but
 * those of the plan.
 */
export async function readSmallBody(
  request: HttpForwardRequest,
  body: RequestBody,
  plan: ScanPlan,
): Promise<Result<ReadonlyMap<string, Json>, GovernanceRefusal>> {
  const type = request.fields.find(({ name }) => name === "content-type");
  if (type !== undefined && !JSON_TYPE.test(type.value)) {
    return malformed("The Content-Type is application/json, in UTF-8.", 415);
  }
  const scan = new MemberScan(plan);
  let length = 0;
  try {
    for await (const chunk of body.chunks()) {
      length += chunk.length;
      if (length > MOST_BODY)
        return fail({ reason: "request_too_large", message: `A body has ${MOST_BODY} octets at most.` });
      const problem = scan.push(chunk);
      if (problem !== undefined) return malformed(problem.sentence);
    }
  } catch (error) {
    if (error instanceof RequestBodyError) return malformed(error.detail);
    throw error;
  }
  const end = scan.end();
  if (!end.ok) return malformed(end.problem.sentence);
  const { members, size } = end.value;
  if (members.size !== size) {
    return malformed(`The body has no members but ${[...plan.capture.keys()].join(", ")}.`);
  }
  return ok(new Map([...members].map(([name, { value }]) => [name, value])));
}

const JSON_TYPE = /^application\/json[ \t]*(?:;[ \t]*charset="?utf-8"?[ \t]*)?$/i;

function malformed(message: string, status?: number): { readonly ok: false; readonly problem: GovernanceRefusal } {
  return fail({ reason: "malformed_request", message, ...(status === undefined ? {} : { status }) });
}
