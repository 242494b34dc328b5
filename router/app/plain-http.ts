import { assertNever } from "../core/base/assert-never.ts";
import type { Reason } from "../core/base/reason.ts";
import { type Authority, formatAuthority } from "../core/wire/authority.ts";
import type { HttpForwardRequest } from "../core/wire/forward-request.ts";
import { formatHost } from "../core/wire/host.ts";
import type { NamePermit } from "../core/policy/permit.ts";
import type { AgentSocket } from "../edge/listeners/agent-socket.ts";
import { HttpAnswer } from "../edge/listeners/http-answer.ts";
import { RequestBody, RequestBodyError } from "../edge/listeners/request-body.ts";
import type { ExchangeEnd } from "../edge/upstream/exchange.ts";
import { originConnection, type OriginConnection } from "../edge/upstream/origin-connection.ts";
import type { IpAddress } from "../core/wire/ip-address.ts";
import { clear, judge, lostMeanwhile, refusalOf } from "./admission.ts";
import type { Refused } from "./refused.ts";
import { answerRefusal } from "./answer.ts";
import type { CorridorRooms } from "./corridor-rooms.ts";
import { Exchange } from "./exchange.ts";

/** The connection to the origin of the last request, to be used again for the same authority, address and policy. */
interface Kept {
  readonly authority: string;
  readonly address: IpAddress;
  readonly digest: string;
  readonly connection: OriginConnection;
}

type Next = "again" | "done";

/**
 * Plain HTTP on one agent connection: each request is an exchange of its own, judged alone. The origin's connection
 * is kept between requests only for this agent connection, and only while nothing about it has changed.
 */
export class PlainHttp {
  readonly #rooms: CorridorRooms;
  readonly #agent: AgentSocket;
  #kept: Kept | undefined;

  constructor(rooms: CorridorRooms, agent: AgentSocket) {
    this.#rooms = rooms;
    this.#agent = agent;
  }

  [Symbol.dispose](): void {
    this.#kept?.connection.close();
  }

  async serve(request: HttpForwardRequest): Promise<Next> {
    const rooms = this.#rooms;
    const { host, port } = request.authority;
    const asked = { via: "http", host, port, method: request.method, path: request.path } as const;
    const action = `http.${request.method}`;
    const exchange = new Exchange(rooms.nextRequestId(), action, asked, rooms.clock, rooms.settle, request.trace);
    const body = new RequestBody(this.#agent, request.framing, rooms.limits.idle);
    rooms.registry.add(exchange);
    this.#agent.onClosed(() => exchange.abandon());
    try {
      const judged = judge(rooms.admission, exchange, asked, request.upgrade !== undefined);
      if (!judged.ok) return this.#refuse(exchange, request, body, judged.problem);
      return await this.#forward(exchange, request, body, judged.value);
    } finally {
      // Without effect on what is settled: what is not is a bug of ours, and on record all the same.
      exchange.aborted("internal");
      rooms.registry.remove(exchange);
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
    const cleared = await clear(rooms.admission, exchange, permit);
    if (!cleared.ok) return this.#refuse(exchange, request, body, cleared.problem);
    const authority = formatAuthority(request.authority);

    let kept = this.#kept;
    if (
      kept === undefined ||
      kept.authority !== authority ||
      kept.digest !== permit.policy.digest ||
      !cleared.value.addresses.includes(kept.address) ||
      !kept.connection.usable
    ) {
      kept?.connection.close();
      this.#kept = undefined;
      const dialled = await rooms.upstream.dialPlain(cleared.value, exchange.signal);
      if (!dialled.ok) {
        const reason = exchange.cutReason ?? "upstream_unreachable";
        return this.#refuse(exchange, request, body, refusalOf(permit, reason, dialled.problem.detail).problem);
      }
      const link = dialled.value;
      exchange.connect = link.connectMillis;
      kept = { authority, address: link.address, digest: permit.policy.digest, connection: originConnection(link) };
      this.#kept = kept;
    }
    exchange.address = kept.address;
    const lost = lostMeanwhile(rooms.admission, exchange);
    if (lost !== undefined) return this.#refuse(exchange, request, body, refusalOf(permit, lost).problem);

    const answer = new HttpAnswer(this.#agent, exchange.start.request, request.version === "1.0", request.keepAlive);
    const end = await kept.connection.exchange(
      {
        method: request.method,
        target: `${request.path}${request.query}`,
        host: hostField(request.authority),
        fields: request.fields,
        framing: request.framing,
        body: body.chunks(),
        expectContinue: request.expectContinue,
        upgrade: request.upgrade,
      },
      {
        proceed: () => answer.proceed(),
        head: (head) => {
          exchange.status = head.status;
          // An answer to a request that is still being sent ends the connection: its rest is not the next request.
          if (!body.complete) answer.close();
          answer.head(head);
        },
        data: (chunk) => answer.data(chunk),
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
    return this.#conclude(exchange, request, answer, permit, end);
  }

  async #conclude(
    exchange: Exchange,
    request: HttpForwardRequest,
    answer: HttpAnswer,
    permit: NamePermit,
    end: ExchangeEnd,
  ): Promise<Next> {
    switch (end.cause) {
      case "completed":
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
        return this.#broken(exchange, request, answer, permit, "malformed_request", detailOf(end.error));
      case "idle_timeout":
      case "lifetime_limit":
      case "byte_limit":
        return this.#broken(exchange, request, answer, permit, end.cause, undefined);
      case "aborted":
        return this.#broken(exchange, request, answer, permit, exchange.cutReason, undefined);
      default:
        return assertNever(end);
    }
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
function hostField(authority: Authority): string {
  return authority.port === 80 ? formatHost(authority.host) : formatAuthority(authority);
}

function detailOf(error: unknown): string {
  return error instanceof RequestBodyError ? error.detail : "The request body could not be read.";
}
