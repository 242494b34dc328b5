import { fail, ok, type Result } from "../../core/base/result.ts";
import type { Json } from "../../core/json/json.ts";
import { MemberScan } from "../../core/json/member-scan.ts";
import { scanPlan, type ScanPlan } from "../../core/json/scan-plan.ts";
import type { HttpForwardRequest } from "../../core/wire/forward-request.ts";
import { type RequestBody, RequestBodyError } from "../../edge/listeners/request-body.ts";
import { Budget, type Share } from "./budget.ts";
import type { GovernanceRefusal } from "./governance-answer.ts";
import { StructureCount } from "./structure-count.ts";

/** The members of a body and how long each may be, in octets. */
export function bodyPlan(members: Readonly<Record<string, number>>): ScanPlan {
  return scanPlan({ capture: new Map(Object.entries(members)), count: new Set(), depth: DEPTH });
}

/** An action's arguments may be nested: so deep, and no deeper. */
const DEPTH = 32;
/** Octets of a body of the governance API. */
const MOST_BODY = 1024 * 1024;
/** Values in a body: a megabyte of empty lists takes fifty as soon as it is parsed. */
const MOST_VALUES = 50_000;
/** Octets that a value takes beside its text. */
const VALUE_OCTETS = 64;
/** From the first octet that is waited for to the last. */
const LONGEST_MILLIS = 10_000;

/** Octets, as they come and as they are parsed, of all bodies of the governance API that this process holds. */
const bodies = new Budget(16 * 1024 * 1024);

/** The share of one request in the room that all bodies have; let go where the request ends. */
export function bodyShare(): Share {
  return bodies.share();
}

export interface SmallBodyOptions {
  /** Octets; 1 MiB where nothing is said. */
  readonly most?: number;
  /** Where what was read goes on to be held; otherwise it counts while it is read. */
  readonly share?: Share;
}

/**
 * The members of a request's body: a strict JSON object (RFC 8259, no member twice at any depth) that has no member but
 * those of the plan. What is too much, alone or together with others', is refused before any of it is parsed.
 */
export async function readSmallBody(
  request: HttpForwardRequest,
  body: RequestBody,
  plan: ScanPlan,
  { most = MOST_BODY, share }: SmallBodyOptions = {},
): Promise<Result<ReadonlyMap<string, Json>, GovernanceRefusal>> {
  const problem = contentProblem(request);
  if (problem !== undefined) return malformed(problem, 415);
  if (request.framing.kind === "length" && request.framing.length > most) return tooLarge(most);
  using own = bodyShare();
  const read = await scanned(body, plan, most, share ?? own);
  if (!read.ok) return read;
  const end = read.value.end();
  if (!end.ok) return malformed(end.problem.sentence);
  const { members, size } = end.value;
  if (members.size !== size) {
    return malformed(`The body has no members but ${[...plan.capture.keys()].join(", ")}.`);
  }
  return ok(new Map([...members].map(([name, { value }]) => [name, value])));
}

async function scanned(
  body: RequestBody,
  plan: ScanPlan,
  most: number,
  share: Share,
): Promise<Result<MemberScan, GovernanceRefusal>> {
  const scan = new MemberScan(plan);
  const structure = new StructureCount();
  const until = performance.now() + LONGEST_MILLIS;
  let length = 0;
  let values = 0;
  try {
    for await (const chunk of body.chunks()) {
      length += chunk.length;
      if (length > most) return tooLarge(most);
      const more = structure.count(chunk);
      values += more;
      if (values > MOST_VALUES) {
        return fail({ reason: "request_too_large", message: `A body has ${MOST_VALUES} values at most.` });
      }
      if (!share.grow(chunk.length + more * VALUE_OCTETS)) return fail({ reason: "overloaded", retryAfter: 1_000 });
      const problem = scan.push(chunk);
      if (problem !== undefined) return malformed(problem.sentence);
      if (performance.now() > until && !body.complete) return malformed("The request body took too long to come.");
    }
  } catch (error) {
    if (error instanceof RequestBodyError) return malformed(error.detail);
    throw error;
  }
  return ok(scan);
}

/** Two readers of it could differ about what the body is: why it is not read. */
function contentProblem({ fields }: HttpForwardRequest): string | undefined {
  if (fields.some(({ name }) => name === "content-encoding")) return "A body has no Content-Encoding.";
  const types = fields.filter(({ name }) => name === "content-type");
  if (types.length <= 1 && types.every(({ value }) => JSON_TYPE.test(value))) return undefined;
  return "There is one Content-Type: application/json, in UTF-8.";
}

const JSON_TYPE = /^application\/json[ \t]*(?:;[ \t]*charset="?utf-8"?[ \t]*)?$/i;

function tooLarge(most: number): { readonly ok: false; readonly problem: GovernanceRefusal } {
  return fail({ reason: "request_too_large", message: `A body has ${most} octets at most.` });
}

function malformed(message: string, status?: number): { readonly ok: false; readonly problem: GovernanceRefusal } {
  return fail({ reason: "malformed_request", message, ...(status === undefined ? {} : { status }) });
}
