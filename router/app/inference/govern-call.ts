import { fail, ok, type Result } from "../../core/base/result.ts";
import type { ToolAction } from "../../core/governance/action.ts";
import type { Api } from "../../core/inference/api.ts";
import type { ModelRule } from "../../core/models/inference-policy.ts";
import type { Denial, Governor } from "../governance/governor.ts";
import type { CallProblem } from "./call-problem.ts";
import { GovernedCall } from "./governed-call.ts";

/**
 * The governance policy's word on a call to a model, after the inference policy's. Where one provider serves the model,
 * leave is taken here. Of several one at least must be allowed, and leave is taken of each right before it is asked.
 */
export function governCall(
  governor: Governor,
  api: Api | "realtime",
  model: ModelRule,
  stream: boolean,
  bytes: number,
): Result<GovernedCall, CallProblem> {
  const governed = new GovernedCall(governor, { kind: "inference", model: model.name, api, stream, bytes });
  const [first, ...others] = new Set(model.targets.map(({ provider }) => provider));
  if (first === undefined) throw new Error("a model without targets");
  if (others.length > 0 && [first, ...others].some((provider) => governed.mayAsk(provider))) return ok(governed);
  const asked = governed.ask(first);
  return asked.ok ? ok(governed) : fail(problemOf(asked.problem));
}

/**
 * Whether every tool may be called with whatever arguments, however often: asked where calls of tools cannot be seen, so
 * that neither a limit nor an approval nor a throttle of them could be held.
 */
export function allowsAnyTool(governor: Governor, model: ModelRule): boolean {
  const action: ToolAction = {
    kind: "tool",
    server: "function",
    tool: undefined,
    arguments: { state: "missing" },
    model: model.name,
  };
  return governor.allowsUnseen(action);
}

export const TOOLS_UNSEEN: CallProblem = {
  reason: "governance_denied",
  detail: "What tools it calls cannot be judged here one by one, and not every tool is allowed, however often.",
};

export function problemOf({ reason, message, rule, retryAfter }: Denial): CallProblem {
  return {
    reason,
    detail: message,
    ...(rule === undefined ? {} : { rule }),
    ...(retryAfter === undefined ? {} : { retryAfter }),
  };
}
