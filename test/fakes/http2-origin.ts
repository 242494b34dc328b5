import {
  createSecureServer,
  sensitiveHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type SecureServerOptions,
} from "node:http2";
import type { AddressInfo } from "node:net";
import { createServer as createTlsServer, type TLSSocket } from "node:tls";
import { hostLeaf } from "./http2-world.ts";

export interface Http2Asked {
  readonly raw: readonly string[];
  readonly stream: ServerHttp2Stream;
  /** Names of fields that came as never to be indexed. */
  readonly unindexed: readonly string[];
}

export interface Http2Origin extends AsyncDisposable {
  readonly port: number;
  readonly sessions: ServerHttp2Session[];
  readonly requests: Http2Asked[];
}

/** An origin over TLS that speaks HTTP/2; `serve` gets each stream. */
export async function http2OriginServer(
  serve: (stream: ServerHttp2Stream, raw: readonly string[]) => void,
  options: SecureServerOptions = {},
): Promise<Http2Origin> {
  const { certificatePem, keyPem } = hostLeaf();
  const sessions: ServerHttp2Session[] = [];
  const requests: Http2Asked[] = [];
  const server = createSecureServer({ ...options, cert: certificatePem, key: keyPem });
  server.on("session", (session) => {
    sessions.push(session);
    session.on("error", () => undefined);
  });
  server.on("stream", (stream: ServerHttp2Stream, fields, _flags, raw) => {
    stream.on("error", () => undefined);
    requests.push({ raw, stream, unindexed: unindexed(fields) });
    serve(stream, raw);
  });
  await new Promise<void>((resolve) => server.listen(0, "0.0.0.0", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    sessions,
    requests,
    async [Symbol.asyncDispose]() {
      for (const session of sessions) session.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** Node's types do not know the symbol. */
function unindexed(fields: object): readonly string[] {
  return (fields as { readonly [sensitiveHeaders]?: readonly string[] })[sensitiveHeaders] ?? [];
}

/** An origin that says ALPN `h2` and then whatever octets `serve` writes. */
export async function rawHttp2Origin(serve: (socket: TLSSocket) => void): Promise<Http2Origin> {
  const { certificatePem, keyPem } = hostLeaf();
  const open = new Set<TLSSocket>();
  const server = createTlsServer({ cert: certificatePem, key: keyPem, ALPNProtocols: ["h2"] }, (socket) => {
    open.add(socket);
    socket.on("error", () => undefined);
    serve(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    sessions: [],
    requests: [],
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
