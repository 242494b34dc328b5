import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { ListenerConfig } from "../../core/config/router-config.ts";
import { isIpv6 } from "../../core/wire/ip-address.ts";
import { type AdminRooms, answerAdmin } from "./admin-routes.ts";

export interface AdminServer extends AsyncDisposable {
  /** What is bound, as `address:port`. */
  readonly bound: readonly string[];
}

const MAXIMUM_CONNECTIONS = 64;
const MAXIMUM_HEAD_BYTES = 8 * 1024;
/** From accept to close, for the request and the taking of its answer: slowness of any kind ends here. */
const LIFETIME_MILLIS = 5_000;

/**
 * The read-only listener for kubelet, Prometheus and people: it changes nothing, needs no credential and answers one
 * small request a connection, which it then closes. No peer can hold it: a connection has a few seconds in all, and
 * over the cap the oldest goes, not the newest, so that slow peers cannot keep the kubelet's probe out.
 *
 * The `Host` field is not judged, since probes and scrapers address the pod by its IP. What DNS rebinding would give
 * a browser here is what anyone gets who reaches the address: there is nothing to change and no session to ride on.
 * The guard refuses this port on loopback to every UID but the router's.
 *
 * A failed bind rejects with the system's error. `::` alone means all addresses of both families, and 0.0.0.0 on a
 * machine without IPv6. `fault` is told what the rooms threw, and errors of accepting; the peer sees a plain 500.
 */
export async function openAdminServer(
  config: ListenerConfig,
  rooms: AdminRooms,
  fault: (thrown: unknown) => void,
): Promise<AdminServer> {
  const open = new Set<Socket>();
  const served = new WeakSet<Socket>();
  const servers: Server[] = [];

  function accept(socket: Socket): void {
    const [oldest] = open;
    if (open.size >= MAXIMUM_CONNECTIONS && oldest !== undefined) {
      open.delete(oldest);
      oldest.destroy();
    }
    open.add(socket);
    const deadline = setTimeout(() => socket.destroy(), LIFETIME_MILLIS);
    socket.once("close", () => {
      clearTimeout(deadline);
      open.delete(socket);
    });
  }

  function serve(request: IncomingMessage, response: ServerResponse): void {
    // What a peer pipelines behind its first request is never worked on.
    if (served.has(request.socket)) return;
    served.add(request.socket);
    answer(rooms, request, response).catch((thrown: unknown) => {
      fault(thrown);
      write(response, 500, "text/plain; charset=utf-8", "internal error\n");
    });
  }

  async function close(): Promise<void> {
    const closed = servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
    for (const socket of open) socket.destroy();
    await Promise.all(closed);
  }

  async function bind(host: string, ipv6Only: boolean): Promise<string> {
    const server = createServer({ maxHeaderSize: MAXIMUM_HEAD_BYTES }, serve);
    server.on("connection", accept);
    // An expectation is not met, but ignored: Node's own 417 would keep the connection.
    server.on("checkExpectation", serve).on("checkContinue", serve);
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host, port: config.port, ipv6Only }, resolve);
    });
    server.removeAllListeners("error").on("error", fault);
    servers.push(server);
    return boundText(server);
  }

  const bound: string[] = [];
  try {
    const mixed = config.addresses.some((address) => !isIpv6(address));
    for (const address of config.addresses) {
      try {
        bound.push(await bind(address, mixed));
      } catch (thrown) {
        if (!isAbsentFamily(thrown) || !isIpv6(address) || (!mixed && address !== "::")) throw thrown;
        if (!mixed) bound.push(await bind("0.0.0.0", false));
      }
    }
  } catch (thrown) {
    await close();
    throw thrown;
  }
  return { bound, [Symbol.asyncDispose]: close };
}

async function answer(rooms: AdminRooms, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const reply = await answerAdmin(rooms, request.method ?? "", request.url ?? "", isLoopback(request.socket));
  write(response, reply.status, reply.contentType, reply.body);
}

function isLoopback({ remoteAddress = "" }: Socket): boolean {
  return remoteAddress === "::1" || /^(?:::ffff:)?127\./.test(remoteAddress);
}

function write(response: ServerResponse, status: number, contentType: string, body: string): void {
  response.writeHead(status, {
    "Content-Type": contentType,
    "Content-Length": Buffer.byteLength(body),
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    Connection: "close",
    ...(status === 405 ? { Allow: "GET, HEAD" } : {}),
  });
  response.end(body);
}

function boundText(server: Server): string {
  const at = server.address();
  if (at === null || typeof at === "string") throw new Error("a TCP server that listens has an address");
  return at.family === "IPv6" ? `[${at.address}]:${at.port}` : `${at.address}:${at.port}`;
}

function isAbsentFamily(thrown: unknown): boolean {
  if (!(thrown instanceof Error) || !("code" in thrown)) return false;
  return thrown.code === "EAFNOSUPPORT" || thrown.code === "EADDRNOTAVAIL";
}
