import { HeldOctets } from "../../core/base/held-octets.ts";
import type { Reason } from "../../core/base/reason.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";
import { MemberScan } from "../../core/json/member-scan.ts";
import type { Api } from "../../core/inference/api.ts";
import { bodyPlan } from "../../core/inference/request-facts.ts";
import type { ScanPlan } from "../../core/json/scan-plan.ts";
import type { ScannedObject } from "../../core/json/scanned-object.ts";
import type { RequestFraming } from "../../core/wire/request-framing.ts";
import type { RequestBody } from "../../edge/listeners/request-body.ts";
import { RequestBodyError } from "../../edge/listeners/request-body.ts";
import type { HeldBodies } from "./held-bodies.ts";

/** A request's body: never joined, its small pieces copied together. */
export interface HeldBody extends Disposable {
  readonly chunks: readonly Uint8Array[];
  readonly length: number;
  readonly object: ScannedObject;
}

export interface BodyProblem {
  readonly reason: Reason;
  readonly detail: string;
}

/**
 * Reads a body to its end and scans it on the way. A body longer than `most` is refused by its length, or as soon as it
 * is too long; one that is not a strict JSON object at its first octet that shows it.
 */
export async function holdBody(
  body: RequestBody,
  framing: RequestFraming,
  plan: ScanPlan,
  held: HeldBodies,
  most: number,
): Promise<Result<HeldBody, BodyProblem>> {
  const declared = framing.kind === "length" ? framing.length : 0;
  if (declared > most) return fail(tooLarge(most));
  const taken = held.take(declared);
  if (taken !== true && !(await taken)) return fail(TOO_MUCH);
  let own = declared;
  const octets = new HeldOctets(framing.kind === "length" ? declared : Infinity);
  const scan = new MemberScan(plan);
  const refused = (problem: BodyProblem): Result<never, BodyProblem> => {
    held.release(own);
    return fail(problem);
  };
  try {
    for (;;) {
      const next = body.next();
      const chunk = next instanceof Promise ? await next : next;
      if (chunk === undefined) break;
      if (octets.length + chunk.length > most) return refused(tooLarge(most));
      octets.push(chunk);
      if (octets.size > own) {
        const more = octets.size - own;
        if (!held.grow(more)) return refused(TOO_MUCH);
        own += more;
      }
      const broken = scan.push(chunk);
      if (broken !== undefined) return refused(malformed(broken.sentence));
    }
  } catch (error) {
    if (error instanceof RequestBodyError) return refused({ reason: "malformed_request", detail: error.detail });
    held.release(own);
    throw error;
  }
  const end = scan.end();
  if (!end.ok) return refused(malformed(end.problem.sentence));
  const { length } = octets;
  return ok({ chunks: octets.take(), length, object: end.value, [Symbol.dispose]: () => held.release(own) });
}

/** The body in other words: those that a guardrail has masked. What is held for it stays the first one's to release. */
export function rewritten(text: string, api: Api): Result<HeldBody, BodyProblem> {
  const octets = Buffer.from(text);
  return editedBody({ chunks: [octets], length: octets.length }, api);
}

/** The same with octets that stand in others' place. */
export function editedBody(
  { chunks, length }: Pick<HeldBody, "chunks" | "length">,
  api: Api,
): Result<HeldBody, BodyProblem> {
  const scan = new MemberScan(bodyPlan(api));
  for (const chunk of chunks) scan.push(chunk);
  const end = scan.end();
  if (!end.ok) return fail(malformed(end.problem.sentence));
  return ok({ chunks, length, object: end.value, [Symbol.dispose]: () => undefined });
}

function malformed(sentence: string): BodyProblem {
  return { reason: "malformed_request", detail: `The body is not the JSON object that this API takes. ${sentence}` };
}

function tooLarge(most: number): BodyProblem {
  return { reason: "request_too_large", detail: `A body has at most ${most} octets.` };
}

const TOO_MUCH: BodyProblem = { reason: "overloaded", detail: "Too much is being sent at once." };
