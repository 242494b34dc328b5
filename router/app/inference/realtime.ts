import type { AgentRoute } from "../../core/inference/agent-route.ts";
import { mayTryNext } from "../../core/inference/failover.ts";
import { orderTargets } from "../../core/models/pick-targets.ts";
import type { HttpForwardRequest } from "../../core/wire/forward-request.ts";
import type { AgentSocket } from "../../edge/listeners/agent-socket.ts";
import { HttpAnswer } from "../../edge/listeners/http-answer.ts";
import { createDeadlineWatch } from "../../edge/upstream/deadline-watch.ts";
import { reset } from "../../edge/upstream/reset.ts";
import type { Call } from "./call.ts";
import { type CallProblem, refusalOf } from "./call-problem.ts";
import { allowsAnyTool, governCall, problemOf, TOOLS_UNSEEN } from "./govern-call.ts";
import type { InferenceRooms } from "./inference-rooms.ts";
import { writeRefusal } from "./local-answer.ts";
import { passRefusal } from "./pass-refusal.ts";
import type { ProviderConnections } from "./provider-routes.ts";
import { attemptHandshake, type Failed, failureOf, type Opened, readyHandshake } from "./realtime-attempt.ts";
import { RealtimeBill } from "./realtime-bill.ts";
import { RealtimeMeter } from "./realtime-meter.ts";
import { permitRealtime } from "./realtime-permission.ts";
import { relayRealtime } from "./realtime-relay.ts";
import { NOT_SERVED } from "./realtime-request.ts";
import type { RealtimeSession } from "./realtime-session.ts";
import { passedFields } from "./passed-fields.ts";

/** Targets that one connection tries. */
const MOST_ATTEMPTS = 4;

/**
 * A Realtime connection is one call, from its handshake to its close: looked up, held of the budgets, on record, dialled,
 * and then frames pass both ways. The agent's connection ends with it, whatever happens.
 */
export async function serveRealtime(
  rooms: InferenceRooms,
  agent: AgentSocket,
  request: HttpForwardRequest,
  route: Extract<AgentRoute, { kind: "realtime" }>,
  call: Call,
): Promise<"done"> {
  rooms.calls.add(call);
  agent.onLeft(() => call.abandon());
  try {
    const permitted = permitRealtime(rooms, request, route, call);
    if (!permitted.ok) return refuse(agent, call, permitted.problem, false);
    const { model } = permitted.value;
    const governed = governCall(rooms.governor, "realtime", model, true, 0);
    if (!governed.ok) return refuse(agent, call, governed.problem, false);
    call.governed = governed.value;
    const isFree = (): boolean => allowsAnyTool(rooms.governor, model);
    if (!isFree()) return refuse(agent, call, TOOLS_UNSEEN, false);
    governed.value.onlyWhile(isFree);
    const taken = await rooms.budgets.hold({ model: model.name, input: 0, output: 0, choices: 1, least: 0 });
    if (!taken.ok) return refuse(agent, call, taken.problem, false);
    const session: RealtimeSession = {
      ...permitted.value,
      rooms,
      call,
      held: taken.value,
      meter: new RealtimeMeter(),
      watch: createDeadlineWatch(rooms.clock),
      sent: false,
    };
    const bill = new RealtimeBill(session);
    try {
      return await converse(session, agent, request, bill);
    } finally {
      bill.close();
    }
  } finally {
    // Without effect on what has ended; what has not is a bug of ours, and on record all the same.
    call.aborted("internal", undefined);
    call.lostUnder = undefined;
    agent.onLeft(undefined);
    rooms.calls.remove(call);
  }
}

/** Asks the model's targets, one after the other until one opens a connection. */
async function converse(
  session: RealtimeSession,
  agent: AgentSocket,
  request: HttpForwardRequest,
  bill: RealtimeBill,
): Promise<"done"> {
  const { rooms, call, policy, model } = session;
  const targets = orderTargets(model, rooms.random()).slice(0, MOST_ATTEMPTS);
  let last: Failed | CallProblem = NOT_SERVED;
  let forms: readonly string[] = [];
  rooms.retries.called();
  for (const [index, target] of targets.entries()) {
    const connections = rooms.routes.of(policy, target.provider);
    if (connections === undefined) continue;
    const leave = call.governed?.ask(target.provider);
    if (leave?.ok === false) {
      last = problemOf(leave.problem);
      continue;
    }
    const ready = await readyHandshake(session, connections, target);
    if (!ready.ok) {
      last = ready.problem;
      if (call.signal.aborted || last.reason === "audit_unavailable") break;
      continue;
    }
    const end = await attemptHandshake(session, connections, ready.value);
    if (end.kind === "open") return relay(session, agent, connections, end, bill);
    last = end;
    forms = rooms.credentials.leakRules(connections.provider).forms;
    if (index + 1 === targets.length || call.signal.aborted || !mayTryNext(failureOf(end))) break;
    if (!rooms.retries.take(rooms.clock.monotonic())) break;
  }
  // Before the agent is told, so that what it is told is how it stands.
  bill.close();
  if (!("kind" in last)) return refuse(agent, call, last, session.sent);
  if (call.signal.aborted) return refuse(agent, call, { reason: last.reason, detail: last.detail }, session.sent);
  passRefusal(agent, call, { request: { ...request, keepAlive: false }, rails: [] }, last, {
    forms,
    translation: undefined,
    now: rooms.clock.now(),
  });
  return "done";
}

/** From the 101 on the agent's client speaks frames, and is told of nothing but by the connection's end. */
async function relay(
  { rooms, call, meter, watch }: RealtimeSession,
  agent: AgentSocket,
  { provider }: ProviderConnections,
  { fields, origin }: Opened,
  bill: RealtimeBill,
): Promise<"done"> {
  if (call.signal.aborted) {
    reset(origin.socket);
    return refuse(agent, call, { reason: call.cutReason ?? "draining", detail: undefined }, true);
  }
  const { secrets, forms, pattern } = rooms.credentials.leakRules(provider);
  new HttpAnswer(agent, call.start.request, false, false).switchProtocols(passedFields(fields, forms));
  agent.onLeft(undefined);
  const pass = { origin, provider, meter, secrets: secrets.length === 0 ? undefined : pattern, watch };
  const broken = await relayRealtime(rooms, agent, call, pass);
  // Before the outcome, so that it says what was charged.
  bill.close();
  if (broken === undefined) call.completed();
  else call.aborted(broken.reason, broken.detail);
  return "done";
}

function refuse(agent: AgentSocket, call: Call, problem: CallProblem, sent: boolean): "done" {
  const { reason, detail, rule } = problem;
  if (call.signal.aborted && call.cutReason === undefined) {
    call.aborted(undefined, "The agent left.");
    agent.abort();
    return "done";
  }
  if (sent) call.aborted(reason, detail, rule);
  else call.refused(reason, rule, detail);
  writeRefusal(agent, call.start.family, refusalOf(problem, call), false);
  return "done";
}
