import { tcpOrigin, type Origin } from "./origins.ts";

/** Octets of a token: 16 random ones in hex, so that a token can be a trace id as well. */
export const TOKEN_LENGTH = 32;

export interface TokenOrigin extends AsyncDisposable {
  readonly port: number;
  /** Connections accepted so far. */
  readonly connections: number;
  /** Every token that reached it, as the first octets of a tunnel or as the path of a GET. */
  readonly tokens: ReadonlySet<string>;
}

/** Notes the token of each connection the moment that it arrives, and answers: a tunnel gets its token back. */
export async function tokenOrigin(): Promise<TokenOrigin> {
  const tokens = new Set<string>();
  const origin: Origin = await tcpOrigin((socket) => {
    let text = "";
    socket.on("end", () => socket.end());
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString("latin1");
      const [, requested] = /^GET \/([0-9a-f]{32}) /.exec(text) ?? [];
      const token = requested ?? /^[0-9a-f]{32}/.exec(text)?.[0];
      if (token === undefined || tokens.has(token)) return;
      tokens.add(token);
      socket.end(requested === undefined ? token : "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    });
  });
  return {
    port: origin.port,
    tokens,
    get connections() {
      return origin.seen.connections;
    },
    [Symbol.asyncDispose]: () => origin[Symbol.asyncDispose](),
  };
}

/** What a sidecar's policy and names must be for a `tokenLoad` at an origin's port. */
export function tokenRules(port: number): {
  readonly allow: readonly string[];
  readonly hosts: Readonly<Record<string, readonly string[]>>;
} {
  const at = `ports: [${port}], addresses: ["127.0.0.1:${port}"]`;
  return {
    allow: [
      `{ id: tunnel, hosts: [tunnel.example], ${at}, protocol: tcp }`,
      `{ id: web, hosts: [web.example], ${at}, protocol: http, http: { methods: [GET], paths: ["/**"] } }`,
    ],
    hosts: { "tunnel.example": ["127.0.0.1"], "web.example": ["127.0.0.1"] },
  };
}
