import { type Millis, millis } from "../../core/base/quantity.ts";
import type { Reason } from "../../core/base/reason.ts";
import type { NativeRefusal } from "../../core/inference/native-refusal.ts";
import type { Call } from "./call.ts";

/** Why a call does not go on. */
export interface CallProblem {
  readonly reason: Reason;
  readonly detail: string | undefined;
  readonly sentence?: string;
  readonly rule?: string;
  readonly param?: string;
  readonly status?: number;
  readonly retryAfter?: number;
  readonly resetAt?: string;
  readonly limits?: NativeRefusal["limits"];
  readonly paid?: boolean;
}

/** Why a target is not asked now: its breaker is open. */
export function leftAlone({ wait, limited }: { readonly wait: Millis; readonly limited: boolean }): CallProblem {
  if (limited) {
    const detail = "The model's provider asked to be left alone for a moment.";
    return { reason: "rate_limited", detail, retryAfter: wait };
  }
  const detail = "The model's provider is left alone for a moment after it failed.";
  return { reason: "upstream_unreachable", detail, status: 503, retryAfter: wait };
}

/** A model of the policy, none of whose targets has the caller's API. */
export const NOT_SPOKEN: CallProblem = {
  reason: "model_not_allowed",
  sentence: "The policy has this model, but on other APIs.",
  detail: "No target of it speaks this one.",
  param: "model",
};

/** The same as the agent is told. */
export function refusalOf(problem: CallProblem, call: Call): NativeRefusal {
  const { reason, sentence, detail, rule, param, status, retryAfter, resetAt, limits, paid } = problem;
  return {
    reason,
    request: call.start.request,
    ...(sentence === undefined ? {} : { sentence }),
    ...(detail === undefined ? {} : { detail }),
    ...(rule === undefined ? {} : { rule }),
    ...(param === undefined ? {} : { param }),
    ...(status === undefined ? {} : { status }),
    ...(retryAfter === undefined ? {} : { retryAfter: millis(retryAfter) }),
    ...(resetAt === undefined ? {} : { resetAt }),
    ...(limits === undefined ? {} : { limits }),
    ...(paid === undefined ? {} : { paid }),
  };
}
