import { actionForm } from "../../core/approval/action-form.ts";
import { actionSummary } from "../../core/approval/action-summary.ts";
import type { AccessRequest, KnownRequest } from "../../core/approval/approval.ts";
import { MOST_REASON } from "../../core/approval/parse-egress-approval.ts";
import type { AuditEvent } from "../../core/audit/audit-event.ts";
import type { Clock } from "../../core/base/clock.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";
import type { RouterConfig } from "../../core/config/router-config.ts";
import type { Action } from "../../core/governance/action.ts";
import { readAction } from "../../core/governance/read-action.ts";
import type { Json } from "../../core/json/json.ts";
import type { HttpForwardRequest } from "../../core/wire/forward-request.ts";
import { safeText } from "../../core/wire/safe-text.ts";
import type { AgentSocket } from "../../edge/listeners/agent-socket.ts";
import { RequestBody } from "../../edge/listeners/request-body.ts";
import { accessStanding, type AccessStandingRooms } from "./access-standing.ts";
import { refusalRecord, requestRecord } from "./approval-record.ts";
import type { GrantBook } from "./grant-book.ts";
import { type GovernanceRefusal, writeDenial, writeJson } from "./governance-answer.ts";
import type { RequestBook, RequestCaps } from "./request-book.ts";
import { sha256 } from "./sha256.ts";
import { bodyPlan, readSmallBody } from "./small-body.ts";

type Next = "again" | "done";

const MOST_WAIT = 300;
/** Octets of each member as it is written, escapes included. */
const EGRESS = bodyPlan({ host: 2_048, port: 16, protocol: 64, method: 2_048, path: 32_768, reason: 8_192 });
/** An approval file is no longer than that. */
const MOST_ACTION = 65_536;
const ACTION = bodyPlan({ action: MOST_ACTION, reason: 8_192 });

export interface AccessRequestsRooms extends AccessStandingRooms {
  readonly clock: Clock;
  readonly limits: RouterConfig["limits"];
  readonly grants: Pick<GrantBook, "grantFor" | "isDenied">;
  readonly requests: RequestBook;
  nextRequestId(): string;
  draining(): boolean;
  auditWritable(): boolean;
  /** Undefined: nothing can be asked for. */
  caps(): RequestCaps | undefined;
  /** RFC 6901 pointers into the arguments of a call that rules oblige to hide. */
  redact(action: Action): readonly string[];
  recordSoon(event: AuditEvent): void;
  /** There is a new request that waits for an answer. */
  asked(request: AccessRequest): void;
}

/** Access that is asked for at run time: `POST`, `GET` and `DELETE` of `/egress/v1/requests` and `/governance/v1/requests`. */
export class AccessRequests {
  readonly #rooms: AccessRequestsRooms;

  constructor(rooms: AccessRequestsRooms) {
    this.#rooms = rooms;
  }

  /** `{"host", "port", "protocol", "method", "path", "reason"}` or `{"action", "reason"}`. */
  async ask(agent: AgentSocket, request: HttpForwardRequest, scope: "egress" | "governance"): Promise<Next> {
    const rooms = this.#rooms;
    const body = new RequestBody(agent, request.framing, rooms.limits.idle);
    const own = rooms.nextRequestId();
    const keepAlive = (): boolean => request.keepAlive && body.complete;
    const refuse = (refusal: GovernanceRefusal, about?: Action): Next => {
      rooms.recordSoon(refusalRecord(refusal.reason, about, rooms.clock.now(), own));
      writeDenial(agent, own, refusal, keepAlive());
      return keepAlive() ? "again" : "done";
    };
    if (rooms.draining()) return refuse({ reason: "draining" });
    const caps = rooms.caps();
    if (caps === undefined) return refuse({ reason: "governance_denied", message: "Nothing can be asked for here." });
    if (request.expectContinue) agent.write("HTTP/1.1 100 Continue\r\n\r\n");
    const read = await readSmallBody(request, body, scope === "egress" ? EGRESS : ACTION);
    if (!read.ok) return refuse(read.problem);
    const asked = scope === "egress" ? egressAsked(read.value) : actionAsked(read.value);
    if (!asked.ok) return refuse({ reason: "malformed_request", message: asked.problem });
    if (!rooms.auditWritable()) return refuse({ reason: "audit_unavailable" });

    const { action, reason } = asked.value;
    if (actionForm(action, sha256) === undefined)
      return refuse({ reason: "malformed_request", message: INCOMPLETE }, action);
    const standing = accessStanding(rooms, action);
    switch (standing.kind) {
      case "refused":
        return refuse({ ...standing, message: standing.message ?? "It cannot be asked for." }, action);
      case "not_needed":
        writeJson(agent, own, 200, { state: "not_needed", by: standing.by ?? null }, keepAlive());
        return keepAlive() ? "again" : "done";
      case "askable":
        break;
      default:
        return standing satisfies never;
    }
    // As it would be judged: what is bound is that.
    const digest = sha256(actionForm(standing.action, sha256) ?? "");
    const redact = rooms.redact(standing.action);
    const entry = {
      digest,
      action: standing.action,
      redact,
      summary: actionSummary(standing.action, { redact, sha256 }),
      reason,
      octets: Buffer.byteLength(JSON.stringify(standing.action)),
    };
    const taken = rooms.requests.ask(entry, rooms.grants.isDenied(digest) ? "denied" : "pending", caps);
    if (!taken.ok) {
      const { full, retryAfter } = taken.problem;
      return refuse({ reason: "rate_limited", message: CROWDED[full], retryAfter }, action);
    }
    const { request: made, isNew } = taken.value;
    if (isNew) rooms.recordSoon(requestRecord(made, rooms.clock.now(), "asked", own));
    if (made.state === "pending") rooms.asked(made);
    const location = ["Location", `/${scope}/v1/requests/${made.id}`] as const;
    writeJson(agent, own, 202, this.#shown(made, true), keepAlive(), [location]);
    return keepAlive() ? "again" : "done";
  }

  /** Everything that is open or was answered lately, without ids: who asks again for the same is told its own. */
  asked(agent: AgentSocket, request: HttpForwardRequest): Next {
    const requests = this.#rooms.requests.list().map((one) => this.#shown(one, false));
    return this.#answer(agent, request, 200, { requests });
  }

  /** `?wait=0..300`: seconds until it is answered, withdrawn or over. */
  async answer(agent: AgentSocket, request: HttpForwardRequest, id: string): Promise<Next> {
    const rooms = this.#rooms;
    const wait = waitOf(request.query);
    if (wait === undefined) return this.#refuse(agent, request, { reason: "malformed_request", message: BAD_WAIT });
    const found = rooms.requests.get(id);
    if (found === undefined) return this.#unknown(agent, request);
    if (wait > 0 && found.state === "pending") {
      const answered = Promise.withResolvers<void>();
      const end = rooms.requests.wait(id, answered.resolve);
      if (end === undefined) {
        return this.#refuse(agent, request, { reason: "overloaded", message: "Too many wait.", retryAfter: 1_000 });
      }
      const timer = setTimeout(answered.resolve, wait * 1_000);
      agent.onLeft(answered.resolve);
      await answered.promise;
      agent.onLeft(undefined);
      clearTimeout(timer);
      end();
    }
    return this.#answer(agent, request, 200, this.#shown(rooms.requests.get(id) ?? found, true));
  }

  withdraw(agent: AgentSocket, request: HttpForwardRequest, id: string): Next {
    const found = this.#rooms.requests.withdraw(id);
    if (found === undefined) return this.#unknown(agent, request);
    return this.#answer(agent, request, 200, this.#shown(found, true));
  }

  #shown({ id, state, digest, summary, reason, at, expiresAt, count }: KnownRequest, withId: boolean): Json {
    const grant = state === "approved" ? this.#rooms.grants.grantFor(digest) : undefined;
    return {
      ...(withId ? { id } : {}),
      state,
      digest,
      summary,
      reason,
      requested: new Date(at).toISOString(),
      expires: new Date(expiresAt).toISOString(),
      count,
      ...(grant === undefined
        ? {}
        : { approval: { id: grant.id, expires: new Date(grant.expiresAt).toISOString(), left: grant.left ?? null } }),
    };
  }

  #unknown(agent: AgentSocket, request: HttpForwardRequest): Next {
    return this.#refuse(agent, request, { reason: "path_not_allowed", status: 404, message: UNKNOWN });
  }

  #refuse(agent: AgentSocket, request: HttpForwardRequest, refusal: GovernanceRefusal): Next {
    const keepAlive = keeps(request);
    writeDenial(agent, this.#rooms.nextRequestId(), refusal, keepAlive);
    return keepAlive ? "again" : "done";
  }

  #answer(agent: AgentSocket, request: HttpForwardRequest, status: number, value: Json): Next {
    const keepAlive = keeps(request);
    writeJson(agent, this.#rooms.nextRequestId(), status, value, keepAlive);
    return keepAlive ? "again" : "done";
  }
}

const INCOMPLETE = "Not all of the action is there, or its arguments hold a number beyond 2^53-1.";
const CROWDED = {
  pending: "Too many requests wait for an answer.",
  octets: "The requests that wait for an answer are too long together.",
  minute: "Too many requests in this minute.",
} as const;
const UNKNOWN = "There is no request of this id: it was never made, or was answered long ago.";
const BAD_WAIT = `The only parameter is wait, 0 to ${MOST_WAIT} seconds.`;

/** A body that nobody reads ends the connection. */
function keeps({ keepAlive, framing }: HttpForwardRequest): boolean {
  return keepAlive && framing.kind === "none";
}

interface AskedFor {
  readonly action: Action;
  readonly reason: string;
}

function actionAsked(members: ReadonlyMap<string, Json>): Result<AskedFor, string> {
  const reason = reasonOf(members);
  if (!reason.ok) return reason;
  const action = readAction(members.get("action") ?? null);
  return action.ok ? ok({ action: action.value, reason: reason.value }) : action;
}

function egressAsked(members: ReadonlyMap<string, Json>): Result<AskedFor, string> {
  const reason = reasonOf(members);
  if (!reason.ok) return reason;
  const given = [...members].filter(([name]) => name !== "reason");
  const action = readAction(Object.fromEntries([["kind", "egress"], ["protocol", "tls"], ...given]));
  return action.ok ? ok({ action: action.value, reason: reason.value }) : action;
}

/** Made fit to print: an operator reads it in a terminal. */
function reasonOf(members: ReadonlyMap<string, Json>): Result<string, string> {
  const reason = members.get("reason");
  if (typeof reason !== "string" || reason.length > MOST_REASON || reason.trim() === "") {
    return fail(`reason says why, in 1 to ${MOST_REASON} characters.`);
  }
  return ok(safeText(reason.trim(), MOST_REASON));
}

/** Undefined: that is no query of ours. */
function waitOf(query: string): number | undefined {
  if (query === "" || query === "?") return 0;
  const [, seconds] = /^\?wait=([0-9]{1,3})$/.exec(query) ?? [];
  return seconds === undefined || Number(seconds) > MOST_WAIT ? undefined : Number(seconds);
}
