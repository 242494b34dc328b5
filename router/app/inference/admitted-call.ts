import type { Millis } from "../../core/base/quantity.ts";
import type { Guardrail } from "../../core/guardrail/guardrail-rule.ts";
import type { AgentRoute } from "../../core/inference/agent-route.ts";
import type { RequestFacts } from "../../core/inference/request-facts.ts";
import type { CompiledInferencePolicy } from "../../core/models/compile-inference-policy.ts";
import type { ModelRule } from "../../core/models/inference-policy.ts";
import type { HttpForwardRequest } from "../../core/wire/forward-request.ts";
import type { CallTools } from "./call-tools.ts";
import type { CallAsk, Held } from "./budget-rooms.ts";
import type { HeldBody } from "./held-body.ts";

export type CallRoute = Extract<AgentRoute, { kind: "call" }>;

/** A call that may go on: everything that its attempts need. */
export interface AdmittedCallParts {
  readonly policy: CompiledInferencePolicy;
  readonly model: ModelRule;
  readonly route: CallRoute;
  readonly request: HttpForwardRequest;
  readonly facts: RequestFacts;
  readonly body: HeldBody;
  readonly held: Held;
  /** What `held` was asked with. */
  readonly ask: CallAsk;
  /** When the body's last octet had come. */
  readonly readAt: Millis;
  /** Those that apply to the model, for its answer. */
  readonly rails: readonly Guardrail[];
  /** Who judges the tools that its answer calls; undefined: nobody need. */
  readonly tools: CallTools | undefined;
}
