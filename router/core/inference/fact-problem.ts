import { fail } from "../base/result.ts";

/** Why a request's body is not one that the router can answer for. */
export interface FactProblem {
  readonly param: string;
  /** One sentence that repeats nothing the client sent. */
  readonly sentence: string;
}

interface FactFailure {
  readonly ok: false;
  readonly problem: FactProblem;
}

/** A member is not of the form that its API says. */
export function wrong(param: string, needed: string): FactFailure {
  return fail({ param, sentence: `The member ${param} must be ${needed}.` });
}
