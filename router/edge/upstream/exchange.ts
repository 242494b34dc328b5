import { type Agent, type ClientRequest, type IncomingMessage, request as httpRequest } from "node:http";
import type { Socket } from "node:net";
import type { Field } from "../../core/wire/message-head.ts";
import type { RequestFraming } from "../../core/wire/request-framing.ts";
import { byteMeter, headOctets } from "./byte-meter.ts";
import type { DeadlineWatch } from "./deadline-watch.ts";
import { joinPushes } from "./joined-pushes.ts";
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
  /** Iterated once, and only as fast as the origin takes it. */
  readonly body: AsyncIterable<Uint8Array>;
  readonly expectContinue: boolean;
  readonly upgrade: "websocket" | undefined;
}

/** Where a response goes. Its end is the end of the exchange. */
export interface ResponseSink {
  /** 100 (Continue): the origin is ready for the body. At most once, before the head, and only where expected. */
  proceed(): void;
  head(head: ResponseHead): void;
  /** The chunk is the sink's. A promise asks to wait; it must not reject, and must settle when the agent is gone. */
  data(chunk: Buffer): Promise<void> | undefined;
}

export interface ExchangeOptions {
  readonly limits: TunnelLimits;
  readonly watch: DeadlineWatch;
  readonly signal: AbortSignal;
}

type HowEnded =
  | { readonly cause: "completed" }
  /** 101, verified: answer with these fields, then relay a tunnel to `origin`, which is the caller's now. */
  | { readonly cause: "upgraded"; readonly fields: readonly Field[]; readonly origin: TunnelOrigin }
  /** The connection broke before an answer. */
  | { readonly cause: "upstream_unreachable"; readonly detail: string }
  /** What came is not a whole, well-formed response to this request. */
  | { readonly cause: "upstream_invalid"; readonly detail: string }
  /** The body could not be read to its end: `error` is what its iteration threw. */
  | { readonly cause: "request_broken"; readonly error: unknown }
  | { readonly cause: "idle_timeout" | "lifetime_limit" | "byte_limit" | "aborted" };

/** Octets of content passed on, without framing. */
export type ExchangeEnd = HowEnded & { readonly bytesOut: number; readonly bytesIn: number };

const MOST_HEAD_BYTES = 32 * 1024;
/** Writes that may wait for a slow origin: a stream counts octets, and a write of one octet takes hundreds of them. */
const MOST_WRITES = 256;
/** Responses before the final one. */
const MOST_INTERIM = 16;
/** Without Content-Length these have no content; for others its absence is to be said (RFC 9110 section 8.6). */
const WITHOUT_CONTENT = new Set(["GET", "HEAD", "DELETE", "OPTIONS", "TRACE"]);

/** A second one of these would be request smuggling, so the caller's mistake must not pass. */
const WRITTEN_HERE = new Set(["host", "content-length", "transfer-encoding", "connection", "upgrade", "expect"]);

/**
 * Sends one request over `socket`, which `agent` hands out, and passes the response on; follows, repeats and retries
 * nothing. Rejects only where the caller broke the terms of `OriginRequest`. After a head, any end but "completed" must reach the agent as a break: the body is cut.
 * The connection survives only a whole exchange. An origin may answer early: then the request's body is left
 * unfinished, with one read of it still pending.
 */
export async function exchange(
  socket: Socket,
  agent: Agent,
  request: OriginRequest,
  sink: ResponseSink,
  options: ExchangeOptions,
): Promise<ExchangeEnd> {
  const outward = byteMeter(options.limits.bytesOut);
  if (!outward.beside(headOctets(request))) {
    reset(socket);
    return { cause: "byte_limit", bytesOut: 0, bytesIn: 0 };
  }
  const outgoing = httpRequest({
    agent,
    method: request.method,
    path: request.target,
    headers: headerList(request),
    maxHeaderSize: MOST_HEAD_BYTES,
    insecureHTTPParser: false,
  });
  const { promise: ended, resolve } = Promise.withResolvers<ExchangeEnd>();
  const { promise: closed, resolve: onClosed } = Promise.withResolvers<void>();
  const inward = byteMeter(options.limits.bytesIn);
  let interim = 0;
  let proceeded = false;
  let answer: IncomingMessage | undefined;
  let done = false;

  const unwatch = options.watch.watch({
    idle: options.limits.idle,
    lifetime: options.limits.lifetime,
    carried: () => outward.carried + inward.carried,
    expire: (cause) => finish({ cause }),
  });
  options.signal.addEventListener("abort", onAbort, { once: true });
  if (options.signal.aborted) onAbort();

  outgoing.on("error", broken);
  outgoing.on("close", () => {
    onClosed();
    // Neither an error nor an answer: that is how Node ends on a 101 that nobody asked for.
    if (answer === undefined) finish(invalid("The origin switched protocols unasked."));
  });
  outgoing.on("socket", () => socket.resume());
  outgoing.on("information", ({ statusCode }) => {
    interim += 1;
    if (interim > MOST_INTERIM) finish(invalid("The origin sends interim responses without end."));
    if (done || proceeded || statusCode !== 100 || !request.expectContinue) return;
    proceeded = true;
    sink.proceed();
  });
  if (request.upgrade !== undefined) outgoing.on("upgrade", (message, _socket, early) => upgrade(message, early));
  outgoing.on("response", receive);
  void send();
  return ended;

  function finish(how: HowEnded): void {
    if (done) return;
    done = true;
    unwatch();
    options.signal.removeEventListener("abort", onAbort);
    if (how.cause !== "completed" && how.cause !== "upgraded") reset(socket);
    resolve({ ...how, bytesOut: outward.carried, bytesIn: inward.carried });
  }

  function onAbort(): void {
    finish({ cause: "aborted" });
  }

  function broken(error: Error): void {
    // What breaks after a whole response breaks nothing of it. One that only FIN ends is not whole after RST.
    if (answer?.complete === true) return;
    const code = "code" in error ? String(error.code) : error.name;
    if (answer !== undefined) finish(invalid(`The response broke off (${code}).`));
    else if (code.startsWith("HPE_")) finish(invalid(`The response is not well-formed HTTP/1.1 (${code}).`));
    else finish({ cause: "upstream_unreachable", detail: `The connection broke before an answer (${code}).` });
  }

  async function send(): Promise<void> {
    // Who waits for the answer's head before saying more would wait for ever if ours waited for the first of the content.
    // What is there already goes out with it.
    const early = request.framing.kind === "none" ? undefined : setImmediate(() => outgoing.flushHeaders());
    /** Since nothing waited. */
    let writes = 0;
    try {
      for await (const chunk of request.body) {
        clearImmediate(early);
        if (!outward.admit(chunk.length)) return finish({ cause: "byte_limit" });
        writes = outgoing.writableLength === 0 ? 1 : writes + 1;
        if (writes === MOST_WRITES) await taken(outgoing, chunk);
        else if (!outgoing.write(chunk)) await drained(outgoing);
        if (writes === MOST_WRITES) writes = 0;
        if (done) return;
      }
    } catch (error) {
      return finish({ cause: "request_broken", error });
    } finally {
      clearImmediate(early);
    }
    if (request.framing.kind === "length" && outward.carried !== request.framing.length) {
      return finish({ cause: "request_broken", error: new Error("the body is not as long as was said") });
    }
    outgoing.end();
  }

  function receive(message: IncomingMessage): void {
    answer = message;
    joinPushes(message, (then) => process.nextTick(then));
    message.on("error", broken);
    const head = responseHead(message, request.method);
    if (!head.ok) return finish(invalid(head.problem));
    if (done) return;
    // In this order: what comes with the head is passed on before the turn ends, in which a sink may write both at once.
    message.on("data", (chunk: Buffer) => void pass(message, chunk));
    message.on("end", () => void received(message));
    sink.head(head.value);
  }

  async function pass(message: IncomingMessage, chunk: Buffer): Promise<void> {
    if (!inward.admit(chunk.length)) finish({ cause: "byte_limit" });
    if (done) return;
    const wait = sink.data(chunk);
    if (wait === undefined) return;
    message.pause();
    await wait;
    message.resume();
  }

  async function received(message: IncomingMessage): Promise<void> {
    if (!message.complete) return finish(invalid("The response is cut short."));
    // Answered early, what is left of the request is not sent, and nothing can follow it here.
    if (outgoing.writableFinished) await closed;
    else reset(socket);
    finish({ cause: "completed" });
  }

  function upgrade(message: IncomingMessage, early: Buffer): void {
    if (done) return;
    const accepted = acceptedWebSocket(message, request.fields);
    if (!accepted.ok) return finish(invalid(accepted.problem));
    socket.pause();
    if (early.length > 0) socket.unshift(early);
    finish({ cause: "upgraded", fields: accepted.value, origin: { socket } });
  }
}

function headerList(request: OriginRequest): string[] {
  const list = ["Host", request.host];
  for (const { name, rawName, value } of request.fields) {
    if (WRITTEN_HERE.has(name)) throw new Error(`${name} is written from the request's other members`);
    list.push(rawName, value);
  }
  if (request.framing.kind === "chunked") list.push("Transfer-Encoding", "chunked");
  else if (request.framing.kind === "length") list.push("Content-Length", String(request.framing.length));
  else if (!WITHOUT_CONTENT.has(request.method)) list.push("Content-Length", "0");
  if (request.expectContinue) list.push("Expect", "100-continue");
  if (request.upgrade !== undefined) list.push("Connection", "Upgrade", "Upgrade", request.upgrade);
  return list;
}

function invalid(detail: string): { readonly cause: "upstream_invalid"; readonly detail: string } {
  return { cause: "upstream_invalid", detail };
}

/** Writes, and resolves when that is with the kernel, and all before it, or the connection is gone. */
async function taken(outgoing: ClientRequest, chunk: Uint8Array): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = (): void => {
      outgoing.off("close", done);
      resolve();
    };
    outgoing.on("close", done);
    outgoing.write(chunk, done);
  });
}

async function drained(outgoing: ClientRequest): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = (): void => {
      outgoing.off("drain", done);
      outgoing.off("close", done);
      resolve();
    };
    outgoing.on("drain", done);
    outgoing.on("close", done);
  });
}
