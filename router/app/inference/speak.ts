import { type Api, APIS } from "../../core/inference/api.ts";
import { assertNever } from "../../core/base/assert-never.ts";
import { millis } from "../../core/base/quantity.ts";
import type { Reason } from "../../core/base/reason.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";
import type { Pass } from "../../core/inference/circuit-breaker.ts";
import { errorKind } from "../../core/inference/error-kind.ts";
import { type AttemptFailure, mayTryNext, targetSign } from "../../core/inference/failover.ts";
import { responseMeter } from "../../core/inference/response-meter.ts";
import { retryHint } from "../../core/inference/retry-hint.ts";
import { canCall } from "../../core/toolcall/read-calls.ts";
import type { Translation } from "../../core/translate/translation.ts";
import type { ModelTarget, Provider } from "../../core/models/inference-policy.ts";
import { orderTargets } from "../../core/models/pick-targets.ts";
import { admittedCallEvent } from "../../core/outcome/inference-projection.ts";
import type { AgentSocket } from "../../edge/listeners/agent-socket.ts";
import { HttpAnswer } from "../../edge/listeners/http-answer.ts";
import { type AnswerStage, FrameStage, type StageParts, WholeStage } from "./answer-stage.ts";
import { AnswerRelay, type AttemptEnd } from "./answer-relay.ts";
import { Bill } from "./bill.ts";
import type { Held } from "./budget-rooms.ts";
import type { Call } from "./call.ts";
import type { AdmittedCallParts } from "./admitted-call.ts";
import { type CallProblem, leftAlone, NOT_SPOKEN } from "./call-problem.ts";
import { problemOf } from "./govern-call.ts";
import type { InferenceRooms } from "./inference-rooms.ts";
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
  admitted: AdmittedCallParts,
  refuse: (problem: CallProblem) => Next,
): Promise<Next> {
  const bill = new Bill(rooms, call, admitted);
  const targets = orderTargets(admitted.model, rooms.random()).slice(0, MOST_ATTEMPTS);
  let parts = admitted;
  let last: Failed | CallProblem = NOT_SPOKEN;
  let forms: readonly string[] = [];
  let translation: Translation | undefined;
  rooms.retries.called();
  try {
    for (const [index, target] of targets.entries()) {
      if (bill.owes) {
        const more = await holdAgain(rooms, call, parts);
        if (!more.ok) {
          last = more.problem;
          break;
        }
        bill.renew(more.value);
        parts = { ...parts, held: more.value };
      }
      const connections = rooms.routes.of(parts.policy, target.provider);
      if (connections === undefined) {
        last = CHANGED;
        break;
      }
      const ready = await prepared(rooms, call, parts, connections, target);
      if (!ready.ok) {
        last = ready.problem;
        if (FINAL.has(last.reason)) break;
        continue;
      }
      const { version, keepAlive } = parts.request;
      const answer = new HttpAnswer(agent, call.start.request, version === "1.0", keepAlive);
      let end = await attempt(rooms, agent, call, parts, bill, connections, ready.value, answer);
      if (end.kind === "failed" && !call.over) {
        const again = await repeatable(rooms, call, parts, connections, target, ready.value, end);
        if (again !== undefined) end = await attempt(rooms, agent, call, parts, bill, connections, again, answer);
      }
      if (end.kind !== "failed") {
        // Before the outcome, so that it says what was charged.
        bill.close();
        return conclude(call, end, answer);
      }
      last = end;
      translation = ready.value.translation;
      forms = rooms.credentials.leakRules(connections.provider).forms;
      const failure = failureOf(ready.value, end, parts.facts.stream);
      if (index + 1 === targets.length || call.over || !mayTryNext(failure)) break;
      if (!rooms.retries.take(rooms.clock.monotonic())) break;
    }
  } finally {
    // Before the agent is told, so that what it is told is how it stands. And whatever was thrown: nothing stays held, and
    // nothing that was sent stays uncounted.
    bill.close();
  }
  return "kind" in last
    ? passRefusal(agent, call, parts, last, { forms, translation, now: rooms.clock.now() })
    : refuse(last);
}

/** No other target would do better. */
const FINAL: ReadonlySet<Reason> = new Set<Reason>([
  "audit_unavailable",
  "malformed_request",
  "overloaded",
  "draining",
]);

/** Between its policy's look-up and its sending a call may have waited; nothing is sent by a policy that is not in force. */
const CHANGED: CallProblem = {
  reason: "overloaded",
  detail: "The policy changed while the call was being prepared: ask again.",
  retryAfter: 1_000,
};

/** Another attempt after one that was charged: what is held covers one. */
async function holdAgain(
  rooms: InferenceRooms,
  call: Call,
  { ask }: AdmittedCallParts,
): Promise<Result<Held, CallProblem>> {
  const held = await rooms.budgets.hold(ask);
  if (!held.ok || !call.over) return held;
  rooms.budgets.release(held.value);
  return fail({ reason: "draining", detail: undefined });
}

/**
 * The request to send once more to the same target: where a kept connection was closed just as it left, and where the
 * origin knows no `stream_options`, which the caller did not ask for. Undefined: neither.
 */
async function repeatable(
  rooms: InferenceRooms,
  call: Call,
  parts: AdmittedCallParts,
  connections: ProviderConnections,
  target: ModelTarget,
  sent: ReadyCall,
  end: Failed,
): Promise<ReadyCall | undefined> {
  if (end.stale) return sent;
  if (!sent.addedUsage || end.answer?.status !== 400 || !end.answer.body.includes("stream_options")) return undefined;
  connections.refusesStreamOptions = true;
  const plain = await outgoingRequest(rooms, call, parts, connections, target);
  return plain.ok ? { ...plain.value, pass: sent.pass } : undefined;
}

function conclude(call: Call, end: Exclude<AttemptEnd, Failed>, answer: HttpAnswer): Next {
  switch (end.kind) {
    case "relayed":
      call.completed();
      return answer.keepsAlive ? "again" : "done";
    case "broken":
      call.aborted(end.reason, end.detail, end.rule);
      return end.clean === true && answer.keepsAlive ? "again" : "done";
    default:
      return assertNever(end);
  }
}

type ReadyCall = OutgoingCall & { readonly pass: Pass };

/** One breaker for each model of a provider: another of its models may be well. */
export function targetKey({ provider, model }: ModelTarget): string {
  return `${provider}/${model}`;
}

/** The request for a target that is well, with its credential, and on record. */
async function prepared(
  rooms: InferenceRooms,
  call: Call,
  parts: AdmittedCallParts,
  connections: ProviderConnections,
  target: ModelTarget,
): Promise<Result<ReadyCall, CallProblem>> {
  const admission = rooms.breakers.admit(targetKey(target), rooms.clock.monotonic());
  if (!admission.admitted) return fail(leftAlone(admission));
  const { pass } = admission;
  const unsent = (problem: CallProblem): Result<never, CallProblem> => {
    rooms.breakers.report(pass, { kind: "nothing" }, rooms.clock.monotonic(), 0);
    return fail(problem);
  };
  const making = outgoingRequest(rooms, call, parts, connections, target);
  const outgoing = making instanceof Promise ? await making : making;
  if (!outgoing.ok) return unsent(outgoing.problem);
  // Rules, limits and approvals may be of this provider alone; one that is refused is passed over.
  const leave = call.over ? undefined : call.governed?.ask(target.provider);
  if (leave?.ok === false) return unsent(problemOf(leave.problem));
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
  if (!recorded.ok) return unsent({ reason: "audit_unavailable", detail: undefined });
  call.admitted = true;
  if (call.over) return unsent({ reason: call.cutReason ?? "draining", detail: undefined });
  return rooms.policy() === parts.policy ? ok({ ...outgoing.value, pass }) : unsent(CHANGED);
}

async function attempt(
  rooms: InferenceRooms,
  agent: AgentSocket,
  call: Call,
  parts: AdmittedCallParts,
  bill: Bill,
  connections: ProviderConnections,
  outgoing: ReadyCall,
  answer: HttpAnswer,
): Promise<AttemptEnd> {
  const { provider, client } = connections;
  const { timeouts } = provider;
  const { stream } = parts.facts;
  const rules = rooms.credentials.leakRules(provider);
  call.facts.attempts += 1;
  const meter = responseMeter({
    api: outgoing.api,
    streaming: stream,
    dropUsageFrame: outgoing.translation === undefined && !parts.facts.wantsUsage && USAGE_IN_A_CHUNK.has(outgoing.api),
    wholeFrames: parts.held.cut !== undefined,
  });
  const stage = answerStage(rooms, call, parts, connections.provider, outgoing);
  const relay = new AnswerRelay({
    agent,
    answer,
    call,
    api: parts.route.api,
    streaming: stream,
    meter,
    stage,
    cut: parts.held.cut,
    firstToken: timeouts.firstToken,
    idle: rooms.limits.idle,
    secrets: rules.secrets.length === 0 ? undefined : rules.pattern,
    forms: rules.forms,
    bill,
    clock: rooms.clock,
  });
  bill.begin(meter);
  call.via = provider;
  call.facts.overhead ??= millis(rooms.clock.monotonic() - parts.readAt);
  const sent = client.send(outgoing.request, relay, {
    // What is no stream begins when all of it is there.
    firstByte: stream ? timeouts.firstToken : timeouts.total,
    idle: timeouts.idle,
    total: timeouts.total,
  });
  relay.attach(sent);
  const end = await relay.ended;
  call.facts.address = sent.address;
  const now = rooms.clock.monotonic();
  const { pass } = outgoing;
  if (end.kind !== "failed") {
    rooms.breakers.report(pass, { kind: end.kind === "relayed" ? "alive" : "nothing" }, now, 0);
    bill.charge();
    return end;
  }
  const status = end.answer?.status;
  if (status === 401 || status === 403) rooms.credentials.rejected(provider);
  const hint = end.answer === undefined ? undefined : retryHint(end.answer.fields, rooms.clock.now());
  rooms.breakers.report(pass, targetSign(failureOf(outgoing, end, stream), hint), now, rooms.random());
  if (status !== undefined || !end.sent || end.stale) bill.free(end.sent);
  else bill.charge();
  return end;
}

/** Streams that end with a chunk of usage, where it was asked for: who did not ask does not get it. */
const USAGE_IN_A_CHUNK: ReadonlySet<Api> = new Set<Api>(["chat", "completions"]);

/** What of the answer is looked at or rewritten on its way; undefined: nothing, and octets pass as they come. */
function answerStage(
  rooms: InferenceRooms,
  call: Call,
  parts: AdmittedCallParts,
  provider: Provider,
  { api, translation }: OutgoingCall,
): AnswerStage | undefined {
  const { policy, model, route, facts, rails } = parts;
  const tools = parts.tools !== undefined && canCall(route.api) ? parts.tools : undefined;
  const { contentFilter } = policy;
  // Only Azure annotates unasked; elsewhere annotations are looked for where a floor is set.
  const floors = contentFilter.size > 0 || provider.api === "azure" ? contentFilter : undefined;
  const guard = facts.stream ? rooms.guardrails.guardStream(rails, route.api, model.name) : undefined;
  const judges = !facts.stream && rails.some(({ on }) => on.includes("output"));
  if (
    floors === undefined &&
    translation === undefined &&
    (guard === undefined || guard === "free") &&
    !judges &&
    tools === undefined
  ) {
    return undefined;
  }
  const stageParts: StageParts = {
    api,
    callerApi: route.api,
    translation,
    context: {
      model: route.model ?? facts.model ?? model.name,
      id: `${route.api === "messages" ? "msg_" : "chatcmpl-"}${call.start.request}`,
      createdSeconds: Math.floor(call.start.at / 1000),
      includeUsage: facts.wantsUsage,
    },
    floors,
    tools,
    signals: (signals) => {
      const seen = signals.filter(
        ({ severity, filtered, detected }) => filtered || detected || (severity ?? "safe") !== "safe",
      );
      const named = seen.map(({ category, severity, filtered }) => {
        return `${category}.${filtered ? "filtered" : (severity ?? "detected")}`;
      });
      call.facts.signals = [...new Set([...call.facts.signals, ...named])].slice(0, MOST_SIGNALS);
    },
  };
  if (facts.stream) return new FrameStage(stageParts, typeof guard === "object" ? guard : undefined);
  const judge = judges ? (body: string) => rooms.guardrails.judgeOutput(rails, route.api, model.name, body) : undefined;
  return new WholeStage(stageParts, judge);
}

/** Of one call, in its record. */
const MOST_SIGNALS = 16;

function failureOf({ api }: OutgoingCall, end: Failed, stream: boolean): AttemptFailure {
  const { answer } = end;
  if (answer === undefined) {
    const late = end.late === true && !stream;
    return { status: undefined, cause: end.reason, committed: false, kind: "other", late };
  }
  const { family } = APIS[api];
  return {
    status: answer.status,
    cause: undefined,
    committed: false,
    kind: errorKind(family, answer.status, answer.body.toString("utf8")),
  };
}
