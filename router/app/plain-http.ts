import { assertNever } from "../core/base/assert-never.ts";
import type { Reason } from "../core/base/reason.ts";
import { ok, type Result } from "../core/base/result.ts";
import { type Authority, formatAuthority } from "../core/wire/authority.ts";
import type { HttpForwardRequest } from "../core/wire/forward-request.ts";
import { formatHost } from "../core/wire/host.ts";
import type { EgressRequest } from "../core/policy/egress-request.ts";
import type { NamePermit } from "../core/policy/permit.ts";
import { judgedValues } from "../core/wire/fields.ts";
import { HTTP_PORT, HTTPS_PORT } from "../core/wire/request-target.ts";
import type { AgentSocket } from "../edge/listeners/agent-socket.ts";
import { HttpAnswer } from "../edge/listeners/http-answer.ts";
import { RequestBody, RequestBodyError } from "../edge/listeners/request-body.ts";
import type { ExchangeEnd } from "../edge/upstream/exchange.ts";
import { clear, judge, lostMeanwhile, refusalOf } from "./admission.ts";
import type { Refused } from "./refused.ts";
import { answerRefusal } from "./answer.ts";
import type { CorridorRooms } from "./corridor-rooms.ts";
import { contentProblem, ContentTooLong, contentUpTo } from "./content-limit.ts";
import { type Door, Exchange } from "./exchange.ts";
import { type AnswerWay, GuardedAnswerWay, openAnswerWay } from "./inspection/answer-way.ts";
import { type DialOrigin, OriginWay } from "./origin-way.ts";
import type { InjectedFields } from "./inspection/injected-fields.ts";

/** How requests inside inspected TLS, or for an https URL, go on: over TLS that was verified for the judged host. */
export interface SecureWay {
  /** The tunnel that carries the requests, and counts as their connection. */
  readonly within?: Exchange;
  readonly dial: DialOrigin;
  /** What the permit's rule injects; the problem is a sentence. */
  inject(permit: NamePermit): Promise<Result<InjectedFields, string>>;
}

type Next = "again" | "done";

/**
 * HTTP/1.1 on one agent connection, plain, for https URLs or inside inspected TLS: each request is an exchange of its own, judged alone.
 * The origin's connection is kept between requests only for this agent connection, and only while nothing about it has
 * changed.
 */
export class PlainHttp {
  readonly #rooms: CorridorRooms;
  readonly #agent: AgentSocket;
  readonly #door: Door;
  readonly #secure: SecureWay | undefined;
  readonly #way: OriginWay;
  #live: Exchange | undefined;
  #draining = false;

  /** Without `secure` requests go on in clear. */
  constructor(rooms: CorridorRooms, agent: AgentSocket, door: Door, secure?: SecureWay) {
    this.#rooms = rooms;
    this.#agent = agent;
    this.#door = door;
    this.#secure = secure;
    this.#way = new OriginWay(secure?.dial ?? ((permit, signal) => rooms.upstream.dialPlain(permit, signal)));
  }

  /** Ends the exchange that is under way, for a reason of ours. */
  cut(reason: Reason): void {
    this.#live?.cut(reason);
  }

  [Symbol.dispose](): void {
    this.#way.close();
  }

  /** No further request: the connection ends now, or with the answer to the one that is under way. */
  drain(): void {
    this.#draining = true;
    if (this.#live === undefined) this.#agent.finish();
  }

  async serve(request: HttpForwardRequest): Promise<Next> {
    const rooms = this.#rooms;
    const { host, port } = request.authority;
    const asked: EgressRequest = {
      via: "http",
      ...(this.#secure === undefined ? {} : { secure: true }),
      host,
      port,
      method: request.method,
      path: request.path,
      header: (name) => judgedValues(request, name),
    };
    const action = `http.${request.method}`;
    const exchange = new Exchange(
      rooms.nextRequestId(),
      action,
      asked,
      rooms.clock,
      rooms.settle,
      this.#door,
      request.trace,
    );
    const body = new RequestBody(this.#agent, request.framing, rooms.limits.idle);
    exchange.within = this.#secure?.within;
    rooms.registry.add(exchange);
    this.#live = exchange;
    this.#agent.onClosed(() => exchange.abandon());
    try {
      const judged = judge(rooms.admission, exchange, asked, request.upgrade !== undefined);
      if (!judged.ok) return this.#refuse(exchange, request, body, judged.problem);
      return await this.#forward(exchange, request, body, judged.value);
    } finally {
      // Without effect on what is settled: what is not is a bug of ours, and on record all the same.
      exchange.aborted("internal");
      rooms.registry.remove(exchange);
      this.#live = undefined;
      this.#agent.onClosed(undefined);
    }
  }

  /** The connection goes on after a refusal only where the request is wholly read: its body is not worth reading. */
  #refuse(exchange: Exchange, request: HttpForwardRequest, body: RequestBody, refused: Refused): Next {
    const keepAlive = request.keepAlive && body.complete;
    answerRefusal(this.#agent, exchange, refused, keepAlive, request.method !== "HEAD");
    return keepAlive ? "again" : "done";
  }

  async #forward(
    exchange: Exchange,
    request: HttpForwardRequest,
    body: RequestBody,
    permit: NamePermit,
  ): Promise<Next> {
    const rooms = this.#rooms;
    const { bodyBytes } = permit;
    const tooLong = contentProblem(request.framing, bodyBytes);
    if (tooLong !== undefined) {
      return this.#refuse(exchange, request, body, refusalOf(permit, "request_too_large", tooLong).problem);
    }
    const injected = await this.#injected(request, permit);
    if (!injected.ok) return this.#refuse(exchange, request, body, injected.problem);
    const cleared = await clear(rooms.admission, exchange, permit);
    if (!cleared.ok) return this.#refuse(exchange, request, body, cleared.problem);
    const connected = await this.#way.connect(exchange, request.authority, cleared.value);
    if (!connected.ok) return this.#refuse(exchange, request, body, connected.problem);
    exchange.address = connected.value.address;
    const lost = lostMeanwhile(rooms.admission, exchange);
    if (lost !== undefined) return this.#refuse(exchange, request, body, refusalOf(permit, lost).problem);

    const answer = new HttpAnswer(this.#agent, exchange.start.request, request.version === "1.0", request.keepAlive);
    const way =
      injected.value === undefined
        ? openAnswerWay(answer)
        : new GuardedAnswerWay(answer, injected.value, () => exchange.cut("upstream_invalid"));
    const end = await connected.value.connection.exchange(
      {
        method: request.method,
        target: `${request.path}${request.query}`,
        host: hostField(request.authority, this.#secure !== undefined),
        fields: injected.value?.request(request.fields) ?? request.fields,
        framing: request.framing,
        body: bodyBytes === undefined ? body.chunks() : contentUpTo(bodyBytes, body),
        expectContinue: request.expectContinue,
        upgrade: request.upgrade,
      },
      {
        proceed: () => answer.proceed(),
        head: (head) => {
          exchange.status = head.status;
          // An answer to a request that is still being sent ends the connection: its rest is not the next request.
          if (!body.complete || this.#draining) answer.close();
          // Head and content mostly come together: one system call for both, and one record where this is TLS.
          this.#agent.cork();
          way.head(head);
        },
        data: (chunk) => way.data(chunk),
      },
      {
        limits: {
          bytesOut: permit.limits.bytesOut,
          bytesIn: permit.limits.bytesIn,
          idle: permit.limits.idle ?? rooms.limits.idle,
          lifetime: permit.limits.lifetime ?? rooms.limits.lifetime,
        },
        watch: rooms.upstream.watch,
        signal: exchange.signal,
      },
    );
    exchange.bytesOut = end.bytesOut;
    exchange.bytesIn = end.bytesIn;
    if (end.cause !== "completed") way.close();
    return this.#conclude(exchange, request, answer, permit, end, way);
  }

  /** What is to be written into the request; undefined: nothing. */
  async #injected(
    request: HttpForwardRequest,
    permit: NamePermit,
  ): Promise<Result<InjectedFields | undefined, Refused>> {
    if (permit.inject.length === 0) return ok(undefined);
    // A permit that injects is for inspected TLS; in clear no secret goes out, whatever a permit says.
    if (this.#secure === undefined) return refusalOf(permit, "internal");
    if (request.method === "TRACE") {
      return refusalOf(permit, "method_not_allowed", "TRACE would answer with what this rule injects.");
    }
    if (request.upgrade !== undefined) {
      // Behind an upgrade nobody reads what goes on.
      return refusalOf(permit, "method_not_allowed", "A WebSocket could carry back, unread, what this rule injects.");
    }
    const injected = await this.#secure.inject(permit);
    return injected.ok ? injected : refusalOf(permit, "upstream_unreachable", injected.problem);
  }

  async #conclude(
    exchange: Exchange,
    request: HttpForwardRequest,
    answer: HttpAnswer,
    permit: NamePermit,
    end: ExchangeEnd,
    way: AnswerWay,
  ): Promise<Next> {
    switch (end.cause) {
      case "completed":
        this.#leave(permit);
        if (!way.end()) return this.#broken(exchange, request, answer, permit, "upstream_invalid", way.problem);
        exchange.completed();
        answer.finish(permit.limits.idle ?? this.#rooms.limits.idle);
        return answer.keepsAlive ? "again" : "done";
      case "upgraded":
        exchange.status = 101;
        answer.switchProtocols(end.fields);
        await this.#rooms.upstream.relay(this.#agent, end.origin, exchange, permit);
        return "done";
      case "upstream_unreachable":
      case "upstream_invalid":
        return this.#broken(exchange, request, answer, permit, end.cause, end.detail);
      case "request_broken":
        if (end.error instanceof ContentTooLong) {
          return this.#broken(exchange, request, answer, permit, "request_too_large", end.error.message);
        }
        return this.#broken(exchange, request, answer, permit, "malformed_request", detailOf(end.error));
      case "idle_timeout":
      case "lifetime_limit":
      case "byte_limit":
        return this.#broken(exchange, request, answer, permit, end.cause, undefined);
      case "aborted":
        return this.#broken(exchange, request, answer, permit, exchange.cutReason, way.problem);
      default:
        return assertNever(end);
    }
  }

  /** Where open connections are counted, none stays open that holds no place. */
  #leave({ limits }: NamePermit): void {
    const isCounted = limits.connections !== undefined || limits.hostConnections !== undefined;
    if (isCounted && this.#secure?.within === undefined) this.#way.close();
  }

  /** Bytes may have reached the origin, so this is an abort; the agent is told where its answer has not begun. */
  #broken(
    exchange: Exchange,
    request: HttpForwardRequest,
    answer: HttpAnswer,
    permit: NamePermit,
    reason: Reason | undefined,
    detail: string | undefined,
  ): Next {
    if (reason !== undefined && !answer.begun) {
      const refused = refusalOf(permit, reason, detail).problem;
      exchange.aborted(reason, detail);
      answerRefusal(this.#agent, exchange, refused, false, request.method !== "HEAD");
    } else {
      exchange.aborted(reason, detail);
      this.#agent.abort();
    }
    return "done";
  }
}

/** The Host that the origin sees is derived from what was judged; its port only where it is not the scheme's own. */
function hostField(authority: Authority, secure: boolean): string {
  return authority.port === (secure ? HTTPS_PORT : HTTP_PORT) ? formatHost(authority.host) : formatAuthority(authority);
}

function detailOf(error: unknown): string {
  return error instanceof RequestBodyError ? error.detail : "The request body could not be read.";
}
