import { assertNever } from "../../core/base/assert-never.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";
import type { Guardrail } from "../../core/guardrail/guardrail-rule.ts";
import { type Api, APIS } from "../../core/inference/api.ts";
import { bodyPlan, type RequestFacts, requestFacts } from "../../core/inference/request-facts.ts";
import type { ModelRule } from "../../core/models/inference-policy.ts";
import type { CompiledInferencePolicy } from "../../core/models/compile-inference-policy.ts";
import { canCall } from "../../core/toolcall/read-calls.ts";
import type { HttpForwardRequest } from "../../core/wire/forward-request.ts";
import type { AgentSocket } from "../../edge/listeners/agent-socket.ts";
import { RequestBody } from "../../edge/listeners/request-body.ts";
import type { Verdict } from "../guardrails/guardrails.ts";
import type { CallRoute } from "./admitted-call.ts";
import type { CallAsk } from "./budget-rooms.ts";
import type { Call } from "./call.ts";
import { CallTools } from "./call-tools.ts";
import { governCall } from "./govern-call.ts";
import { type HeldBody, holdBody, rewritten } from "./held-body.ts";
import { type CallProblem, refusalOf } from "./call-problem.ts";
import type { InferenceRooms } from "./inference-rooms.ts";
import { writeRefusal } from "./local-answer.ts";
import { speak } from "./speak.ts";
import { MOST_GUARDED, wholeText } from "./whole-body.ts";

type Next = "again" | "done";

/** What a prompt may become beyond its own octets: a chat template's marks, a provider's own preamble to tools. */
const PREAMBLE_TOKENS = 64;
const TOOL_PREAMBLE_TOKENS = 1_024;

/**
 * The one straight path of an inference call: read, look up, guard, hold of the budgets, record, send, relay, settle. It
 * ends in exactly one outcome, and what was held of the budgets is settled or released whatever happens.
 */
export async function serveCall(
  rooms: InferenceRooms,
  agent: AgentSocket,
  request: HttpForwardRequest,
  route: CallRoute,
  call: Call,
): Promise<Next> {
  rooms.calls.add(call);
  const body = new RequestBody(agent, request.framing, rooms.limits.idle);
  const refuse = (problem: CallProblem): Next => {
    if (call.over && call.cutReason === undefined) {
      call.aborted(undefined, "The agent left.");
      agent.abort();
      return "done";
    }
    call.refused(problem.reason, problem.rule, problem.detail);
    const keepAlive = request.keepAlive && body.complete;
    writeRefusal(agent, call.start.family, refusalOf(problem, call), keepAlive);
    return keepAlive ? "again" : "done";
  };
  let whole: HeldBody | undefined;
  try {
    const early = obstacle(rooms) ?? typeProblem(request);
    if (early !== undefined) return refuse(early);
    if (request.expectContinue) agent.write("HTTP/1.1 100 Continue\r\n\r\n");
    const read = await holdBody(body, request.framing, bodyPlan(route.api), rooms.bodies, rooms.config.bodyBytes);
    if (!read.ok) return refuse({ reason: read.problem.reason, detail: read.problem.detail });
    whole = read.value;
    const readAt = rooms.clock.monotonic();
    call.facts.bytesOut = whole.length;
    agent.onLeft(() => call.abandon());

    const asked = lookedUp(rooms, route, call, whole);
    if (!asked.ok) return refuse(asked.problem);
    const { policy, model, facts } = asked.value;
    const governed = governCall(rooms.governor, route.api, model, facts.stream, whole.length);
    if (!governed.ok) return refuse(governed.problem);
    call.governed = governed.value;
    const tools = rooms.governor.governs() ? new CallTools(rooms, call.start.request, model.name) : undefined;
    // What nobody was asked to judge at its beginning cannot be judged from its middle on.
    if (tools === undefined && canCall(route.api)) governed.value.onlyWhile(() => !rooms.governor.governs());
    const declared = tools === undefined ? ok(whole) : tools.declared(route.api, whole, facts.hosted);
    if (!declared.ok) return refuse(declared.problem);
    if (tools !== undefined && facts.hosted) governed.value.onlyWhile(() => tools.mayGoOn());
    const sound = declared.value;

    const rails = policy.limitsOf(model).guardrails;
    const judging = whileOn(call, guardInput(rooms, rails, route.api, model, facts, sound));
    const judged = judging instanceof Promise ? await judging : judging;
    if (judged === undefined) return refuse(LEFT);
    if (!judged.ok) return refuse(judged.problem);

    const ask = askOf(route.api, model, facts, judged.value.length);
    const hold = rooms.budgets.hold(ask);
    const taking = whileOn(call, hold);
    const taken = taking instanceof Promise ? await taking : taking;
    if (taken === undefined) {
      // What is held after all is held for nobody.
      void Promise.resolve(hold).then((held) => held.ok && rooms.budgets.release(held.value));
      return refuse(LEFT);
    }
    if (!taken.ok) return refuse(taken.problem);
    const parts = {
      policy,
      model,
      route,
      request,
      facts,
      body: judged.value,
      held: taken.value,
      ask,
      rails,
      tools,
      readAt,
    };
    return await speak(rooms, agent, call, parts, refuse);
  } finally {
    whole?.[Symbol.dispose]();
    agent.onLeft(undefined);
    rooms.calls.remove(call);
  }
}

interface Asked {
  readonly policy: CompiledInferencePolicy;
  readonly model: ModelRule;
  readonly facts: RequestFacts;
}

/** What a body that has come whole asks for, where the policy as it is now allows it. */
function lookedUp(rooms: InferenceRooms, route: CallRoute, call: Call, body: HeldBody): Result<Asked, CallProblem> {
  const late = obstacle(rooms);
  const policy = rooms.policy();
  if (late !== undefined || policy.state === "missing") return fail(late ?? MISSING);
  call.policy = policy.identity;
  const asked = askedOf(policy, route, body);
  if (!asked.ok) return asked;
  const { model, facts } = asked.value;
  call.facts.model = model.name;
  call.facts.stream = facts.stream;

  if (facts.otherPrice !== undefined && rooms.budgets.countsMoney(model.name)) {
    const detail = "It asks for another price than the policy's, and a budget in dollars is in force.";
    return fail({ reason: "model_not_allowed", detail, param: facts.otherPrice });
  }
  if (facts.hosted && !model.hostedTools) return fail(HOSTED);
  if (facts.capUnknown && rooms.budgets.meters(model.name)) return fail(UNCAPPED);
  if (facts.background && rooms.budgets.meters(model.name)) return fail(BACKGROUND);
  return asked;
}

const LEFT: CallProblem = { reason: "draining", detail: undefined };

/** The value, or undefined as soon as the call is over: its body and its place are not kept for a check that hangs. */
function whileOn<Value>(call: Call, value: Value | Promise<Value>): Value | undefined | Promise<Value | undefined> {
  if (call.over) return undefined;
  return value instanceof Promise ? awaitedWhileOn(call, value) : value;
}

async function awaitedWhileOn<Value>(call: Call, value: Promise<Value>): Promise<Value | undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  call.onCut(() => resolve(undefined));
  try {
    return await Promise.race([value, promise]);
  } finally {
    call.onCut(undefined);
  }
}

/** Why no call goes on now, whatever it is. Looked at before its body is read, and again after. */
export function obstacle(rooms: InferenceRooms): CallProblem | undefined {
  if (rooms.draining()) return { reason: "draining", detail: undefined };
  const policy = rooms.policy();
  if (policy.state === "missing") return MISSING;
  // Written so that a clock that is not a number refuses.
  if (!(rooms.time() < policy.deniesFrom)) return { reason: "policy_expired", detail: undefined };
  return rooms.auditWritable() ? undefined : { reason: "audit_unavailable", detail: undefined };
}

/** What another charset makes of an octet, the scan does not see. */
const JSON_TYPE = /^application\/json[ \t]*(?:;[ \t]*charset="?utf-8"?[ \t]*)?$/i;
const NOT_JSON: CallProblem = {
  reason: "malformed_request",
  status: 415,
  detail: "The Content-Type of a call is application/json, in UTF-8.",
};

function typeProblem({ fields }: HttpForwardRequest): CallProblem | undefined {
  const type = fields.find(({ name }) => name === "content-type");
  return type === undefined || JSON_TYPE.test(type.value) ? undefined : NOT_JSON;
}

/** What a provider fetches or runs for a call is judged by nobody here. */
const HOSTED: CallProblem = {
  reason: "model_not_allowed",
  detail:
    "It names tools that the provider runs, which reach beyond the egress policy: the model's policy must say hostedTools.",
  param: "tools",
};

const UNCAPPED: CallProblem = {
  reason: "malformed_request",
  detail:
    "While a budget is in force, a call of this API states how many tokens may come out, in its model's own member.",
};

const BACKGROUND: CallProblem = {
  reason: "path_not_allowed",
  status: 400,
  detail:
    "A response in the background is fetched by another request, so it cannot be metered while a budget is in force.",
  param: "background",
};

const MISSING: CallProblem = { reason: "policy_missing", detail: undefined };

/** The body after the guardrails have seen it: the same one, or one in which something is masked. */
function guardInput(
  rooms: InferenceRooms,
  rails: readonly Guardrail[],
  api: Api,
  model: ModelRule,
  facts: RequestFacts,
  body: HeldBody,
): Result<HeldBody, CallProblem> | Promise<Result<HeldBody, CallProblem>> {
  if (rails.length === 0) return ok(body);
  if (facts.stream && rooms.guardrails.guardStream(rails, api, model.name) === "unsupported") {
    const detail = "Streams of this API cannot be guarded: ask without a stream.";
    return fail({ reason: "guardrail_blocked", detail, param: "stream" });
  }
  if (!rails.some(({ on }) => on.includes("input"))) return ok(body);
  const text = wholeText(body, MOST_GUARDED);
  if (!text.ok) return text;
  const verdict = rooms.guardrails.judgeInput(rails, api, model.name, text.value);
  return verdict instanceof Promise ? verdict.then((late) => guarded(late, api, body)) : guarded(verdict, api, body);
}

function guarded(verdict: Verdict, api: Api, body: HeldBody): Result<HeldBody, CallProblem> {
  switch (verdict.kind) {
    case "pass":
      return ok(body);
    case "block":
      return fail({ reason: "guardrail_blocked", rule: verdict.guardrail, detail: `It found: ${verdict.reason}.` });
    case "mask":
      return rewritten(verdict.body, api);
    default:
      return assertNever(verdict);
  }
}

/** Which of the policy's models the call asks for, and how. */
function askedOf(policy: CompiledInferencePolicy, route: CallRoute, body: HeldBody): Result<Asked, CallProblem> {
  const read = requestFacts(route.api, body.object);
  if (!read.ok) return fail({ reason: "malformed_request", detail: read.problem.sentence, param: read.problem.param });
  const facts = route.stream === undefined ? read.value : { ...read.value, stream: route.stream };
  const name = route.model ?? facts.model;
  if (name === undefined) {
    return fail({ reason: "malformed_request", detail: "The request names no model.", param: "model" });
  }
  const model = policy.model(name);
  if (model === undefined) return fail({ reason: "model_not_allowed", detail: undefined, param: "model" });
  if (facts.stream && !APIS[route.api].streams) {
    return fail({ reason: "malformed_request", detail: "This API gives no streams.", param: "stream" });
  }
  return ok({ policy, model, facts });
}

/** What is to be held of the budgets for it, where the body as it goes on has so many octets. */
function askOf(api: Api, model: ModelRule, facts: RequestFacts, length: number): CallAsk {
  const { operation, free } = APIS[api];
  return {
    model: model.name,
    input: inputBound(model, facts, length),
    output: operation === "embeddings" || free ? 0 : outputBound(model, facts),
    choices: facts.choices,
    least: facts.least,
  };
}

/**
 * The most input tokens that a body can stand for. No token of a byte-level tokenizer is shorter than an octet, and
 * JSON is never shorter than what it says; media and what the provider has stored are bounded by the model's context
 * alone. A context does not bound a text: providers have ways to ask for a larger one.
 */
function inputBound(model: ModelRule, facts: RequestFacts, length: number): number | undefined {
  const bound = length + PREAMBLE_TOKENS + (facts.tools ? TOOL_PREAMBLE_TOKENS : 0);
  if (!facts.unbounded && !facts.hosted) return bound;
  return model.context === undefined ? undefined : Math.max(bound, model.context);
}

function outputBound(model: ModelRule, facts: RequestFacts): number {
  return Math.min(facts.maxOutput ?? model.maxOutput, model.maxOutput);
}
