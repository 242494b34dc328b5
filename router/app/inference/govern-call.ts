import { fail, ok, type Result } from "../../core/base/result.ts";
import type { Reason } from "../../core/base/reason.ts";
import type { InferenceAction, ToolAction } from "../../core/governance/action.ts";
import type { Api } from "../../core/inference/api.ts";
import type { ModelRule } from "../../core/models/inference-policy.ts";
import type { Denial, Governor } from "../governance/governor.ts";
import type { CallProblem } from "./call-problem.ts";
import type { GovernedCall } from "./governed-call.ts";

/**
 * The governance policy's word on a call to a model, after the inference policy's. A model may be served by several
 * providers: each of them must be allowed, since any of them may be asked; limits are taken once.
 */
export function governCall(
  governor: Governor,
  api: Api | "realtime",
  model: ModelRule,
  stream: boolean,
  bytes: number,
): Result<GovernedCall, CallProblem> {
  const providers = [...new Set(model.targets.map(({ provider }) => provider))];
  const actions = providers.map((provider): InferenceAction => ({
    kind: "inference",
    model: model.name,
    provider,
    api,
    stream,
    bytes,
  }));
  const [first, ...others] = actions;
  if (first === undefined) throw new Error("a model without targets");
  const judged = governor.judge(first, true);
  if (judged.kind === "refused") return fail(problemOf(judged));
  for (const action of others) {
    const reason = governor.standing(action, judged.approval);
    if (reason === undefined) continue;
    judged.ended("failed", 0);
    return fail({ reason, detail: "One of the model's providers is refused." });
  }
  return ok({ actions, leave: judged });
}

/** Why a call may not go on, as rules and behaviour are now. */
export function lostLeave(governor: Governor, { actions, leave }: GovernedCall): Reason | undefined {
  for (const action of actions) {
    const reason = governor.standing(action, leave.approval);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

/** Whether every tool may be called with whatever arguments: asked where calls of tools cannot be seen. */
export function allowsAnyTool(governor: Governor, model: ModelRule): boolean {
  const action: ToolAction = {
    kind: "tool",
    server: "function",
    tool: undefined,
    arguments: { state: "missing" },
    model: model.name,
  };
  return governor.standing(action, undefined) === undefined;
}

export const TOOLS_UNSEEN: CallProblem = {
  reason: "governance_denied",
  detail: "What tools it calls cannot be judged here one by one, and not every tool is allowed.",
};

export function problemOf({ reason, message, rule, retryAfter }: Denial): CallProblem {
  return {
    reason,
    detail: message,
    ...(rule === undefined ? {} : { rule }),
    ...(retryAfter === undefined ? {} : { retryAfter }),
  };
}
