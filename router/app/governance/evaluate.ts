import { randomBytes } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import { REASONS } from "../../core/base/reason.ts";
import { SAID } from "../../core/behavior/observed-event.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";
import type { Action } from "../../core/governance/action.ts";
import { readAction } from "../../core/governance/read-action.ts";
import type { Json } from "../../core/json/json.ts";
import type { HttpForwardRequest } from "../../core/wire/forward-request.ts";
import type { AgentSocket } from "../../edge/listeners/agent-socket.ts";
import { RequestBody } from "../../edge/listeners/request-body.ts";
import { decisionRecord } from "./governance-record.ts";
import { errorBody, type GovernanceRefusal, retryField, writeDenial, writeJson } from "./governance-answer.ts";
import type { GovernanceApiRooms } from "./governance-rooms.ts";
import type { Governed } from "./governor.ts";
import { bodyPlan, bodyShare, readSmallBody } from "./small-body.ts";

type Next = "again" | "done";

/** Actions of one request. */
const MOST_ACTIONS = 100;
/** Milliseconds for which actions of one request are judged while everything else waits. */
const TURN_MILLIS = 5;
/** Octets of a report. */
const MOST_REPORT = 4_096;
const EVALUATION = bodyPlan({ action: 262_144, actions: 1_048_576 });
const REPORT = bodyPlan({ id: 64, result: 32, bytes: 32 });

/**
 * `POST /governance/v1/evaluate` with `{"action": ...}` or `{"actions": [...]}`. What it says is on record, as durably as
 * the audit mode demands, before it is said, denials too: who asks waits for its records, and floods nobody else's. Whatever
 * goes wrong, the decision is deny.
 */
export async function serveEvaluate(
  rooms: GovernanceApiRooms,
  agent: AgentSocket,
  request: HttpForwardRequest,
): Promise<Next> {
  const body = new RequestBody(agent, request.framing, rooms.limits.headTimeout);
  const id = rooms.nextRequestId();
  const refuse = async (refusal: GovernanceRefusal): Promise<Next> => {
    await rooms.refusedUnread(id, refusal.reason);
    const keepAlive = request.keepAlive && body.complete;
    writeDenial(agent, id, refusal, keepAlive);
    return keepAlive ? "again" : "done";
  };
  if (rooms.draining()) return refuse({ reason: "draining" });
  if (request.expectContinue) agent.write("HTTP/1.1 100 Continue\r\n\r\n");
  using share = bodyShare();
  const read = await readSmallBody(request, body, EVALUATION, { share });
  if (!read.ok) return await refuse(read.problem);
  const actions = actionsOf(read.value);
  if (!actions.ok) return await refuse({ reason: "malformed_request", message: actions.problem });
  if (!rooms.auditWritable()) return await refuse({ reason: "audit_unavailable" });
  using records = rooms.records.share();
  if (!records.grow(actions.value.length)) {
    return await refuse({
      reason: "rate_limited",
      message: "Too many actions wait for their records.",
      retryAfter: 1_000,
    });
  }

  const judged = await judgeAll(rooms, id, actions.value);
  if (judged === undefined) return await refuse({ reason: "audit_unavailable" });
  const decisions = judged.map((one) => decisionOf(rooms, one));
  const isBatch = read.value.has("actions");
  const waits = judged.flatMap(({ governed }) =>
    governed.kind === "refused" && governed.retryAfter !== undefined ? [governed.retryAfter] : [],
  );
  const fields = isBatch || waits[0] === undefined ? [] : [retryField(waits[0])];
  const keepAlive = request.keepAlive && body.complete;
  writeJson(agent, id, 200, isBatch ? { decisions } : decisions[0], keepAlive, fields);
  return keepAlive ? "again" : "done";
}

/** `POST /governance/v1/report` with `{"id": ..., "result": "succeeded" | "failed", "bytes": 0}`. */
export async function serveReport(
  rooms: GovernanceApiRooms,
  agent: AgentSocket,
  request: HttpForwardRequest,
): Promise<Next> {
  const body = new RequestBody(agent, request.framing, rooms.limits.headTimeout);
  const own = rooms.nextRequestId();
  const answer = (status: number, value: unknown): Next => {
    const keepAlive = request.keepAlive && body.complete;
    writeJson(agent, own, status, value, keepAlive);
    return keepAlive ? "again" : "done";
  };
  const refuse = async (refusal: GovernanceRefusal): Promise<Next> => {
    await rooms.refusedUnread(own, refusal.reason);
    return answer(refusal.status ?? REASONS[refusal.reason].status, { error: errorBody(own, refusal) });
  };
  if (request.expectContinue) agent.write("HTTP/1.1 100 Continue\r\n\r\n");
  const read = await readSmallBody(request, body, REPORT, { most: MOST_REPORT });
  if (!read.ok) return refuse(read.problem);
  const told = reportOf(read.value);
  if (!told.ok) return refuse({ reason: "malformed_request", message: told.problem });
  const { id, result, bytes } = told.value;
  const open = rooms.open.take(id);
  if (open === undefined) return refuse({ reason: "malformed_request", status: 404, message: NOT_OPEN });
  open.ended(result, bytes, id, true);
  return answer(200, { id, result });
}

const NOT_OPEN = "No action of this id is open: it was never allowed, has been told already, or took too long.";

interface Judged {
  readonly id: string;
  readonly action: Action;
  /** It is judged where it passes the router; asking beforehand takes nothing away from it, and is nothing that was done. */
  readonly isPreview: boolean;
  readonly governed: Governed;
}

/**
 * One by one, each after the monitor has seen what became of those before it; undefined: it cannot be made durable, and
 * so nothing is allowed.
 */
async function judgeAll(
  rooms: GovernanceApiRooms,
  request: string,
  actions: readonly Action[],
): Promise<readonly Judged[] | undefined> {
  rooms.open.expire();
  // Whoever can guess it could end another's action.
  const secret = randomBytes(4).toString("hex");
  const judged: Judged[] = [];
  const written: ReturnType<typeof record>[] = [];
  let began = rooms.clock.monotonic();
  for (const [index, action] of actions.entries()) {
    if (rooms.clock.monotonic() - began > TURN_MILLIS) {
      await nextTurn();
      began = rooms.clock.monotonic();
    }
    const isPreview = rooms.enforces(action);
    const id = actions.length === 1 ? `${request}.${secret}` : `${request}.${index}.${secret}`;
    const governed = isPreview ? rooms.preview(action) : opened(rooms, id, rooms.governor.judge(action, false));
    const one: Judged = { id, action, isPreview, governed };
    judged.push(one);
    written.push(record(rooms, one));
  }
  const told = (await all(written)) ? await stillAllowed(rooms, judged) : undefined;
  if (told === undefined) for (const one of judged) close(rooms, one);
  return told;
}

/** What was quarantined while its record was written does not begin; that is on record too. */
async function stillAllowed(
  rooms: GovernanceApiRooms,
  judged: readonly Judged[],
): Promise<readonly Judged[] | undefined> {
  const written: ReturnType<typeof record>[] = [];
  const told = judged.map((one): Judged => {
    const denial = one.governed.kind === "allowed" ? rooms.governor.quarantined(one.action) : undefined;
    if (denial === undefined) return one;
    close(rooms, one);
    const denied = { ...one, governed: denial };
    written.push(record(rooms, denied));
    return denied;
  });
  return written.length === 0 || (await all(written)) ? told : undefined;
}

/** What is allowed is open from here on: where the book is full of actions that hold places, no more of those are allowed. */
function opened(rooms: GovernanceApiRooms, id: string, governed: Governed): Governed {
  if (governed.kind === "refused" || rooms.open.add(id, governed)) return governed;
  governed.ended("unknown", 0);
  return {
    kind: "refused",
    reason: "rate_limited",
    policy: governed.policy,
    rule: governed.rule,
    message: "Too many actions are open: report how they ended.",
    retryAfter: 1_000,
    askable: false,
  };
}

function close(rooms: GovernanceApiRooms, { id, governed }: Judged): void {
  rooms.open.take(id);
  if (governed.kind === "allowed") governed.ended("unknown", 0);
}

function actionsOf(members: ReadonlyMap<string, Json>): Result<readonly Action[], string> {
  const one = members.get("action");
  const several = members.get("actions");
  if ((one === undefined) === (several === undefined)) return fail("The body has either action or actions.");
  const list = one === undefined ? several : [one];
  if (!isList(list) || list.length === 0 || list.length > MOST_ACTIONS) {
    return fail(`actions is a list of 1 to ${MOST_ACTIONS} actions.`);
  }
  const actions: Action[] = [];
  for (const item of list) {
    const action = readAction(item);
    if (!action.ok) return action;
    actions.push(action.value);
  }
  return ok(actions);
}

function reportOf(
  members: ReadonlyMap<string, Json>,
): Result<{ readonly id: string; readonly result: "succeeded" | "failed"; readonly bytes: number }, string> {
  const [id, result, bytes = 0] = [members.get("id"), members.get("result"), members.get("bytes")];
  if (typeof id !== "string") return fail("id is the id of a decision.");
  if (result !== "succeeded" && result !== "failed") return fail("result is succeeded or failed.");
  if (typeof bytes !== "number" || !Number.isSafeInteger(bytes) || bytes < 0)
    return fail("bytes is a whole number, 0 or more.");
  return ok({ id, result, bytes });
}

/** The monitor has seen it when this returns; false: it cannot be made durable. */
async function record(rooms: GovernanceApiRooms, { id, action, governed, isPreview }: Judged): Promise<boolean> {
  const event = decisionRecord({ id, at: rooms.clock.now(), action, governed, digest: rooms.digest });
  const marked = { ...event, detail: { ...event.detail, [isPreview ? "preview" : SAID]: true } };
  return (await rooms.record(marked)).ok;
}

async function all(written: readonly Promise<boolean>[]): Promise<boolean> {
  return !(await Promise.all(written)).includes(false);
}

function decisionOf(rooms: GovernanceApiRooms, { id, governed }: Judged): unknown {
  if (governed.kind === "allowed") {
    const { rule, policy, obligations, approval, observed } = governed;
    return {
      id,
      decision: "allow",
      rule: rule ?? null,
      policy: policy ?? null,
      obligations: {
        redact: obligations.redact,
        limit: obligations.resultBytes === undefined ? null : { result_bytes: obligations.resultBytes },
        log: obligations.log,
      },
      ...(approval === undefined ? {} : { approval }),
      ...(observed === undefined ? {} : { observed }),
    };
  }
  const { reason, rule, policy, message, retryAfter, askable } = governed;
  return {
    id,
    decision: reason === "approval_required" ? "require_approval" : reason === "rate_limited" ? "rate_limit" : "deny",
    reason,
    rule: rule ?? null,
    policy: policy ?? null,
    message: message ?? null,
    ...(retryAfter === undefined ? {} : { retry_after_ms: Math.ceil(retryAfter) }),
    ...(askable && rooms.asking() ? { how_to_request: howToRequest() } : {}),
  };
}

function howToRequest(): unknown {
  const body = { action: "the action as it was sent", reason: "why it is needed" };
  return { method: "POST", path: "/governance/v1/requests", body };
}

function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}
