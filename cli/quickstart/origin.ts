import { createServer as createHttpServer } from "node:http";
import type { Server, Socket } from "node:net";
import { createInterface } from "node:readline";
import { createServer as createTlsServer } from "node:tls";
import { listenOn } from "./listen-on.ts";

/**
 * The two origins of the tour, a process of its own: one speaks TLS, one plain HTTP; both answer everything with 200.
 * They count what reaches them. Each line of the input is an `OriginAsk`, each line of the output the `OriginAnswer`.
 */
export type OriginAsk =
  /** Listens, once, on the ports wanted, or on free ones where those are taken. */
  | {
      readonly do: "serve";
      readonly address: string;
      readonly tlsPort: number;
      readonly httpPort: number;
      readonly certificatePem: string;
      readonly keyPem: string;
    }
  | { readonly do: "count" };

export interface OriginAnswer {
  readonly tlsPort: number;
  readonly httpPort: number;
  /** TCP connections accepted and octets received on them, of both origins together, so far. */
  readonly connections: number;
  readonly octets: number;
}

const open = new Set<Socket>();
const servers: Server[] = [];
let connections = 0;
let octetsOfClosed = 0;
let [tlsPort, httpPort] = [0, 0];

async function serve(ask: Extract<OriginAsk, { do: "serve" }>): Promise<void> {
  const answer = (kind: string) =>
    createHttpServer((request, response) => {
      response.end(`${kind} origin: ${request.headers.host ?? ""}${request.url ?? ""}\n`);
    });
  const inside = answer("TLS");
  const secure = createTlsServer({ key: ask.keyPem, cert: ask.certificatePem }, (socket) => {
    inside.emit("connection", socket);
  });
  // A handshake that fails ends its connection, and that is all.
  secure.on("tlsClientError", (_, socket) => socket.destroy());
  tlsPort = await listen(secure, ask.address, ask.tlsPort);
  httpPort = await listen(answer("HTTP"), ask.address, ask.httpPort);
}

async function listen(server: Server, address: string, wanted: number): Promise<number> {
  server.on("connection", (socket: Socket) => {
    connections += 1;
    open.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      octetsOfClosed += socket.bytesRead;
      open.delete(socket);
    });
  });
  servers.push(server);
  return listenOn(server, address, wanted);
}

for await (const line of createInterface({ input: process.stdin })) {
  const ask = JSON.parse(line) as OriginAsk;
  if (ask.do === "serve") await serve(ask);
  const octets = [...open].reduce((sum, socket) => sum + socket.bytesRead, octetsOfClosed);
  process.stdout.write(`${JSON.stringify({ tlsPort, httpPort, connections, octets } satisfies OriginAnswer)}\n`);
}
for (const server of servers) server.close();
for (const socket of open) socket.destroy();
