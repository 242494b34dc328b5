import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { type Endpoint, parseEndpoint } from "../../router/core/config/endpoint-shape.ts";
import { testCa } from "./origins.ts";

/** Answers one request. */
export type FeedHandler = (request: IncomingMessage, response: ServerResponse) => void;

/** A publisher of feeds on loopback; what it answers can be changed at any time. */
export interface FeedServer extends AsyncDisposable {
  readonly port: number;
  readonly requests: readonly IncomingMessage[];
  /** Of this server: `https://feeds.test:PORT/path`. */
  url(path?: string): Endpoint;
  answer(handler: FeedHandler): void;
}

export async function feedServer(first: FeedHandler, scheme: "http" | "https" = "https"): Promise<FeedServer> {
  const { certificatePem, keyPem } = testCa().issue(["feeds.test"]);
  const requests: IncomingMessage[] = [];
  let handler = first;
  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    requests.push(request);
    handler(request, response);
  };
  const server =
    scheme === "https" ? createTlsServer({ key: keyPem, cert: certificatePem }, serve) : createServer(serve);
  const open = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    open.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => open.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    requests,
    url(path = "/list.txt") {
      const parsed = parseEndpoint(`${scheme}://feeds.test:${port}${path}`);
      if (!parsed.ok) throw new Error(parsed.problem);
      return parsed.value;
    },
    answer(next) {
      handler = next;
    },
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}

/** 200 with this text, its length and, where one is given, its ETag. */
export function feedText(text: string, headers: Readonly<Record<string, string>> = {}): FeedHandler {
  return (_request, response) => {
    response.writeHead(200, { "content-length": Buffer.byteLength(text), ...headers });
    response.end(text);
  };
}
