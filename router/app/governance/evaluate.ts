import { fail, ok, type Result } from "../../core/base/result.ts";
import type { Action } from "../../core/governance/action.ts";
import { readAction } from "../../core/governance/read-action.ts";
import type { Json } from "../../core/json/json.ts";
import type { HttpForwardRequest } from "../../core/wire/forward-request.ts";
import type { AgentSocket } from "../../edge/listeners/agent-socket.ts";
import { RequestBody } from "../../edge/listeners/request-body.ts";
import { decisionRecord, type GovernanceRecord } from "./governance-record.ts";
import { errorBody, type GovernanceRefusal, retryField, writeDenial, writeJson } from "./governance-answer.ts";
import type { GovernanceApiRooms } from "./governance-rooms.ts";
import type { Governed } from "./governor.ts";
import { bodyPlan, readSmallBody } from "./small-body.ts";

type Next = "again" | "done";

/** Actions of one request. */
const MOST_ACTIONS = 100;
const EVALUATION = bodyPlan({ action: 262_144, actions: 1_048_576 });
const REPORT = bodyPlan({ id: 64, result: 32, bytes: 32 });

/**
 * `POST /governance/v1/evaluate` with `{"action": ...}` or `{"actions": [...]}`. What it allows is on record, as durably
 * as the audit mode demands, before it says so. Whatever goes wrong, the decision is deny.
 */
export async function serveEvaluate(
  rooms: GovernanceApiRooms,
  agent: AgentSocket,
  request: HttpForwardRequest,
): Promise<Next> {
  const body = new RequestBody(agent, request.framing, rooms.limits.idle);
  const id = rooms.nextRequestId();
  const refuse = (refusal: GovernanceRefusal): Next => {
    rooms.refusedUnread(id, refusal.reason);
    const keepAlive = request.keepAlive && body.complete;
    writeDenial(agent, id, refusal, keepAlive);
    return keepAlive ? "again" : "done";
  };
  if (rooms.draining()) return refuse({ reason: "draining" });
  if (request.expectContinue) agent.write("HTTP/1.1 100 Continue\r\n\r\n");
  const read = await readSmallBody(request, body, EVALUATION);
  if (!read.ok) return refuse(read.problem);
  const actions = actionsOf(read.value);
  if (!actions.ok) return refuse({ reason: "malformed_request", message: actions.problem });
  if (!rooms.auditWritable()) return refuse({ reason: "audit_unavailable" });

  rooms.open.expire();
  const judged = actions.value.map((action, index): Judged => {
    const name = actions.value.length === 1 ? id : `${id}.${index}`;
    // What passes the router is judged there; asking beforehand takes nothing away from it.
    const governed = rooms.enforces(action) ? rooms.governor.preview(action) : rooms.governor.judge(action, false);
    return { id: name, action, governed };
  });
  const written = await Promise.all(
    judged.map(({ id: name, action, governed }) => record(rooms, name, action, governed)),
  );
  if (written.includes(false)) {
    for (const { governed } of judged) if (governed.kind === "allowed") governed.ended("unknown", 0);
    return refuse({ reason: "audit_unavailable" });
  }
  for (const { id: name, governed } of judged) if (governed.kind === "allowed") rooms.open.add(name, governed);
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
  const body = new RequestBody(agent, request.framing, rooms.limits.idle);
  const own = rooms.nextRequestId();
  const answer = (status: number, value: unknown): Next => {
    const keepAlive = request.keepAlive && body.complete;
    writeJson(agent, own, status, value, keepAlive);
    return keepAlive ? "again" : "done";
  };
  const read = await readSmallBody(request, body, REPORT);
  const told = read.ok ? reportOf(read.value) : fail(read.problem.message ?? "");
  if (!told.ok) return answer(400, { error: errorBody(own, { reason: "malformed_request", message: told.problem }) });
  const { id, result, bytes } = told.value;
  const leave = rooms.open.take(id);
  if (leave === undefined) {
    const message = "No action of this id is open: it was never allowed, has been told already, or took too long.";
    return answer(404, { error: errorBody(own, { reason: "malformed_request", message }) });
  }
  leave.ended(result, bytes, id);
  return answer(200, { id, result });
}

interface Judged {
  readonly id: string;
  readonly action: Action;
  readonly governed: Governed;
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

/** False: it cannot be made durable, and so nothing is allowed. A denial is on record soon; nobody waits for it. */
async function record(rooms: GovernanceApiRooms, id: string, action: Action, governed: Governed): Promise<boolean> {
  const about: GovernanceRecord = { id, at: rooms.clock.now(), action, governed, digest: rooms.digest };
  if (governed.kind === "allowed") return (await rooms.record(decisionRecord(about))).ok;
  rooms.recordSoon(decisionRecord(about));
  return true;
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
