import { millis } from "../../core/base/quantity.ts";
import type { Reason } from "../../core/base/reason.ts";
import type { NativeRefusal } from "../../core/inference/native-refusal.ts";
import type { Call } from "./call.ts";

/** Why a call does not go on. */
export interface CallProblem {
  readonly reason: Reason;
  readonly detail: string | undefined;
  readonly rule?: string;
  readonly param?: string;
  readonly status?: number;
  readonly retryAfter?: number;
  readonly resetAt?: string;
  readonly limits?: NativeRefusal["limits"];
}

/** The same as the agent is told. */
export function refusalOf(problem: CallProblem, call: Call): NativeRefusal {
  const { reason, detail, rule, param, status, retryAfter, resetAt, limits } = problem;
  return {
    reason,
    request: call.start.request,
    ...(detail === undefined ? {} : { detail }),
    ...(rule === undefined ? {} : { rule }),
    ...(param === undefined ? {} : { param }),
    ...(status === undefined ? {} : { status }),
    ...(retryAfter === undefined ? {} : { retryAfter: millis(retryAfter) }),
    ...(resetAt === undefined ? {} : { resetAt }),
    ...(limits === undefined ? {} : { limits }),
  };
}
