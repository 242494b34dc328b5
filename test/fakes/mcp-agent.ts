/** An agent that speaks to a server through the router. */
export interface McpAgent {
  post(body: unknown, headers?: Record<string, string>): Promise<McpReply>;
  request(method: string, params?: unknown, headers?: Record<string, string>): Promise<McpReply>;
  readonly url: string;
}

export interface McpReply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Messages of a stream, or the one of a document. */
  readonly messages: readonly Record<string, unknown>[];
}

export const MCP_HEADERS = {
  "content-type": "application/json",
  accept: "application/json, text/event-stream",
  "mcp-protocol-version": "2025-11-25",
};

export function mcpAgent(port: number, server: string): McpAgent {
  const url = `http://127.0.0.1:${port}/mcp/${server}`;
  let next = 0;
  async function post(body: unknown, headers: Record<string, string> = {}): Promise<McpReply> {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    return await reply(await fetch(url, { method: "POST", headers: { ...MCP_HEADERS, ...headers }, body: text }));
  }
  return {
    url,
    post,
    request: async (method, params, headers) => {
      next += 1;
      return await post({ jsonrpc: "2.0", id: next, method, ...(params === undefined ? {} : { params }) }, headers);
    },
  };
}

export async function reply(response: Response): Promise<McpReply> {
  const text = await response.text();
  const type = response.headers.get("content-type") ?? "";
  const messages = type.startsWith("text/event-stream")
    ? text
        .split("\n")
        .filter((line) => line.startsWith("data: ") && line.length > 6)
        .map((line) => JSON.parse(line.slice(6)) as Record<string, unknown>)
    : text.startsWith("{")
      ? [JSON.parse(text) as Record<string, unknown>]
      : [];
  return { status: response.status, headers: response.headers, text, messages };
}
