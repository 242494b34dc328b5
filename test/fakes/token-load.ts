import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import { TOKEN_LENGTH } from "./token-origin.ts";

/** How a request says its token: behind the 200, along with the CONNECT, or in the path of a plain request. */
const SHAPES = ["tunnel", "early", "request"] as const;

export interface TokenLoad extends AsyncDisposable {
  /** Tokens of requests that the sidecar answered with 200. */
  readonly answered: Set<string>;
  /** Refusals by their reason, and other answers by their first line. */
  readonly refused: Map<string, number>;
  /** No new requests; resolves once every open one has ended. */
  stop(): Promise<void>;
}

/**
 * `lanes` agents, each with one request after the other, of all shapes, each with a token of its own that is also its
 * trace id. Needs rules for `tunnel.example` (tcp) and `web.example` (http) at the origin's port.
 */
export function tokenLoad(port: number, originPort: number, lanes: number): TokenLoad {
  const answered = new Set<string>();
  const refused = new Map<string, number>();
  let stopped = false;
  const lane = async (index: number): Promise<void> => {
    for (let turn = index; !stopped; turn += 1) {
      const token = randomBytes(TOKEN_LENGTH / 2).toString("hex");
      const answer = await ask(port, originPort, token, SHAPES[turn % SHAPES.length] ?? "tunnel");
      const reason = /^Sluice-Reason: (\S+)/m.exec(answer)?.[1] ?? answer.split("\r\n")[0] ?? "";
      if (answer.startsWith("HTTP/1.1 200 ")) answered.add(token);
      else refused.set(reason, (refused.get(reason) ?? 0) + 1);
      // Nobody is there yet, or nobody any more.
      if (answer === "") await new Promise((resolve) => setTimeout(resolve, 4));
    }
  };
  const all = Promise.all(Array.from({ length: lanes }, (_, index) => lane(index)));
  const stop = async (): Promise<void> => {
    stopped = true;
    await all;
  };
  return { answered, refused, stop, [Symbol.asyncDispose]: stop };
}

/** All that came back; "" where the connection failed. */
async function ask(port: number, originPort: number, token: string, shape: (typeof SHAPES)[number]): Promise<string> {
  const host = `${shape === "request" ? "web" : "tunnel"}.example:${originPort}`;
  const line = shape === "request" ? `GET http://${host}/${token} HTTP/1.1` : `CONNECT ${host} HTTP/1.1`;
  const head = `${line}\r\nHost: ${host}\r\ntraceparent: 00-${token}-00f067aa0ba902b7-01\r\n\r\n`;
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    let text = "";
    socket.setTimeout(6_000, () => socket.destroy());
    socket.on("connect", () => socket.write(shape === "early" ? head + token : head));
    socket.on("data", (chunk: Buffer) => {
      const isFirst = text === "";
      text += chunk.toString("latin1");
      if (isFirst && shape === "tunnel" && text.startsWith("HTTP/1.1 200 ")) socket.write(token);
      const isTunnel = shape !== "request" && text.startsWith("HTTP/1.1 200 ");
      if (isTunnel ? text.endsWith(token) : text.includes("\r\n\r\n")) socket.end();
    });
    socket.on("end", () => socket.end());
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(text));
  });
}
