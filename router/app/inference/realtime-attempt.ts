import { assertNever } from "../../core/base/assert-never.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";
import type { Reason } from "../../core/base/reason.ts";
import type { Pass } from "../../core/inference/circuit-breaker.ts";
import { errorKind } from "../../core/inference/error-kind.ts";
import { type AttemptFailure, targetSign } from "../../core/inference/failover.ts";
import { retryHint } from "../../core/inference/retry-hint.ts";
import type { ModelTarget } from "../../core/models/inference-policy.ts";
import { admittedCallEvent } from "../../core/outcome/inference-projection.ts";
import { type HandshakeEnd, openRealtime, type RealtimeHandshake } from "../../edge/upstream/realtime-handshake.ts";
import type { AttemptEnd } from "./answer-relay.ts";
import { type CallProblem, leftAlone } from "./call-problem.ts";
import type { ProviderConnections } from "./provider-routes.ts";
import { lostMeanwhile } from "./realtime-permission.ts";
import { realtimeHandshake } from "./realtime-request.ts";
import type { RealtimeSession } from "./realtime-session.ts";
import { targetKey } from "./speak.ts";

export type Opened = Extract<HandshakeEnd, { readonly kind: "open" }>;
export type Failed = Extract<AttemptEnd, { readonly kind: "failed" }>;

export interface ReadyHandshake {
  readonly handshake: RealtimeHandshake;
  readonly pass: Pass;
}

/** The handshake for a target that is well, with its credential, and on record. */
export async function readyHandshake(
  session: RealtimeSession,
  { provider }: ProviderConnections,
  target: ModelTarget,
): Promise<Result<ReadyHandshake, CallProblem>> {
  const { rooms, ask } = session;
  const admission = rooms.breakers.admit(targetKey(target), rooms.clock.monotonic());
  if (!admission.admitted) return fail(leftAlone(admission));
  const { pass } = admission;
  const handshake = await realtimeHandshake(rooms, provider, target, ask);
  const problem = handshake.ok ? await onRecord(session, target) : handshake.problem;
  if (handshake.ok && problem === undefined) return ok({ handshake: handshake.value, pass });
  rooms.breakers.report(pass, { kind: "nothing" }, rooms.clock.monotonic(), 0);
  return handshake.ok ? fail(problem ?? { reason: "internal", detail: undefined }) : handshake;
}

async function onRecord(session: RealtimeSession, target: ModelTarget): Promise<CallProblem | undefined> {
  const { rooms, call, policy, model, held } = session;
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
  if (!recorded.ok) return { reason: "audit_unavailable", detail: undefined };
  call.admitted = true;
  return call.signal.aborted ? { reason: call.cutReason ?? "draining", detail: undefined } : undefined;
}

/** Asks one target, over a connection of its own. What fails has reached nobody: another may be asked. */
export async function attemptHandshake(
  session: RealtimeSession,
  connections: ProviderConnections,
  { handshake, pass }: ReadyHandshake,
): Promise<Opened | Failed> {
  const { rooms, call } = session;
  call.facts.attempts += 1;
  const end = await open(session, connections, handshake);
  const now = rooms.clock.monotonic();
  if (end.kind === "open") {
    call.facts.status = 101;
    rooms.breakers.report(pass, { kind: "alive" }, now, 0);
    return end;
  }
  const status = end.answer?.status;
  call.facts.status = status;
  if (status === 401 || status === 403) rooms.credentials.rejected(connections.provider);
  const hint = end.answer === undefined ? undefined : retryHint(end.answer.fields, rooms.clock.now());
  const sign = call.signal.aborted ? ({ kind: "nothing" } as const) : targetSign(failureOf(end), hint);
  rooms.breakers.report(pass, sign, now, rooms.random());
  return end;
}

async function open(
  session: RealtimeSession,
  { provider, link }: ProviderConnections,
  handshake: RealtimeHandshake,
): Promise<Opened | Failed> {
  const { rooms, call, watch } = session;
  const linked = await link(call.signal);
  if (!linked.ok) return failed(linked.problem.reason, linked.problem.detail, false);
  const { socket, transport, address } = linked.value;
  call.facts.address = address;
  const lost = lostMeanwhile(rooms, call);
  if (lost !== undefined || call.signal.aborted) {
    socket.destroy();
    transport.destroy();
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
      return {
        ...failed("upstream_invalid", `The provider answered ${status}.`, true),
        answer: { status, fields, body },
      };
    }
    case "failed":
      return failed(end.reason, end.detail, true);
    case "aborted":
      return failed(call.cutReason ?? "draining", "The call ended during the handshake.", true);
    default:
      return assertNever(end);
  }
}

function failed(reason: Reason, detail: string, sent: boolean): Failed {
  return { kind: "failed", reason, detail, sent, answer: undefined, stale: false };
}

export function failureOf({ reason, answer }: Failed): AttemptFailure {
  if (answer === undefined) return { status: undefined, cause: reason, committed: false, kind: "other" };
  const { status, body } = answer;
  return { status, cause: undefined, committed: false, kind: errorKind("openai", status, body.toString("utf8")) };
}
