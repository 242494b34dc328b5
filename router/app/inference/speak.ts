import { assertNever } from "../../core/base/assert-never.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";
import { isOriginCredential } from "../../core/credential/client-credentials.ts";
import { holdsSecret } from "../../core/credential/secret-forms.ts";
import { mayTryNext } from "../../core/inference/failover.ts";
import { responseMeter } from "../../core/inference/response-meter.ts";
import { retryHint } from "../../core/inference/retry-hint.ts";
import type { ModelTarget } from "../../core/models/inference-policy.ts";
import { orderTargets } from "../../core/models/pick-targets.ts";
import { admittedCallEvent } from "../../core/outcome/inference-projection.ts";
import type { Field } from "../../core/wire/message-head.ts";
import type { AgentSocket } from "../../edge/listeners/agent-socket.ts";
import { HttpAnswer } from "../../edge/listeners/http-answer.ts";
import { AnswerRelay, type AttemptEnd } from "./answer-relay.ts";
import { Bill } from "./bill.ts";
import type { Call } from "./call.ts";
import type { AdmittedCallParts } from "./inference-corridor.ts";
import type { CallProblem, InferenceRooms } from "./inference-rooms.ts";
import { outgoingRequest, type OutgoingCall } from "./outgoing-request.ts";
import { passRefusal } from "./pass-refusal.ts";
import type { ProviderConnections } from "./provider-routes.ts";

type Next = "again" | "done";
type Failed = Extract<AttemptEnd, { readonly kind: "failed" }>;

/** Targets that one call tries. */
const MOST_ATTEMPTS = 4;

/**
 * Asks the model's targets, one after the other until one answers, and hands the answer on. Another is tried only while
 * nothing has reached the agent. However it ends, what was held of the budgets is settled by what was used.
 */
export async function speak(
  rooms: InferenceRooms,
  agent: AgentSocket,
  call: Call,
  parts: AdmittedCallParts,
  refuse: (problem: CallProblem) => Next,
): Promise<Next> {
  const bill = new Bill(rooms, call, parts);
  try {
    return await tryTargets(rooms, agent, call, parts, bill, refuse);
  } finally {
    // Whatever was thrown above: nothing stays held, and nothing that was sent stays uncounted.
    bill.close();
  }
}

async function tryTargets(
  rooms: InferenceRooms,
  agent: AgentSocket,
  call: Call,
  parts: AdmittedCallParts,
  bill: Bill,
  refuse: (problem: CallProblem) => Next,
): Promise<Next> {
  const targets = orderTargets(parts.model, rooms.random()).slice(0, MOST_ATTEMPTS);
  let last: Failed | CallProblem = NO_TARGET;
  for (const [index, target] of targets.entries()) {
    const connections = rooms.routes.of(parts.policy, target.provider);
    if (connections === undefined) continue;
    const ready = await prepared(rooms, call, parts, connections, target);
    if (!ready.ok) {
      last = ready.problem;
      if (last.reason === "audit_unavailable" || last.reason === "malformed_request") break;
      continue;
    }
    const answer = new HttpAnswer(agent, call.start.request, parts.request.version === "1.0", parts.request.keepAlive);
    const end = await attempt(rooms, agent, call, parts, bill, connections, ready.value, answer);
    if (end.kind !== "failed") return conclude(call, end, answer);
    last = end;
    if (index + 1 === targets.length || call.signal.aborted || !mayTryNext(failureOf(end))) break;
  }
  // Before the agent is told, so that what it is told is how it stands.
  bill.close();
  if ("kind" in last) return passRefusal(rooms, agent, call, parts, last);
  return refuse(last);
}

const NO_TARGET: CallProblem = {
  reason: "model_not_allowed",
  detail: "The model is not served on this API.",
  param: "model",
};

function conclude(call: Call, end: Exclude<AttemptEnd, Failed>, answer: HttpAnswer): Next {
  switch (end.kind) {
    case "relayed":
      call.completed();
      return answer.keepsAlive ? "again" : "done";
    case "broken":
      call.aborted(end.reason, end.detail, end.rule);
      return "done";
    default:
      return assertNever(end);
  }
}

/** The request for a target that is well, with its credential, and on record. */
async function prepared(
  rooms: InferenceRooms,
  call: Call,
  parts: AdmittedCallParts,
  connections: ProviderConnections,
  target: ModelTarget,
): Promise<Result<OutgoingCall, CallProblem>> {
  const wait = connections.breaker.wait(target.model, rooms.clock.monotonic());
  if (wait > 0) {
    const detail = "The model's provider is left alone for a moment after it failed.";
    return fail({ reason: "upstream_unreachable", detail, status: 503, retryAfter: wait });
  }
  const outgoing = await outgoingRequest(rooms, parts, connections, target);
  if (!outgoing.ok) return outgoing;
  call.facts.provider = target.provider;
  call.facts.target = target.model;
  const recorded = await rooms.record(
    admittedCallEvent({
      start: call.start,
      policy: parts.policy.identity,
      model: parts.model.name,
      provider: target.provider,
      target: target.model,
      stream: parts.facts.stream,
      reserved: parts.held.tokens,
    }),
  );
  if (!recorded.ok) return fail({ reason: "audit_unavailable", detail: undefined });
  call.admitted = true;
  if (call.signal.aborted) return fail({ reason: call.cutReason ?? "draining", detail: undefined });
  return outgoing;
}

async function attempt(
  rooms: InferenceRooms,
  agent: AgentSocket,
  call: Call,
  parts: AdmittedCallParts,
  bill: Bill,
  connections: ProviderConnections,
  outgoing: OutgoingCall,
  answer: HttpAnswer,
): Promise<AttemptEnd> {
  const { provider, breaker, client } = connections;
  const { timeouts } = provider;
  const { stream } = parts.facts;
  const rules = rooms.credentials.leakRules(provider);
  call.facts.attempts += 1;
  const meter = responseMeter({ api: outgoing.api, streaming: stream, dropUsageFrame: outgoing.addedUsage, wholeFrames: parts.held.cut !== undefined });
  const relay = new AnswerRelay({
    agent,
    answer,
    call,
    api: parts.route.api,
    streaming: stream,
    meter,
    stage: undefined,
    cut: parts.held.cut,
    firstToken: timeouts.firstToken,
    idle: rooms.limits.idle,
    secrets: rules.secrets.length === 0 ? undefined : rules.pattern,
    fields: (fields) => passedFields(fields, rules.forms),
    now: () => rooms.clock.monotonic(),
  });
  bill.begin(meter);
  const sent = client.send(outgoing.request, relay, {
    firstByte: timeouts.firstToken,
    idle: timeouts.idle,
    total: timeouts.total,
  });
  relay.attach(sent);
  const end = await relay.ended;
  call.facts.address = sent.address;
  const now = rooms.clock.monotonic();
  if (end.kind !== "failed") {
    breaker.succeeded(outgoing.request.path, now);
    bill.charge();
    return end;
  }
  const status = end.answer?.status;
  if (status === 401 || status === 403) rooms.credentials.rejected(provider);
  breaker.failed(outgoing.request.path, now, { status, hint: retryHint(end.answer?.fields ?? [], rooms.clock.now()) });
  if (status !== undefined || !end.sent) bill.free();
  else bill.charge();
  return end;
}

function failureOf(end: Failed) {
  return { status: end.answer?.status, reason: end.reason };
}

/** Without what would tell the agent of the credential, whatever form it comes in. */
function passedFields(fields: readonly Field[], forms: readonly string[]): readonly Field[] {
  return fields.filter(({ name, value }) => !isOriginCredential(name) && !holdsSecret(value, forms));
}
