import { createHash } from "node:crypto";
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";

export interface Received {
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Answers a request, or leaves it open. */
export type Answer = (received: Received, response: ServerResponse, count: number) => void;

export const accept: Answer = (_received, response) => void response.end();

/** A receiver of records on loopback, that remembers what it answered with 2xx. */
export interface ExportReceiver extends AsyncDisposable {
  readonly port: number;
  readonly requests: Received[];
  /** The bodies of what was accepted. */
  accepted(): string;
  /** From now on. */
  answer(answer: Answer): void;
}

export async function exportReceiver(first: Answer = accept, port = 0): Promise<ExportReceiver> {
  let answer = first;
  const requests: Received[] = [];
  const accepted: string[] = [];
  const open = new Set<Socket>();
  const server: Server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("error", () => undefined);
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const received = {
        url: request.url ?? "",
        headers: request.headers,
        body: Buffer.concat(parts).toString("utf8"),
      };
      requests.push(received);
      response.on("finish", () => {
        if (response.statusCode < 300) accepted.push(received.body);
      });
      answer(received, response, requests.length);
    });
  });
  server.on("connection", (socket: Socket) => {
    open.add(socket);
    socket.on("close", () => open.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    requests,
    accepted: () => accepted.join(""),
    answer(next) {
      answer = next;
    },
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}

/** Each line once, at its first place: what is left of records that were sent again. */
export function firsts(text: string): string[] {
  return [...new Set(text.split("\n").filter((line) => line !== ""))];
}

/** The RFC 6962 leaf of a line, by another way than the product's. */
export function leafOf(line: string): string {
  return createHash("sha256")
    .update(Buffer.from([0]))
    .update(line, "utf8")
    .digest("hex");
}
