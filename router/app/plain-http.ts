import { assertNever } from "../core/base/assert-never.ts";
import type { Bytes } from "../core/base/quantity.ts";
import type { Reason } from "../core/base/reason.ts";
import { ok, type Result } from "../core/base/result.ts";
import { type Authority, formatAuthority } from "../core/wire/authority.ts";
import type { HttpForwardRequest } from "../core/wire/forward-request.ts";
import { formatHost } from "../core/wire/host.ts";
import type { EgressRequest } from "../core/policy/egress-request.ts";
import type { DialPermit, NamePermit } from "../core/policy/permit.ts";
import { fieldValues } from "../core/wire/fields.ts";
import { HTTP_PORT, HTTPS_PORT } from "../core/wire/request-target.ts";
import type { AgentSocket } from "../edge/listeners/agent-socket.ts";
import { HttpAnswer } from "../edge/listeners/http-answer.ts";
import { RequestBody, RequestBodyError } from "../edge/listeners/request-body.ts";
import type { ExchangeEnd } from "../edge/upstream/exchange.ts";
import type { Link } from "../edge/upstream/dial.ts";
import { originConnection, type OriginConnection } from "../edge/upstream/origin-connection.ts";
import type { IpAddress } from "../core/wire/ip-address.ts";
import { clear, judge, lostMeanwhile, refusalOf } from "./admission.ts";
import type { Refused } from "./refused.ts";
import { answerRefusal } from "./answer.ts";
import type { CorridorRooms } from "./corridor-rooms.ts";
import { Exchange } from "./exchange.ts";
import type { InjectedFields } from "./inspection/injected-fields.ts";

/** The connection to the origin of the last request, to be used again for the same authority, address, way and policy. */
interface Kept {
  readonly authority: string;
  /** Undefined: a parent proxy was given the name. */
  readonly address: IpAddress | undefined;
  readonly digest: string;
  /** The parent proxy that it goes through. */
  readonly proxy: string | undefined;
  readonly connection: OriginConnection;
}

/** How requests inside inspected TLS go on: over TLS that was verified for the judged host. */
export interface SecureWay {
  /** The tunnel that carries the requests, and counts as their connection. */
  readonly within: Exchange;
  /** The next connection; its problem is the whole answer to one request. */
  dial(permit: DialPermit, signal: AbortSignal): Promise<Result<Link, WayProblem>>;
  /** What the permit's rule injects; the problem is a sentence. */
  inject(permit: NamePermit): Promise<Result<InjectedFields, string>>;
}

export interface WayProblem {
  readonly reason: Reason;
  readonly detail: string;
}

const REPEATED = "The answer repeats a secret that was written into the request.";

/** Content of a request that is longer than its rule allows. */
class ContentTooLong extends Error {}

type Next = "again" | "done";

/**
 * HTTP/1.1 on one agent connection, plain or inside inspected TLS: each request is an exchange of its own, judged alone.
 * The origin's connection is kept between requests only for this agent connection, and only while nothing about it has
 * changed.
 */
export class PlainHttp {
  readonly #rooms: CorridorRooms;
  readonly #agent: AgentSocket;
  readonly #secure: SecureWay | undefined;
  #kept: Kept | undefined;
  #live: Exchange | undefined;
  #draining = false;

  /** Without `secure` requests go on in clear. */
  constructor(rooms: CorridorRooms, agent: AgentSocket, secure?: SecureWay) {
    this.#rooms = rooms;
    this.#agent = agent;
    this.#secure = secure;
  }

  /** Ends the exchange that is under way, for a reason of ours. */
  cut(reason: Reason): void {
    this.#live?.cut(reason);
  }

  [Symbol.dispose](): void {
    this.#kept?.connection.close();
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
      header: (name) => fieldValues(request, name),
    };
    const action = `http.${request.method}`;
    const exchange = new Exchange(rooms.nextRequestId(), action, asked, rooms.clock, rooms.settle, request.trace);
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
    if (request.framing.kind === "length" && bodyBytes !== undefined && request.framing.length > bodyBytes) {
      return this.#refuse(exchange, request, body, tooLong(permit, bodyBytes));
    }
    const injected = await this.#injected(request, permit);
    if (!injected.ok) return this.#refuse(exchange, request, body, injected.problem);
    const cleared = await clear(rooms.admission, exchange, permit);
    if (!cleared.ok) return this.#refuse(exchange, request, body, cleared.problem);
    const connected = await this.#connect(exchange, request, cleared.value);
    if (!connected.ok) return this.#refuse(exchange, request, body, connected.problem);
    const kept = connected.value;
    exchange.address = kept.address;
    const lost = lostMeanwhile(rooms.admission, exchange);
    if (lost !== undefined) return this.#refuse(exchange, request, body, refusalOf(permit, lost).problem);

    const answer = new HttpAnswer(this.#agent, exchange.start.request, request.version === "1.0", request.keepAlive);
    const content = this.#contentSink(exchange, answer, injected.value);
    const end = await kept.connection.exchange(
      {
        method: request.method,
        target: `${request.path}${request.query}`,
        host: hostField(request.authority, this.#secure !== undefined),
        fields: injected.value?.request(request.fields) ?? request.fields,
        framing: request.framing,
        body: bodyBytes === undefined ? body.chunks() : upTo(bodyBytes, body),
        expectContinue: request.expectContinue,
        upgrade: request.upgrade,
      },
      {
        proceed: () => answer.proceed(),
        head: (head) => {
          exchange.status = head.status;
          // An answer to a request that is still being sent ends the connection: its rest is not the next request.
          if (!body.complete || this.#draining) answer.close();
          answer.head(injected.value === undefined ? head : { ...head, fields: injected.value.answer(head.fields) });
        },
        data: (chunk) => content.data(chunk),
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
    if (end.cause === "completed" && !content.end()) {
      return this.#broken(exchange, request, answer, permit, "upstream_invalid", REPEATED);
    }
    return this.#conclude(exchange, request, answer, permit, end, injected.value);
  }

  /** Where the answer's content goes; none that holds an injected secret goes on. */
  #contentSink(
    exchange: Exchange,
    answer: HttpAnswer,
    injected: InjectedFields | undefined,
  ): { data(chunk: Buffer): Promise<void> | undefined; end(): boolean } {
    if (injected === undefined) return { data: (chunk) => answer.data(chunk), end: () => true };
    let wait: Promise<void> | undefined;
    const gate = injected.gate((octets) => {
      wait = answer.data(octets);
    });
    return {
      data(chunk) {
        wait = undefined;
        if (!gate.push(chunk)) exchange.cut("upstream_invalid");
        return wait;
      },
      end: () => gate.end(),
    };
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
    const injected = await this.#secure.inject(permit);
    return injected.ok ? injected : refusalOf(permit, "upstream_unreachable", injected.problem);
  }

  /** The connection kept from the request before, where it may serve this one too; otherwise a new one. */
  async #connect(exchange: Exchange, request: HttpForwardRequest, dial: DialPermit): Promise<Result<Kept, Refused>> {
    const { upstream } = this.#rooms;
    const permit = dial.name;
    const authority = formatAuthority(request.authority);
    const kept = this.#kept;
    if (
      kept !== undefined &&
      kept.authority === authority &&
      kept.digest === permit.policy.digest &&
      kept.proxy === permit.proxy &&
      (kept.address === undefined ? dial.addresses.length === 0 : dial.addresses.includes(kept.address)) &&
      kept.connection.usable
    ) {
      return ok(kept);
    }
    kept?.connection.close();
    this.#kept = undefined;
    const dialled =
      this.#secure === undefined
        ? await upstream.dialPlain(dial, exchange.signal)
        : await this.#secure.dial(dial, exchange.signal);
    if (!dialled.ok) {
      const { reason, detail } = dialled.problem;
      return refusalOf(permit, exchange.cutReason ?? reason, detail);
    }
    const link = dialled.value;
    exchange.connect = link.connectMillis;
    const { address } = link;
    const fresh = {
      authority,
      address,
      digest: permit.policy.digest,
      proxy: permit.proxy,
      connection: originConnection(link),
    };
    this.#kept = fresh;
    return ok(fresh);
  }

  async #conclude(
    exchange: Exchange,
    request: HttpForwardRequest,
    answer: HttpAnswer,
    permit: NamePermit,
    end: ExchangeEnd,
    injected: InjectedFields | undefined,
  ): Promise<Next> {
    switch (end.cause) {
      case "completed":
        exchange.completed();
        answer.finish(permit.limits.idle ?? this.#rooms.limits.idle);
        return answer.keepsAlive ? "again" : "done";
      case "upgraded":
        exchange.status = 101;
        answer.switchProtocols(injected?.answer(end.fields) ?? end.fields);
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
      case "aborted": {
        // The one thing of an answer that we cut for while it lasts.
        const repeated = exchange.cutReason === "upstream_invalid" ? REPEATED : undefined;
        return this.#broken(exchange, request, answer, permit, exchange.cutReason, repeated);
      }
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
function hostField(authority: Authority, secure: boolean): string {
  return authority.port === (secure ? HTTPS_PORT : HTTP_PORT) ? formatHost(authority.host) : formatAuthority(authority);
}

/** The content as it comes; what would take it over the limit is not given on, nor anything behind it. */
async function* upTo(limit: Bytes, body: RequestBody): AsyncGenerator<Uint8Array, void> {
  let length = 0;
  for await (const piece of body.chunks()) {
    length += piece.length;
    if (length > limit) throw new ContentTooLong(tooLongSentence(limit));
    yield piece;
  }
}

function tooLong(permit: NamePermit, limit: Bytes): Refused {
  return refusalOf(permit, "request_too_large", tooLongSentence(limit)).problem;
}

function tooLongSentence(limit: Bytes): string {
  return `The rule allows ${limit} octets of content in a request.`;
}

function detailOf(error: unknown): string {
  return error instanceof RequestBodyError ? error.detail : "The request body could not be read.";
}
