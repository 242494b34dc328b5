import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";

/** What one request to the server was. */
export interface McpSeen {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly text: string;
  /** The message; undefined: there was none. */
  readonly message: Record<string, unknown> | undefined;
}

/** An MCP server on loopback that answers as a test says, and remembers what it was asked. */
export interface McpOrigin extends AsyncDisposable {
  readonly port: number;
  readonly seen: McpSeen[];
  /** Tools that were called, in order. */
  readonly called: string[];
  /** Answers from here on; `undefined` goes back to the usual answers. */
  answer(how: Answering | undefined): void;
}

/** `usual` answers as ever. */
export type Answering = (seen: McpSeen, response: ServerResponse, usual: () => void) => void;

export const TOOLS = [
  { name: "read_file", inputSchema: { type: "object", properties: { path: { type: "string" } } } },
  { name: "write_file", inputSchema: { type: "object" } },
  { name: "Read_file", inputSchema: { type: "object" } },
  // Beyond what a double holds.
  { name: "count", inputSchema: { type: "object", properties: { n: { type: "integer", maximum: 1 } } } },
];

export function result(id: unknown, value: unknown): string {
  return JSON.stringify({ jsonrpc: "2.0", id, result: value });
}

export function event(text: string, id?: string): string {
  return `${id === undefined ? "" : `id: ${id}\n`}data: ${text}\n\n`;
}

export function json(response: ServerResponse, text: string, status = 200, more: Record<string, string> = {}): void {
  response.writeHead(status, { "content-type": "application/json", ...more });
  response.end(text);
}

export function stream(response: ServerResponse): ServerResponse {
  response.writeHead(200, { "content-type": "text/event-stream" });
  return response;
}

export async function mcpOrigin(path = "/mcp"): Promise<McpOrigin> {
  const seen: McpSeen[] = [];
  const called: string[] = [];
  let answering: Answering | undefined;
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const text = Buffer.concat(parts).toString("utf8");
      const one: McpSeen = {
        method: request.method ?? "",
        path: request.url ?? "",
        headers: request.headers,
        text,
        message: text === "" ? undefined : (JSON.parse(text) as Record<string, unknown>),
      };
      seen.push(one);
      const params = one.message?.["params"] as Record<string, unknown> | undefined;
      if (one.message?.["method"] === "tools/call") called.push(String(params?.["name"]));
      if (one.path !== path) return json(response, "{}", 404);
      if (answering === undefined) usual(one, response);
      else answering(one, response, () => usual(one, response));
    });
  });
  const open = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    open.add(socket);
    socket.on("close", () => open.delete(socket));
    socket.on("error", () => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    seen,
    called,
    answer: (how) => (answering = how),
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}

function usual({ method, message }: McpSeen, response: ServerResponse): void {
  if (method === "GET") {
    response.writeHead(405, { allow: "POST, DELETE" });
    return void response.end();
  }
  if (method === "DELETE") return void response.writeHead(204).end();
  const id = message?.["id"];
  const params = message?.["params"] as Record<string, unknown> | undefined;
  if (id === undefined || message?.["method"] === undefined) return void response.writeHead(202).end();
  switch (message["method"] as string) {
    case "initialize":
      return json(
        response,
        result(id, {
          protocolVersion: "2025-11-25",
          capabilities: { tools: {} },
          serverInfo: { name: "t", version: "1" },
        }),
        200,
        { "mcp-session-id": "session-1", "set-cookie": "a=b", "www-authenticate": "Bearer realm=x" },
      );
    case "tools/list":
      return json(response, result(id, { tools: TOOLS }).replace('"maximum":1', '"maximum":18446744073709551615'));
    case "tools/call":
      return json(
        response,
        result(id, { content: [{ type: "text", text: `done ${JSON.stringify(params?.["arguments"])}` }] }),
      );
    case "resources/list":
      return json(response, result(id, { resources: [{ uri: "file:///work/a" }, { uri: "file:///etc/shadow" }] }));
    default:
      return json(response, result(id, {}));
  }
}
