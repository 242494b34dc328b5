import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { type AnswerUsage, nativeAnswer, nativeError } from "./model-answers.ts";
import { testCa } from "./origins.ts";

/** How one request is answered. Without anything: natively, with `WORDS` and `USAGE`, as a stream where it asks. */
export interface ModelReply {
  /** Default 200. From 400 on the body is the API's native error with `message` and `code`. */
  readonly status?: number;
  readonly message?: string;
  readonly code?: string;
  /** Beside, or instead of, those that the answer has by itself. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  /** Instead of the native answer; an object is sent as JSON. */
  readonly body?: string | Uint8Array | object;
  /** Instead of the native frames. */
  readonly frames?: readonly (string | Uint8Array)[];
  readonly words?: readonly string[];
  readonly model?: string;
  /** Merged into `USAGE`; null: the answer carries none. */
  readonly usage?: Partial<AnswerUsage> | null;
  /** Default: as the request asks. */
  readonly stream?: boolean;
  /** Milliseconds before the head, between head and first frame, and between two frames. */
  readonly delayHead?: number;
  readonly delayFirst?: number;
  readonly delayBetween?: number;
  /** Offsets within the whole body at which it is split into writes, and so into transfer chunks, frames regardless. */
  readonly splitAt?: readonly number[];
  /** The same at every so many octets. */
  readonly splitEvery?: number;
  /** After so many frames (or pieces, where split) the connection ends: with 0 after the head. */
  readonly cut?: { readonly after: number; readonly by: "rst" | "fin" };
  readonly gzip?: boolean;
  /** Sent as it stands, and then the body is not chunked. "right" counts. */
  readonly contentLength?: number | "right";
  /** No answer at all; the connection stays open. */
  readonly hang?: boolean;
  /** The body is the request that was seen, as JSON. */
  readonly echo?: boolean;
  /** Instead of an answer: these octets as they stand, and then FIN; or whatever the function does with the socket. */
  readonly raw?: string | Uint8Array | ((socket: Socket) => void);
  /** In a queue: the answer begins when the head of the request is there, not its body. */
  readonly early?: boolean;
}

export interface SeenRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly rawHeaders: readonly string[];
  /** Counts connections from 1. */
  readonly connection: number;
  /** Whole once it has all come. */
  body: Buffer;
  /** `performance.now()`. */
  readonly began: number;
  /** Frames (or pieces) given to the kernel. */
  framesSent: number;
  /** When the client's end of the connection was gone before the answer was whole, by `performance.now()`. */
  abortedAt: number | undefined;
  /** Settles when the answer is whole, or the connection has gone. */
  readonly ended: Promise<"whole" | "aborted" | "cut">;
}

/** A queue, of which the last reply stays; or a function, by the request and its number from 0. */
export type ModelScript =
  | readonly ModelReply[]
  | ((request: SeenRequest, index: number) => ModelReply | Promise<ModelReply>);

export interface ModelOrigin extends AsyncDisposable {
  readonly port: number;
  /** `http://127.0.0.1:port` or `https://localhost:port`. */
  readonly url: string;
  readonly requests: readonly SeenRequest[];
  readonly connections: number;
  /** Connections that are open now. */
  readonly open: ReadonlySet<Socket>;
  /** From now on. */
  script(script: ModelScript): void;
  /** Settles when so many requests have come. */
  seen(count: number): Promise<void>;
  close(): Promise<void>;
}

export interface ModelOriginOptions {
  /** DNS names in a certificate of `testCa()`; undefined: plain http. */
  readonly tls?: readonly string[];
  readonly port?: number;
  /** How long the server keeps an idle connection; Node's default is 5 s. */
  readonly keepAliveMillis?: number;
}

export const WORDS: readonly string[] = ["Hello", " from", " the", " model", "."];
export const USAGE: AnswerUsage = { input: 11, output: 7, cacheRead: 0, cacheWrite: 0, reasoning: 0 };

/** A model provider on 127.0.0.1 that does as it is told and remembers all it saw. */
export async function startModelOrigin(
  first: ModelScript = [],
  options: ModelOriginOptions = {},
): Promise<ModelOrigin> {
  let script = first;
  /** The number of the request that a queue's first reply is for. */
  let from = 0;
  let connections = 0;
  const requests: SeenRequest[] = [];
  const numbers = new WeakMap<Socket, number>();
  const open = new Set<Socket>();
  const waiting = new Set<() => void>();

  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    const { promise: ended, resolve: end } = Promise.withResolvers<"whole" | "aborted" | "cut">();
    const url = request.url ?? "";
    const seen: SeenRequest = {
      method: request.method ?? "",
      path: url.split("?", 1)[0] ?? "",
      url,
      headers: request.headers,
      rawHeaders: request.rawHeaders,
      connection: numbers.get(request.socket) ?? 0,
      body: Buffer.alloc(0),
      began: performance.now(),
      framesSent: 0,
      abortedAt: undefined,
      ended,
    };
    const index = requests.push(seen) - 1;
    for (const wake of waiting) wake();
    let cut = false;
    const gone = (): void => {
      if (response.writableFinished) return end("whole");
      if (cut) return end("cut");
      seen.abortedAt ??= performance.now();
      end("aborted");
    };
    request.on("error", () => undefined).once("aborted", gone);
    response.on("error", () => undefined).once("finish", gone);
    request.socket.once("close", gone);
    const cutNow = (by: "rst" | "fin"): void => {
      cut = true;
      if (by === "rst") request.socket.resetAndDestroy();
      else request.socket.end();
    };
    void serve(request, response, seen, index, cutNow).catch(() => request.socket.destroy());
  };

  async function serve(
    request: IncomingMessage,
    response: ServerResponse,
    seen: SeenRequest,
    index: number,
    cutNow: (by: "rst" | "fin") => void,
  ): Promise<void> {
    const queued = typeof script === "function" ? undefined : replyAt(script, index - from);
    const now = script;
    if (queued?.early !== true) seen.body = await bodyOf(request);
    const reply = queued ?? (typeof now === "function" ? await now(seen, index) : {});
    await answer(request.socket, response, seen, reply, cutNow);
  }

  const { tls } = options;
  const server =
    tls === undefined
      ? createHttpServer({ noDelay: true }, listener)
      : createHttpsServer({ ...tlsMaterial(tls), noDelay: true }, listener);
  server.keepAliveTimeout = options.keepAliveMillis ?? 5_000;
  server.on(tls === undefined ? "connection" : "secureConnection", (socket: Socket) => {
    connections += 1;
    numbers.set(socket, connections);
    open.add(socket);
    socket
      .setMaxListeners(0)
      .on("error", () => undefined)
      .on("close", () => open.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(options.port ?? 0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;

  async function close(): Promise<void> {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of open) socket.destroy();
    server.closeAllConnections();
    await closed;
  }

  return {
    port,
    url: tls === undefined ? `http://127.0.0.1:${port}` : `https://localhost:${port}`,
    requests,
    get connections() {
      return connections;
    },
    open,
    script(next) {
      from = requests.length;
      script = next;
    },
    async seen(count) {
      while (requests.length < count) {
        await new Promise<void>((resolve) => {
          const wake = (): void => {
            waiting.delete(wake);
            resolve();
          };
          waiting.add(wake);
        });
      }
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

function replyAt(queue: readonly ModelReply[], index: number): ModelReply {
  return queue[Math.min(index, queue.length - 1)] ?? {};
}

function tlsMaterial(names: readonly string[]): { readonly key: string; readonly cert: string } {
  const { certificatePem, keyPem } = testCa().issue(names);
  return { key: keyPem, cert: certificatePem };
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
  return Buffer.concat(parts);
}

async function answer(
  socket: Socket,
  response: ServerResponse,
  seen: SeenRequest,
  reply: ModelReply,
  cutNow: (by: "rst" | "fin") => void,
): Promise<void> {
  if (reply.delayHead !== undefined) await sleep(reply.delayHead);
  if (reply.hang === true) return;
  if (typeof reply.raw === "function") return reply.raw(socket);
  if (reply.raw !== undefined) return void socket.end(reply.raw);

  const { contentType, frames } = content(seen, reply);
  const whole = frames.map((frame) => Buffer.from(frame));
  const encoded = reply.gzip === true ? [gzipSync(Buffer.concat(whole))] : whole;
  const pieces = split(encoded, reply);
  const length =
    reply.contentLength === "right" ? pieces.reduce((sum, { length: one }) => sum + one, 0) : reply.contentLength;
  // A length that is wrong on purpose.
  response.strictContentLength = false;
  response.writeHead(reply.status ?? 200, {
    "content-type": contentType,
    ...(reply.gzip === true ? { "content-encoding": "gzip" } : {}),
    ...(length === undefined ? {} : { "content-length": length }),
    ...(reply.headers as Record<string, string | string[]> | undefined),
  });
  response.flushHeaders();
  if (reply.delayFirst !== undefined) await sleep(reply.delayFirst);
  const { after, by } = reply.cut ?? { after: Number.POSITIVE_INFINITY, by: "fin" };
  for (const [at, piece] of pieces.entries()) {
    if (at >= after) break;
    if (at > 0 && reply.delayBetween !== undefined) await sleep(reply.delayBetween);
    if (socket.destroyed) return;
    const taken = response.write(piece);
    seen.framesSent += 1;
    if (!taken) await drained(response, socket);
  }
  if (after > pieces.length) return void response.end();
  // RST takes with it what the client has not read yet.
  await sleep(20);
  cutNow(by);
}

function content(
  seen: SeenRequest,
  reply: ModelReply,
): { readonly contentType: string; readonly frames: readonly (string | Uint8Array)[] } {
  const json = { contentType: "application/json" };
  if (reply.frames !== undefined) return { contentType: "text/event-stream; charset=utf-8", frames: reply.frames };
  if (typeof reply.body === "string" || reply.body instanceof Uint8Array) return { ...json, frames: [reply.body] };
  if (reply.body !== undefined) return { ...json, frames: [JSON.stringify(reply.body)] };
  if (reply.echo === true) {
    const { method, url, rawHeaders, body } = seen;
    return { ...json, frames: [JSON.stringify({ method, url, rawHeaders, body: body.toString("latin1") })] };
  }
  const status = reply.status ?? 200;
  if (status >= 400) {
    return { ...json, frames: [nativeError(seen.path, status, reply.message ?? "The test said so.", reply.code)] };
  }
  const asked = askedFor(seen);
  const native = nativeAnswer(
    seen.path,
    {
      words: reply.words ?? WORDS,
      model: reply.model ?? asked.model,
      usage: reply.usage === null ? undefined : { ...USAGE, ...reply.usage },
      includeUsage: asked.includeUsage,
    },
    reply.stream ?? asked.stream,
  );
  return native ?? { ...json, frames: [nativeError(seen.path, 404, "Unknown request URL.", "unknown_url")] };
}

function askedFor(seen: SeenRequest): { model: string; stream: boolean; includeUsage: boolean } {
  const inPath = /\/(?:models|model|deployments)\/([^/:]+)/.exec(seen.path)?.[1];
  const asked = { model: inPath ?? "test-model", stream: false, includeUsage: false };
  if (seen.path.endsWith(":streamGenerateContent")) asked.stream = true;
  if (seen.path.endsWith("/api/chat") || seen.path.endsWith("/api/generate")) asked.stream = true;
  const body = parsed(seen.body);
  if (body === undefined) return asked;
  if ("model" in body && typeof body.model === "string") asked.model = body.model;
  if ("stream" in body) asked.stream = body.stream === true;
  if ("stream_options" in body && typeof body.stream_options === "object" && body.stream_options !== null) {
    asked.includeUsage = "include_usage" in body.stream_options && body.stream_options.include_usage === true;
  }
  return asked;
}

function parsed(body: Buffer): object | undefined {
  try {
    const value: unknown = JSON.parse(body.toString("utf8"));
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function split(frames: readonly Buffer[], { splitAt, splitEvery }: ModelReply): readonly Buffer[] {
  if (splitAt === undefined && splitEvery === undefined) return frames;
  const whole = Buffer.concat(frames);
  const offsets = new Set(splitAt ?? []);
  if (splitEvery !== undefined) for (let at = splitEvery; at < whole.length; at += splitEvery) offsets.add(at);
  const pieces: Buffer[] = [];
  let from = 0;
  for (const at of [...offsets].toSorted((one, other) => one - other)) {
    if (at <= from || at >= whole.length) continue;
    pieces.push(whole.subarray(from, at));
    from = at;
  }
  pieces.push(whole.subarray(from));
  return pieces;
}

async function drained(response: ServerResponse, socket: Socket): Promise<void> {
  await new Promise<void>((resolve) => {
    const go = (): void => {
      response.off("drain", go);
      socket.off("close", go);
      resolve();
    };
    response.on("drain", go);
    socket.on("close", go);
  });
}
