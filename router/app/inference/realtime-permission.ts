import { fail, ok, type Result } from "../../core/base/result.ts";
import type { Reason } from "../../core/base/reason.ts";
import type { AgentRoute } from "../../core/inference/agent-route.ts";
import type { CompiledInferencePolicy } from "../../core/models/compile-inference-policy.ts";
import type { ModelRule } from "../../core/models/inference-policy.ts";
import type { HttpForwardRequest } from "../../core/wire/forward-request.ts";
import type { Call } from "./call.ts";
import { obstacle } from "./inference-corridor.ts";
import type { CallProblem } from "./call-problem.ts";
import type { InferenceRooms } from "./inference-rooms.ts";
import { type RealtimeAsk, realtimeAsk } from "./realtime-request.ts";

export interface PermittedRealtime {
  readonly policy: CompiledInferencePolicy;
  readonly model: ModelRule;
  readonly ask: RealtimeAsk;
}

/**
 * Whether this connection may be made. What of a policy only the body of a call could show is not enforced on frames, so
 * a model is served only while nothing of the kind applies to it: that is asked again whenever policy changes.
 */
export function permitRealtime(
  rooms: InferenceRooms,
  request: HttpForwardRequest,
  route: Extract<AgentRoute, { kind: "realtime" }>,
  call: Call,
): Result<PermittedRealtime, CallProblem> {
  const early = obstacle(rooms);
  const policy = rooms.policy();
  if (early !== undefined) return fail(early);
  if (policy.state === "missing") return fail({ reason: "policy_missing", detail: undefined });
  const ask = realtimeAsk(request, route);
  if (!ask.ok) return ask;
  const param = ask.value.preview ? "deployment" : "model";
  if (route.model === undefined || route.model === "") {
    return fail({ reason: "malformed_request", detail: "The request does not name one model.", param });
  }
  const model = policy.model(route.model);
  if (model === undefined) return fail({ reason: "model_not_allowed", detail: undefined, param });
  call.facts.model = model.name;
  call.facts.stream = true;
  const beyond = beyondFrames(rooms, policy, model);
  if (beyond !== undefined) return fail(beyond);
  call.lostUnder = (next) => {
    const now = next.model(model.name);
    return now === undefined ? "model_not_allowed" : beyondFrames(rooms, next, now)?.reason;
  };
  return ok({ policy, model, ask: ask.value });
}

/** The first thing that policy demands of this model's calls and that cannot be had of frames. */
function beyondFrames(
  rooms: InferenceRooms,
  policy: CompiledInferencePolicy,
  model: ModelRule,
): CallProblem | undefined {
  const { budgets, rateLimits, guardrails } = policy.limitsOf(model);
  if (rooms.budgets.meters(model.name)) {
    const rule = budgets.find(({ unit }) => unit !== "requests") ?? rateLimits.find(({ unit }) => unit === "tokens");
    return notServed("Realtime cannot be metered while a budget is in force.", rule?.id);
  }
  const [guardrail] = guardrails;
  if (guardrail !== undefined) return notServed("A guardrail cannot look into what Realtime carries.", guardrail.id);
  if (policy.contentFilter.size > 0) return notServed("The content filter's floors cannot be held on Realtime.");
  return undefined;
}

function notServed(detail: string, rule?: string): CallProblem {
  return { reason: "path_not_allowed", detail, ...(rule === undefined ? {} : { rule }) };
}

/** Why a connection may not go on, by what has come into force while it was being dialled. */
export function lostMeanwhile(rooms: InferenceRooms, call: Call): Reason | undefined {
  if (call.cutReason !== undefined) return call.cutReason;
  const policy = rooms.policy();
  if (policy.state === "missing") return "policy_missing";
  if (!(rooms.time() < policy.deniesFrom)) return "policy_expired";
  const { provider, address } = call.facts;
  if (provider === undefined || policy.provider(provider) === undefined) return "model_not_allowed";
  const lost = call.lostUnder?.(policy);
  if (lost !== undefined) return lost;
  return address !== undefined && rooms.routes.admits(policy, provider, address) ? undefined : "address_not_allowed";
}
