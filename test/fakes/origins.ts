import { createServer as createHttpServer, type IncomingMessage } from "node:http";
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:https";
import { createLocalCa, type LocalCa } from "../../cli/quickstart/local-ca.ts";

/** A server on loopback that remembers what reached it. */
export interface Origin extends AsyncDisposable {
  readonly port: number;
  /** Connections accepted, octets received, and for HTTP the requests as `METHOD path host`. */
  readonly seen: { connections: number; octets: number; requests: string[]; heads: IncomingMessage[] };
}

let ca: LocalCa | undefined;

/** One authority for all tests of a process: making keys costs. */
export function testCa(): LocalCa {
  ca ??= createLocalCa();
  return ca;
}

/** Where an origin listens; by default on a port that the kernel chooses. */
export interface OriginPlace {
  readonly host: string;
  readonly port: number;
}

/** An address of loopback that no other test uses, so that any port on it is free. */
export function ownLoopback(): string {
  const octet = (): number => 1 + Math.floor(Math.random() * 254);
  return `127.${octet()}.${octet()}.${octet()}`;
}

export async function tlsOrigin(names: readonly string[], place?: OriginPlace): Promise<Origin> {
  const { certificatePem, keyPem } = testCa().issue(names);
  const seen = emptySeen();
  const server = createTlsServer({ key: keyPem, cert: certificatePem }, (request, response) => {
    seen.requests.push(`${request.method} ${request.url} ${request.headers.host}`);
    response.end(`tls ${request.url}`);
  });
  return await listening(server, seen, place);
}

export async function httpOrigin(place?: OriginPlace): Promise<Origin> {
  const seen = emptySeen();
  const server = createHttpServer((request, response) => {
    seen.requests.push(`${request.method} ${request.url} ${request.headers.host}`);
    seen.heads.push(request);
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => response.end(`http ${request.url} ${Buffer.concat(parts).toString("latin1")}`));
  });
  return await listening(server, seen, place);
}

/** `serve` gets each raw connection. */
export async function tcpOrigin(serve: (socket: Socket) => void, place?: OriginPlace): Promise<Origin> {
  return await listening(createTcpServer({ allowHalfOpen: true }, serve), emptySeen(), place);
}

function emptySeen(): Origin["seen"] {
  return { connections: 0, octets: 0, requests: [], heads: [] };
}

async function listening(server: Server, seen: Origin["seen"], place?: OriginPlace): Promise<Origin> {
  const open = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    seen.connections += 1;
    open.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      seen.octets += socket.bytesRead;
      open.delete(socket);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(place?.port ?? 0, place?.host ?? "127.0.0.1", resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    seen,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}
