import { Agent, type ClientRequest, type IncomingMessage, request as httpRequest } from "node:http";
import type { Socket } from "node:net";
import { millis } from "../../core/base/quantity.ts";
import type { Field } from "../../core/wire/message-head.ts";
import type { RequestFraming } from "../../core/wire/request-framing.ts";
import type { DeadlineWatch } from "./deadline-watch.ts";
import type { Link } from "./dial.ts";
import { reset } from "./reset.ts";
import { type ResponseHead, responseHead } from "./response-head.ts";
import type { TunnelLimits, TunnelOrigin } from "./tunnel.ts";
import { acceptedWebSocket } from "./websocket-handshake.ts";

/** One request in parsed form, judged; it is written anew from these members and from nothing else. */
export interface OriginRequest {
  /** A token without lower-case letters. */
  readonly method: string;
  /** Path and query, beginning with "/". */
  readonly target: string;
  /** The Host field's value. */
  readonly host: string;
  /** End-to-end fields; without Host, Content-Length and Expect. */
  readonly fields: readonly Field[];
  readonly framing: RequestFraming;
  /** Iterated once, and only as fast as the origin takes it. Left unfinished where the exchange ends first. */
  readonly body: AsyncIterable<Uint8Array>;
  readonly expectContinue: boolean;
  readonly upgrade: "websocket" | undefined;
}

/** Where a response goes. Its end is the end of the exchange. */
export interface ResponseSink {
  /** 100 (Continue): the origin is ready for the body. At most once, before the head, and only where expected. */
  proceed(): void;
  head(head: ResponseHead): void;
  /** The chunk is the sink's. A promise asks to wait; it may never settle, and must not reject. */
  data(chunk: Buffer): Promise<void> | undefined;
}

export interface ExchangeOptions {
  readonly limits: TunnelLimits;
  readonly watch: DeadlineWatch;
  readonly signal: AbortSignal;
}

/** Octets of content passed on, without framing. */
export type ExchangeEnd = { readonly bytesOut: number; readonly bytesIn: number } & (
  | { readonly cause: "completed" }
  /** 101, verified: answer with these fields, then relay a tunnel to `origin`, which is the caller's now. */
  | { readonly cause: "upgraded"; readonly fields: readonly Field[]; readonly origin: TunnelOrigin }
  /** The connection broke before a whole response had come. */
  | { readonly cause: "upstream_unreachable"; readonly detail: string }
  /** What came is not a well-formed response to this request. */
  | { readonly cause: "upstream_invalid"; readonly detail: string }
  /** The body could not be read to its end: `error` is what its iteration threw. */
  | { readonly cause: "request_broken"; readonly error: unknown }
  | { readonly cause: "idle_timeout" | "lifetime_limit" | "byte_limit" | "aborted" }
);

/**
 * A connection to an origin that carries one plain-HTTP exchange after another, never two at a time. It belongs to one
 * agent connection, one authority and one policy, so that nobody reads another's answer.
 */
export interface OriginConnection {
  /** Another request may be sent now. Looked at in the same tick as `exchange` is called, it cannot be out of date. */
  readonly usable: boolean;
  /**
   * Never rejects. Where `cause` is not "completed" after the head was given, the agent must not see a clean end. The
   * request's body may be unfinished even when completed: an origin may answer early.
   */
  exchange(request: OriginRequest, sink: ResponseSink, options: ExchangeOptions): Promise<ExchangeEnd>;
  close(): void;
}

/** Below what common servers allow (Node's is 5 s), so that the origin seldom closes just as a request is sent. */
const IDLE_MILLIS = 4_000;
const KEEP_ALIVE_MILLIS = 30_000;
const MOST_HEAD_BYTES = 32 * 1024;
/** Responses before the final one. */
const MOST_INTERIM = 16;
/** Without Content-Length these have no content; for others its absence is to be said (RFC 9110 section 8.6). */
const WITHOUT_CONTENT = new Set(["GET", "HEAD", "DELETE", "OPTIONS", "TRACE"]);

export function originConnection(link: Link): OriginConnection {
  const { socket } = link;
  const agent = new Agent({
    keepAlive: true,
    keepAliveMsecs: KEEP_ALIVE_MILLIS,
    maxSockets: 1,
    timeout: IDLE_MILLIS,
  });
  let handedOver = false;
  // The one socket that policy admitted. Node asks for another only where this one has died: there is none.
  agent.createConnection = (_options, callback) => {
    if (!handedOver) {
      handedOver = true;
      return socket;
    }
    callback?.(new Error("the connection was closed"), socket);
    return undefined;
  };
  let busy = false;
  return {
    get usable() {
      return !busy && !socket.destroyed && socket.writable && !socket.readableEnded;
    },
    async exchange(request, sink, options) {
      if (busy) throw new Error("an origin connection carries one exchange at a time");
      busy = true;
      try {
        return await exchangeOn(socket, agent, request, sink, options);
      } finally {
        busy = false;
      }
    },
    close() {
      socket.destroy();
      agent.destroy();
    },
  };
}

type WithoutCounts<End> = End extends unknown ? Omit<End, "bytesOut" | "bytesIn"> : never;

async function exchangeOn(
  socket: Socket,
  agent: Agent,
  request: OriginRequest,
  sink: ResponseSink,
  options: ExchangeOptions,
): Promise<ExchangeEnd> {
  const { promise: ended, resolve } = Promise.withResolvers<ExchangeEnd>();
  const mostOut = options.limits.bytesOut ?? Infinity;
  const mostIn = options.limits.bytesIn ?? Infinity;
  let bytesOut = 0;
  let bytesIn = 0;
  let interim = 0;
  let done = false;

  const unwatch = options.watch.watch({
    idle: options.limits.idle,
    lifetime: options.limits.lifetime,
    carried: () => bytesOut + bytesIn,
    expire: (cause) => finish({ cause }),
  });
  const onAbort = (): void => finish({ cause: "aborted" });
  options.signal.addEventListener("abort", onAbort, { once: true });

  const outgoing = httpRequest({
    agent,
    method: request.method,
    path: request.target,
    headers: headerList(request),
    maxHeaderSize: MOST_HEAD_BYTES,
    insecureHTTPParser: false,
  });
  // Counted by `responseHead`; Node would drop what is above its own limit in silence.
  outgoing.maxHeadersCount = 0;
  outgoing.on("error", (error) => finish(faultOf(error)));
  // Node closes without a word on a 101 that nobody asked for.
  outgoing.on("close", () => finish(invalid("The origin ended the connection instead of answering.")));
  outgoing.on("socket", () => socket.resume());
  outgoing.on("information", ({ statusCode }) => {
    interim += 1;
    if (interim > MOST_INTERIM) finish(invalid("The origin sends interim responses without end."));
    else if (statusCode === 100 && request.expectContinue && interim === 1) sink.proceed();
  });
  if (request.upgrade !== undefined) {
    outgoing.on("upgrade", (message, _socket, early) => {
      const accepted = acceptedWebSocket(message, request.fields);
      if (!accepted.ok) return finish(invalid(accepted.problem));
      socket.pause();
      if (early.length > 0) socket.unshift(early);
      finish({ cause: "upgraded", fields: accepted.value, origin: { socket } });
    });
  }
  outgoing.on("response", (message) => void receive(message));
  void send();
  if (options.signal.aborted) onAbort();
  return ended;

  function finish(how: WithoutCounts<ExchangeEnd>): void {
    if (done) return;
    done = true;
    unwatch();
    options.signal.removeEventListener("abort", onAbort);
    if (how.cause !== "completed" && how.cause !== "upgraded") reset(socket);
    resolve({ ...how, bytesOut, bytesIn });
  }

  async function send(): Promise<void> {
    try {
      for await (const chunk of request.body) {
        if (bytesOut + chunk.length > mostOut) finish({ cause: "byte_limit" });
        if (done) return;
        bytesOut += chunk.length;
        if (!outgoing.write(chunk)) await drained(outgoing);
      }
    } catch (error) {
      return finish({ cause: "request_broken", error });
    }
    if (request.framing.kind === "length" && bytesOut !== request.framing.length) {
      return finish({ cause: "request_broken", error: new Error("the body is not as long as was said") });
    }
    outgoing.end();
  }

  async function receive(message: IncomingMessage): Promise<void> {
    const head = responseHead(message, request.method);
    if (!head.ok) return finish(invalid(head.problem));
    if (done) return;
    sink.head(head.value);
    try {
      for await (const chunk of message as AsyncIterable<Buffer>) {
        if (bytesIn + chunk.length > mostIn) finish({ cause: "byte_limit" });
        if (done) return;
        bytesIn += chunk.length;
        const wait = sink.data(chunk);
        if (wait !== undefined) await wait;
      }
    } catch (error) {
      return finish(faultOf(error));
    }
  }
}

