import { fail, ok, type Result } from "../../core/base/result.ts";
import type { Reason } from "../../core/base/reason.ts";
import type { AgentRoute } from "../../core/inference/agent-route.ts";
import type { Pass } from "../../core/inference/circuit-breaker.ts";
import { errorKind } from "../../core/inference/error-kind.ts";
import { type AttemptFailure, mayTryNext, targetSign } from "../../core/inference/failover.ts";
import { retryHint } from "../../core/inference/retry-hint.ts";
import { NO_USAGE, totalTokens } from "../../core/inference/usage.ts";
import { callCost } from "../../core/models/call-cost.ts";
import type { CompiledInferencePolicy } from "../../core/models/compile-inference-policy.ts";
import type { ModelRule, ModelTarget } from "../../core/models/inference-policy.ts";
import { orderTargets } from "../../core/models/pick-targets.ts";
import { admittedCallEvent } from "../../core/outcome/inference-projection.ts";
import type { HttpForwardRequest } from "../../core/wire/forward-request.ts";
import type { AgentSocket } from "../../edge/listeners/agent-socket.ts";
import { HttpAnswer } from "../../edge/listeners/http-answer.ts";
import { createDeadlineWatch, type DeadlineWatch } from "../../edge/upstream/deadline-watch.ts";
import { type HandshakeEnd, openRealtime, type RealtimeHandshake } from "../../edge/upstream/realtime-handshake.ts";
import type { AttemptEnd } from "./answer-relay.ts";
import type { Held } from "./budget-rooms.ts";
import type { Call } from "./call.ts";
import { obstacle, refusalOf } from "./inference-corridor.ts";
import type { CallProblem, InferenceRooms } from "./inference-rooms.ts";
import { writeRefusal } from "./local-answer.ts";
import { passRefusal } from "./pass-refusal.ts";
import type { ProviderConnections } from "./provider-routes.ts";
import { RealtimeMeter } from "./realtime-meter.ts";
import { relayRealtime } from "./realtime-relay.ts";
import { NOT_SERVED, type RealtimeAsk, realtimeAsk, realtimeHandshake } from "./realtime-request.ts";
import { passedFields, targetKey } from "./speak.ts";

type RealtimeRoute = Extract<AgentRoute, { kind: "realtime" }>;
type Failed = Extract<AttemptEnd, { readonly kind: "failed" }>;
type Opened = Extract<HandshakeEnd, { readonly kind: "open" }>;

/** One connection from its handshake to its end. */
interface Session {
  readonly rooms: InferenceRooms;
  readonly agent: AgentSocket;
  readonly request: HttpForwardRequest;
  readonly call: Call;
  readonly policy: CompiledInferencePolicy;
  readonly model: ModelRule;
  readonly ask: RealtimeAsk;
  readonly held: Held;
  readonly meter: RealtimeMeter;
  readonly watch: DeadlineWatch;
  /** Octets have left for a provider. */
  sent: boolean;
}

/** Targets that one connection tries. */
const MOST_ATTEMPTS = 4;

/**
 * A Realtime connection is one call, from its handshake to its close: looked up, held of the budgets, on record, then
 * frames pass both ways. What of a policy only a body could show is not enforced here, so a model is served only where
 * nothing of the kind applies to it. The agent's connection ends with it, whatever happens.
 */
export async function serveRealtime(
  rooms: InferenceRooms,
  agent: AgentSocket,
  request: HttpForwardRequest,
  route: RealtimeRoute,
  call: Call,
): Promise<"done"> {
  rooms.calls.add(call);
  agent.onLeft(() => call.abandon());
  try {
    const asked = judged(rooms, request, route, call);
    if (!asked.ok) return refuse(agent, call, asked.problem);
    const { policy, model, ask } = asked.value;
    const taken = await rooms.budgets.hold({ model: model.name, input: 0, output: 0, choices: 1, least: 0 });
    if (!taken.ok) return refuse(agent, call, taken.problem);
    const meter = new RealtimeMeter();
    const watch = createDeadlineWatch(rooms.clock);
    const held = taken.value;
    const session: Session = { rooms, agent, request, call, policy, model, ask, held, meter, watch, sent: false };
    const settle = settlement(session);
    try {
      return await converse(session, settle);
    } finally {
      settle();
    }
  } finally {
    // Without effect on what has ended; what has not is a bug of ours, and on record all the same.
    call.aborted("internal", undefined);
    call.onCut(undefined);
    call.lostUnder = undefined;
    agent.onLeft(undefined);
    rooms.calls.delete(call);
  }
}

interface Asked {
  readonly policy: CompiledInferencePolicy;
  readonly model: ModelRule;
  readonly ask: RealtimeAsk;
}

function judged(
  rooms: InferenceRooms,
  request: HttpForwardRequest,
  route: RealtimeRoute,
  call: Call,
): Result<Asked, CallProblem> {
  const early = obstacle(rooms);
  const policy = rooms.policy();
  if (early !== undefined) return fail(early);
  if (policy.state === "missing") return fail({ reason: "policy_missing", detail: undefined });
  const ask = realtimeAsk(request, route);
  if (!ask.ok) return ask;
  if (route.model === undefined || route.model === "") {
    const param = ask.value.preview ? "deployment" : "model";
    return fail({ reason: "malformed_request", detail: "The request does not name one model.", param });
  }
  const model = policy.model(route.model);
  if (model === undefined) return fail({ reason: "model_not_allowed", detail: undefined, param: "model" });
  call.facts.model = model.name;
  call.facts.stream = true;
  const unenforceable = unenforceableRule(rooms, policy, model);
  if (unenforceable !== undefined) return fail(unenforceable);
  call.lostUnder = (next) => {
    const now = next.model(model.name);
    return now === undefined ? "model_not_allowed" : unenforceableRule(rooms, next, now)?.reason;
  };
  return ok({ policy, model, ask: ask.value });
}

/** The first thing that policy demands of this model's calls and that cannot be had of a connection. */
function unenforceableRule(
  rooms: InferenceRooms,
  policy: CompiledInferencePolicy,
  model: ModelRule,
): CallProblem | undefined {
  const { budgets, rateLimits, guardrails } = policy.limitsOf(model);
  if (rooms.budgets.meters(model.name)) {
    const rule = budgets.find(({ unit }) => unit !== "requests") ?? rateLimits.find(({ unit }) => unit === "tokens");
    return notAllowed("Realtime cannot be metered while a budget is in force.", rule?.id);
  }
  const [guardrail] = guardrails;
  if (guardrail !== undefined) return notAllowed("A guardrail cannot look into what Realtime carries.", guardrail.id);
  if (policy.contentFilter.size > 0) return notAllowed("The content filter's floors cannot be held on Realtime.");
  return undefined;
}

function notAllowed(detail: string, rule?: string): CallProblem {
  return { reason: "path_not_allowed", detail, ...(rule === undefined ? {} : { rule }) };
}

function refuse(agent: AgentSocket, call: Call, problem: CallProblem): "done" {
  if (call.signal.aborted && call.cutReason === undefined) {
    call.aborted(undefined, "The agent left.");
    agent.abort();
    return "done";
  }
  // After an admission it was on its way, though nothing may have been sent.
  if (call.admitted) call.aborted(problem.reason, problem.detail, problem.rule);
  else call.refused(problem.reason, problem.rule, problem.detail);
  writeRefusal(agent, call.start.family, refusalOf(problem, call), false);
  return "done";
}

/** Gives back what was held, once: what the responses said that they used, or nothing where nothing was sent. */
function settlement(session: Session): () => void {
  const { rooms, call, model, held, meter } = session;
  let settled = false;
  return () => {
    if (settled) return;
    settled = true;
    if (!session.sent) return rooms.budgets.release(held);
    const { usage } = meter;
    const tokens = usage === undefined ? 0 : totalTokens(usage);
    const cost = model.price === undefined ? undefined : callCost(model.price, usage ?? NO_USAGE);
    const estimated = usage === undefined || meter.partial;
    if (usage !== undefined) {
      call.facts.usage = usage;
      call.facts.charged = { tokens, cost, estimated };
    }
    rooms.budgets.settle(held, { tokens, cost: cost ?? 0, estimated });
  };
}

async function converse(session: Session, settle: () => void): Promise<"done"> {
  const { rooms, agent, request, call, policy, model } = session;
  let last: Failed | CallProblem = NOT_SERVED;
  let forms: readonly string[] = [];
  rooms.retries.called();
  const targets = orderTargets(model, rooms.random()).slice(0, MOST_ATTEMPTS);
  for (const [index, target] of targets.entries()) {
    const connections = rooms.routes.of(policy, target.provider);
    if (connections === undefined) continue;
    const ready = await prepared(session, connections, target);
    if (!ready.ok) {
      last = ready.problem;
      if (call.signal.aborted || last.reason === "audit_unavailable") break;
      continue;
    }
    const end = await attempt(session, connections, ready.value);
    if (end.kind === "open") {
      await relay(session, connections, end, settle);
      return "done";
    }
    last = end;
    forms = rooms.credentials.leakRules(connections.provider).forms;
    if (index + 1 === targets.length || call.signal.aborted || !mayTryNext(failureOf(end))) break;
    if (!rooms.retries.take(rooms.clock.monotonic())) break;
  }
  settle();
  if (!("kind" in last) || call.signal.aborted) {
    return refuse(agent, call, "kind" in last ? { reason: last.reason, detail: last.detail } : last);
  }
  passRefusal(agent, call, { request: { ...request, keepAlive: false } }, last, forms);
  return "done";
}

interface Ready {
  readonly handshake: RealtimeHandshake;
  readonly pass: Pass;
}

/** The handshake for a target that is well, with its credential, and on record. */
async function prepared(
  session: Session,
  { provider }: ProviderConnections,
  target: ModelTarget,
): Promise<Result<Ready, CallProblem>> {
  const { rooms, call, policy, model, ask, held } = session;
  const admission = rooms.breakers.admit(targetKey(target), rooms.clock.monotonic());
  if (!admission.admitted) {
    const detail = "The model's provider is left alone for a moment after it failed.";
    return fail({ reason: "upstream_unreachable", detail, status: 503, retryAfter: admission.wait });
  }
  const handshake = await realtimeHandshake(rooms, provider, target, ask);
  const ready = handshake.ok ? await onRecord() : handshake;
  if (ready.ok && handshake.ok) return ok({ handshake: handshake.value, pass: admission.pass });
  rooms.breakers.report(admission.pass, { kind: "nothing" }, rooms.clock.monotonic(), 0);
  return ready.ok ? fail(NOT_SERVED) : ready;

  async function onRecord(): Promise<Result<void, CallProblem>> {
    call.facts.provider = target.provider;
    call.facts.target = target.model;
    const recorded = await rooms.record(
      admittedCallEvent({
        start: call.start,
        policy: policy.identity,
        model: model.name,
        provider: target.provider,
        target: target.model,
        stream: true,
        reserved: held.tokens,
      }),
    );
    if (!recorded.ok) return fail({ reason: "audit_unavailable", detail: undefined });
    call.admitted = true;
    return call.signal.aborted ? fail({ reason: call.cutReason ?? "draining", detail: undefined }) : ok(undefined);
  }
}

async function attempt(
  session: Session,
  { provider, link }: ProviderConnections,
  { handshake, pass }: Ready,
): Promise<Opened | Failed> {
  const { rooms, call, watch } = session;
  call.facts.attempts += 1;
  call.facts.status = undefined;
  const end = await opened();
  const now = rooms.clock.monotonic();
  if (end.kind === "open") {
    call.facts.status = 101;
    rooms.breakers.report(pass, { kind: "alive" }, now, 0);
    return end;
  }
  const status = end.answer?.status;
  call.facts.status = status;
  if (status === 401 || status === 403) rooms.credentials.rejected(provider);
  const hint = end.answer === undefined ? undefined : retryHint(end.answer.fields, rooms.clock.now());
  const sign = call.signal.aborted ? ({ kind: "nothing" } as const) : targetSign(failureOf(end), hint);
  rooms.breakers.report(pass, sign, now, rooms.random());
  return end;

  async function opened(): Promise<Opened | Failed> {
    const linked = await link(call.signal);
    if (!linked.ok) return failed(linked.problem.reason, linked.problem.detail, false);
    const { socket, transport, address } = linked.value;
    call.facts.address = address;
    const lost = call.cutReason ?? lostMeanwhile(session, provider.id);
    if (lost !== undefined || call.signal.aborted) {
      transport.destroy();
      socket.destroy();
      return failed(lost ?? "draining", "The call ended before anything was sent.", false);
    }
    session.sent = true;
    const timeout = provider.timeouts.firstToken;
    const end = await openRealtime(linked.value, handshake, { timeout, watch, signal: call.signal });
    switch (end.kind) {
      case "open":
        return end;
      case "answered": {
        const { status, fields, body } = end;
        const detail = `The provider answered ${status}.`;
        return { ...failed("upstream_invalid", detail, true), answer: { status, fields, body } };
      }
      case "failed":
        return failed(end.reason, end.detail, true);
      case "aborted":
        return failed(call.cutReason ?? "draining", "The router ended the call.", true);
    }
  }
}

function failed(reason: Reason, detail: string, sent: boolean): Failed {
  return { kind: "failed", reason, detail, sent, answer: undefined, stale: false };
}

/** Why it may not go on, by what has come into force while it was being dialled. */
function lostMeanwhile({ rooms, call }: Session, provider: string): Reason | undefined {
  const policy = rooms.policy();
  if (policy.state === "missing") return "policy_missing";
  if (!(rooms.time() < policy.deniesFrom)) return "policy_expired";
  const { address } = call.facts;
  if (policy.provider(provider) === undefined) return "model_not_allowed";
  return (
    call.lostUnder?.(policy) ??
    (address !== undefined && rooms.routes.admits(policy, provider, address) ? undefined : "address_not_allowed")
  );
}

function failureOf({ reason, answer }: Failed): AttemptFailure {
  if (answer === undefined) return { status: undefined, cause: reason, committed: false, kind: "other" };
  const { status, body } = answer;
  return { status, cause: undefined, committed: false, kind: errorKind("openai", status, body.toString("utf8")) };
}

async function relay(
  session: Session,
  { provider }: ProviderConnections,
  { fields, origin }: Opened,
  settle: () => void,
): Promise<void> {
  const { rooms, agent, call, request, meter, watch } = session;
  const rules = rooms.credentials.leakRules(provider);
  new HttpAnswer(agent, call.start.request, false, request.keepAlive).switchProtocols(
    passedFields(fields, rules.forms),
  );
  agent.onLeft(undefined);
  const secrets = rules.secrets.length === 0 ? undefined : rules.pattern;
  const broken = await relayRealtime(rooms, agent, call, { origin, provider, meter, secrets, watch });
  // Before the outcome, so that it says what was charged.
  settle();
  if (broken === undefined) call.completed();
  else call.aborted(broken.reason, broken.detail);
}
