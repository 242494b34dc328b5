import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { testCa } from "./origins.ts";

/** One request as it came, whole. */
export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly names: readonly string[];
  readonly body: string;
}

/** An HTTP origin that answers by path; of what its script does not have it says 404. */
export interface ScriptedOrigin extends AsyncDisposable {
  readonly port: number;
  readonly seen: SeenRequest[];
  /** Connections that are open now. */
  readonly open: ReadonlySet<Socket>;
  /** Forgets what was seen. */
  clear(): void;
}

export type Script = Readonly<Record<string, (response: ServerResponse, request: SeenRequest) => void>>;

/** `names`: over TLS, with a certificate for these; else in clear. */
export async function scriptedOrigin(script: Script, names?: readonly string[]): Promise<ScriptedOrigin> {
  const seen: SeenRequest[] = [];
  const open = new Set<Socket>();
  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    const parts: Buffer[] = [];
    request.on("error", () => undefined);
    response.on("error", () => undefined);
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const { method = "", url = "", headers } = request;
      const fieldNames = request.rawHeaders.filter((_, at) => at % 2 === 0).map((name) => name.toLowerCase());
      const whole = { method, url, headers, names: fieldNames, body: Buffer.concat(parts).toString("latin1") };
      seen.push(whole);
      const answer = script[url.split("?", 1)[0] ?? ""];
      if (answer === undefined) response.writeHead(404).end("no such thing");
      else answer(response, whole);
    });
  };
  const issued = names === undefined ? undefined : testCa().issue(names);
  const server =
    issued === undefined
      ? createHttpServer(serve)
      : createHttpsServer({ key: issued.keyPem, cert: issued.certificatePem }, serve);
  server.on("connection", (socket: Socket) => {
    open.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => open.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    seen,
    open,
    clear: () => void seen.splice(0),
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}
