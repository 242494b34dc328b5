import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { WitnessAnswer } from "./witness-answer.ts";

/** Answers one request to `add-checkpoint`: the body, and the field `Sluice-Log-Key` if there is one. */
export type AddCheckpointHandler = (body: Uint8Array, offeredKey: string | undefined) => Promise<WitnessAnswer>;

export interface WitnessServer extends AsyncDisposable {
  /** What is bound, as `address:port`. */
  readonly bound: string;
}

/** In octets: a note that is as long as notes may be, 63 hashes, and the first line. */
const MAXIMUM_BODY = 136 * 1024;
const MAXIMUM_HEAD = 8 * 1024;
/** Between requests: logs ask every few seconds. */
const IDLE_MILLIS = 30_000;
/** The rest is the same everywhere; tests are in a hurry. */
const LIMITS = {
  connections: 256,
  /** For the whole of a request, head and body: also one octet a second ends here. */
  requestMillis: 10_000,
} as const;
/** How long a client may go on sending a body that was refused, so that it can read why. */
const LINGER_MILLIS = 500;
/** How long requests that are being answered may take when the server closes. */
const CLOSE_MILLIS = 3_000;
const TEXT = "text/plain; charset=utf-8";

/**
 * The HTTP of a C2SP witness: `POST /add-checkpoint`, and `GET /livez`. Connections are kept between requests; over the
 * cap the oldest goes, so that slow ones cannot keep others out. A failed bind rejects with the system's error. `fault` is
 * told what `handle` threw; the peer sees a plain 500.
 */
export async function openWitnessServer(
  listen: { readonly host: string; readonly port: number },
  handle: AddCheckpointHandler,
  fault: (thrown: unknown) => void,
  limits: { readonly connections: number; readonly requestMillis: number } = LIMITS,
): Promise<WitnessServer> {
  const open = new Set<Socket>();
  const options = {
    maxHeaderSize: MAXIMUM_HEAD,
    headersTimeout: limits.requestMillis,
    requestTimeout: limits.requestMillis,
    keepAliveTimeout: IDLE_MILLIS,
    connectionsCheckingInterval: Math.min(1_000, limits.requestMillis),
  };
  const server = createServer(options, (request, response) => {
    serve(handle, request, response).catch((thrown: unknown) => {
      fault(thrown);
      write(response, 500, TEXT, "internal error\n");
    });
  });
  server.on("connection", (socket) => {
    const [oldest] = open;
    if (open.size >= limits.connections && oldest !== undefined) {
      open.delete(oldest);
      oldest.destroy();
    }
    open.add(socket);
    socket.once("close", () => open.delete(socket));
  });
  // Nor does who takes no answer stay: without a listener Node closes the connection.
  server.timeout = IDLE_MILLIS + limits.requestMillis;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(listen, resolve);
  });
  server.removeAllListeners("error").on("error", fault);
  return { bound: boundText(server), [Symbol.asyncDispose]: () => close(server) };
}

async function serve(handle: AddCheckpointHandler, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method, url } = request;
  if (url === "/livez") {
    const isRead = method === "GET" || method === "HEAD";
    write(response, isRead ? 200 : 405, TEXT, isRead ? "ok\n" : "method not allowed\n", "GET, HEAD");
    return;
  }
  if (url !== "/add-checkpoint") return write(response, 404, TEXT, "not found\n");
  if (method !== "POST") return write(response, 405, TEXT, "method not allowed\n", "POST");
  const body = await readBody(request);
  if (body === "gone") return;
  if (body === "too_large") {
    write(response, 413, TEXT, "the body is too large\n");
    const linger = setTimeout(() => request.socket.destroy(), LINGER_MILLIS);
    request.socket.once("close", () => clearTimeout(linger));
    request.resume();
    return;
  }
  const offered = request.headers["sluice-log-key"];
  const answer = await handle(body, typeof offered === "string" ? offered : undefined);
  write(response, answer.decision.status, answer.contentType, answer.body);
}

/** Resolves whatever the peer does: the server's timeouts end every connection. */
async function readBody(request: IncomingMessage): Promise<Buffer | "too_large" | "gone"> {
  if (Number(request.headers["content-length"] ?? 0) > MAXIMUM_BODY) return "too_large";
  const { promise, resolve } = Promise.withResolvers<Buffer | "too_large" | "gone">();
  const parts: Buffer[] = [];
  let length = 0;
  request.on("data", (part: Buffer) => {
    length += part.length;
    if (length > MAXIMUM_BODY) resolve("too_large");
    else parts.push(part);
  });
  request.on("end", () => resolve(Buffer.concat(parts)));
  request.on("error", () => resolve("gone"));
  request.on("close", () => resolve("gone"));
  return promise;
}

function write(response: ServerResponse, status: number, contentType: string, body: string, allow = ""): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, {
    "Content-Type": contentType,
    "Content-Length": Buffer.byteLength(body),
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    ...(status === 405 ? { Allow: allow } : {}),
    ...(status === 413 ? { Connection: "close" } : {}),
  });
  response.end(body);
}

async function close(server: Server): Promise<void> {
  const cut = setTimeout(() => server.closeAllConnections(), CLOSE_MILLIS);
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
  clearTimeout(cut);
}

function boundText(server: Server): string {
  const address = server.address();
  if (address === null || typeof address === "string") return String(address);
  return address.family === "IPv6" ? `[${address.address}]:${address.port}` : `${address.address}:${address.port}`;
}
