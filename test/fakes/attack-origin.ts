import type { Socket } from "node:net";
import { fakeOrigin, type FakeOrigin } from "./origin-server.ts";

/** In every octet string that must not get from one side to the other. */
export const FORBIDDEN = "FORBIDDEN";

/** What an origin does with one request whose head has come; the socket is its to write to, end and reset. */
export type Misbehaviour = (socket: Socket, head: string) => void;

export interface AttackOrigin extends FakeOrigin {
  /** Request lines in the order they came. */
  readonly requests: string[];
  /** Every octet it ever received, as latin1. */
  received(): string;
}

/**
 * An HTTP origin that reads as a naive server would, and answers `path` with what `misbehaviours` has for it, or with
 * 200, the path and the body it read.
 */
export async function attackOrigin(misbehaviours: Readonly<Record<string, Misbehaviour>>): Promise<AttackOrigin> {
  const requests: string[] = [];
  const parts: Buffer[] = [];
  const origin = await fakeOrigin((socket) => {
    let held = "";
    socket.on("end", () => socket.end());
    socket.on("data", (chunk: Buffer) => {
      parts.push(chunk);
      held += chunk.toString("latin1");
      for (;;) {
        const headEnd = held.indexOf("\r\n\r\n");
        if (headEnd < 0) return;
        const head = held.slice(0, headEnd + 2);
        const body = bodyOf(head, held.slice(headEnd + 4));
        const line = head.slice(0, head.indexOf("\r\n"));
        const misbehave = misbehaviours[line.split(" ")[1] ?? ""];
        if (misbehave === undefined && body === undefined) return;
        requests.push(line);
        if (misbehave !== undefined) {
          held = "";
          misbehave(socket, head);
          return;
        }
        held = held.slice(headEnd + 4 + (body?.length ?? 0));
        const content = `${line.split(" ")[1]} ${body?.text ?? ""}`;
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${content.length}\r\n\r\n${content}`, "latin1");
      }
    });
  });
  return {
    get port() {
      return origin.port;
    },
    get open() {
      return origin.open;
    },
    get accepted() {
      return origin.accepted;
    },
    close: () => origin.close(),
    requests,
    received: () => Buffer.concat(parts).toString("latin1"),
  };
}

/** The body at the start of `rest`, with the octets it takes there; undefined while it has not all come. */
function bodyOf(head: string, rest: string): { readonly text: string; readonly length: number } | undefined {
  if (/^transfer-encoding: chunked\r$/im.test(head)) {
    const text: string[] = [];
    for (let at = 0; ;) {
      const lineEnd = rest.indexOf("\r\n", at);
      if (lineEnd < 0) return undefined;
      const size = Number.parseInt(rest.slice(at, lineEnd), 16);
      at = lineEnd + 2 + size + 2;
      if (at > rest.length) return undefined;
      if (size === 0) return { text: text.join(""), length: at };
      text.push(rest.slice(lineEnd + 2, at - 2));
    }
  }
  const length = Number(/^content-length: ([0-9]+)\r$/im.exec(head)?.[1] ?? 0);
  return rest.length < length ? undefined : { text: rest.slice(0, length), length };
}
