import { createSocket } from "node:dgram";
import { createServer, type Socket } from "node:net";
import type { AskedQuestion } from "./secured-dns.ts";

export interface PlainDns extends AsyncDisposable {
  /** `127.0.0.1:port`. */
  readonly server: string;
  /** `udp` or `tcp`, for each question. */
  readonly seen: readonly string[];
}

/** A DNS server over UDP and TCP that says what a test says, however wrong: any number of messages to a question. */
export async function plainDns(
  react: (asked: AskedQuestion, over: "udp" | "tcp") => readonly Uint8Array[],
): Promise<PlainDns> {
  const seen: string[] = [];
  const open = new Set<Socket>();

  function asked(query: Buffer, over: "udp" | "tcp"): AskedQuestion {
    const labels: string[] = [];
    let at = 12;
    for (let length = query.readUInt8(at); length > 0; length = query.readUInt8(at)) {
      labels.push(query.toString("latin1", at + 1, at + 1 + length));
      at += 1 + length;
    }
    seen.push(over);
    return { id: query.readUInt16BE(0), name: labels.join("."), type: query.readUInt16BE(at + 1), count: seen.length };
  }

  const tcp = createServer((socket) => {
    open.add(socket);
    socket.on("close", () => open.delete(socket)).on("error", () => undefined);
    let held: Buffer = Buffer.alloc(0);
    socket.on("data", (part: Buffer) => {
      held = Buffer.concat([held, part]);
      while (held.length >= 2 && held.length >= 2 + held.readUInt16BE(0)) {
        const end = 2 + held.readUInt16BE(0);
        const query = held.subarray(2, end);
        held = held.subarray(end);
        for (const message of react(asked(query, "tcp"), "tcp")) {
          socket.write(Buffer.concat([Uint8Array.of(message.length >> 8, message.length & 0xff), message]));
        }
      }
    });
  });
  await new Promise<void>((resolve) => tcp.listen(0, "127.0.0.1", resolve));
  const address = tcp.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const udp = createSocket("udp4");
  udp.on("message", (query, from) => {
    for (const message of react(asked(query, "udp"), "udp")) udp.send(message, from.port, from.address);
  });
  await new Promise<void>((resolve) => udp.bind(address.port, "127.0.0.1", resolve));
  return {
    server: `127.0.0.1:${address.port}`,
    seen,
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      await new Promise<void>((resolve) => udp.close(() => resolve()));
      await new Promise<void>((resolve) => tcp.close(() => resolve()));
    },
  };
}
