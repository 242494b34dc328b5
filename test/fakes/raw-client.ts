import { connect, type Socket } from "node:net";

export interface RawAnswer {
  /** Everything that came before the proxy closed, was reset, or fell silent for `quiet`, or up to `until`. */
  readonly text: string;
  readonly closed: boolean;
  readonly milliseconds: number;
}

/** A busy machine may take this long to begin an answer. */
const BEGINS = 5_000;

/** Sends octets to a port of the proxy and collects the answer; `quiet` is how long silence behind its head ends the wait. */
export async function rawRequest(
  port: number,
  octets: string | Uint8Array,
  { quiet = 400, host = "127.0.0.1", until }: { quiet?: number; host?: string; until?: RegExp } = {},
): Promise<RawAnswer> {
  const began = performance.now();
  return new Promise((resolve) => {
    const socket = connect({ port, host });
    let text = "";
    let last = performance.now();
    let timer: NodeJS.Timeout | undefined;
    const finish = (closed: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ text, closed, milliseconds: last - began });
    };
    const wait = (): void => {
      clearTimeout(timer);
      const isBegun = text.includes("\r\n\r\n");
      timer = setTimeout(() => finish(false), isBegun ? quiet : Math.max(quiet, BEGINS));
    };
    socket.on("connect", () => {
      socket.write(typeof octets === "string" ? Buffer.from(octets, "latin1") : octets);
      wait();
    });
    socket.on("data", (chunk: Buffer) => {
      last = performance.now();
      text += chunk.toString("latin1");
      if (until?.test(text) === true) finish(false);
      else wait();
    });
    socket.on("error", () => finish(true));
    socket.on("end", () => finish(true));
  });
}

/** Opens a tunnel; resolves with the socket once the proxy said 200, and rejects with its answer otherwise. */
export async function openTunnel(port: number, authority: string, host = "127.0.0.1"): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host, allowHalfOpen: true });
    socket.on("error", reject);
    socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`);
    let head = "";
    const read = (chunk: Buffer): void => {
      head += chunk.toString("latin1");
      const end = head.indexOf("\r\n\r\n");
      if (end === -1) return;
      socket.off("data", read);
      socket.pause();
      socket.off("error", reject);
      socket.on("error", () => socket.destroy());
      if (!/^HTTP\/1\.1 200 /.test(head)) {
        socket.destroy();
        reject(new Error(head));
        return;
      }
      if (head.length > end + 4) socket.unshift(Buffer.from(head.slice(end + 4), "latin1"));
      resolve(socket);
    };
    socket.on("data", read);
  });
}
