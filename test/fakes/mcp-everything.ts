import { createHmac, randomBytes, randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { EVERY_PROMPT, EVERY_RESOURCE, EVERY_TOOL, readResource } from "./mcp-everything-lists.ts";

/**
 * An MCP server that has everything the conformance suite asks a server for, in the revisions 2025-11-25 (sessions, requests
 * of its own on streams, streams that are resumed) and 2026-07-28 (stateless, several round trips, subscriptions).
 */
export interface McpEverything extends AsyncDisposable {
  readonly port: number;
}

// oxlint-disable-next-line typescript/no-explicit-any -- messages of every shape are taken apart here
type Values = Record<string, any>;
type Push = (message: Values) => void;

const STATELESS = "2026-07-28";
const LEGACY = ["2025-11-25", "2025-06-18", "2025-03-26"];
const VERSION = "io.modelcontextprotocol/protocolVersion";
const CAPABILITIES = "io.modelcontextprotocol/clientCapabilities";
const SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId";
const OWN = { name: "everything", version: "1.0.0" };
const KEY = randomBytes(32);

class RpcError extends Error {
  readonly code: number;
  readonly status: number;
  readonly data: unknown;

  constructor(code: number, message: string, status = 200, data?: unknown) {
    super(message);
    this.code = code;
    this.status = status;
    this.data = data;
  }
}

interface Session {
  /** What the agent is asked on streams: id -> who waits for the answer. */
  readonly waiting: Map<number, (result: Values) => void>;
  /** Events of streams that were closed early: by the id after which they come. */
  readonly kept: Map<string, Promise<Values>>;
}

interface Listener {
  readonly wants: Values;
  readonly push: Push;
  readonly id: unknown;
}

export async function mcpEverything(): Promise<McpEverything> {
  const sessions = new Map<string, Session>();
  const listeners = new Set<Listener>();
  let nextId = 1;

  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      serve(request, response, Buffer.concat(parts).toString("utf8")).catch((error: unknown) => {
        console.error(error);
        response.destroy();
      });
    });
  });

  async function serve(request: IncomingMessage, response: ServerResponse, text: string): Promise<void> {
    const { host = "", origin } = request.headers;
    const isLocal = (name: string): boolean =>
      /^(?:localhost|127\.0\.0\.1|\[::1\]|every\.example)(?::\d+)?$/.test(name);
    if (!isLocal(host) || (origin !== undefined && !isLocal(origin.replace(/^https?:\/\//, "")))) {
      return void response.writeHead(403).end();
    }
    const version = request.headers["mcp-protocol-version"];
    if (request.method !== "POST") return streams(request, response);
    const message = JSON.parse(text) as Values;
    const isStateless =
      version === STATELESS ||
      message["params"]?._meta?.[VERSION] !== undefined ||
      (version !== undefined && !LEGACY.includes(String(version)));
    try {
      if (isStateless) await stateless(request, response, message);
      else await legacy(request, response, message);
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      const { code, message: sentence, status, data } = error;
      answer(response, { jsonrpc: "2.0", id: message["id"] ?? null, error: { code, message: sentence, data } }, status);
    }
  }

  async function legacy(request: IncomingMessage, response: ServerResponse, message: Values): Promise<void> {
    const { id, method, params = {} } = message;
    if (method === "initialize") {
      const name = randomUUID();
      sessions.set(name, { waiting: new Map(), kept: new Map() });
      const protocolVersion = LEGACY.includes(params.protocolVersion) ? params.protocolVersion : LEGACY[0];
      const capabilities = { tools: {}, resources: { subscribe: true }, prompts: {}, logging: {}, completions: {} };
      response.setHeader("mcp-session-id", name);
      return answer(response, ok(id, { protocolVersion, capabilities, serverInfo: OWN }));
    }
    const name = request.headers["mcp-session-id"];
    if (name === undefined) throw new RpcError(-32_000, "no session", 400);
    const session = sessions.get(String(name));
    if (session === undefined) throw new RpcError(-32_001, "session not found", 404);
    if (method === undefined) {
      session.waiting.get(id)?.(message["result"] ?? { error: message["error"] });
      session.waiting.delete(id);
    }
    if (id === undefined || method === undefined) return void response.writeHead(202).end();
    const event = begin(response);
    if (params.name === "test_reconnection") {
      const at = randomUUID();
      response.write(`id: ${at}\nretry: 200\ndata:\n\n`);
      session.kept.set(
        at,
        delay(150).then(() => ok(id, texts("reconnected"))),
      );
      await delay(30);
      return void response.end();
    }
    const ask = (asked: string, given: Values): Promise<Values> => {
      const own = nextId++;
      const { promise, resolve } = Promise.withResolvers<Values>();
      session.waiting.set(own, resolve);
      event({ jsonrpc: "2.0", id: own, method: asked, params: given });
      return promise;
    };
    const result = await handled(method, params, event, ask, true).catch(toError(id));
    event("jsonrpc" in result ? result : ok(id, result));
    response.end();
  }

  async function streams(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const name = String(request.headers["mcp-session-id"]);
    const session = sessions.get(name);
    if (request.headers["mcp-protocol-version"] === STATELESS)
      return void response.writeHead(405, { allow: "POST" }).end();
    if (session === undefined) return void response.writeHead(404).end();
    if (request.method === "DELETE") {
      sessions.delete(name);
      return void response.writeHead(200).end();
    }
    const event = begin(response);
    response.flushHeaders();
    const after = request.headers["last-event-id"];
    const kept = after === undefined ? undefined : session.kept.get(String(after));
    if (kept === undefined) return;
    event(await kept);
    response.end();
  }

  async function stateless(request: IncomingMessage, response: ServerResponse, message: Values): Promise<void> {
    const { id, method, params } = message;
    const said = request.headers;
    const meta = params?._meta;
    const stated = meta?.[VERSION];
    const version = said["mcp-protocol-version"];
    const mismatch = (what: string): never => {
      throw new RpcError(-32_020, `Header mismatch: ${what}`, 400);
    };
    if (version === undefined) mismatch("version");
    if (stated !== undefined && stated !== version) mismatch("version");
    if (version !== STATELESS) {
      const data = { supported: [STATELESS], requested: version };
      throw new RpcError(-32_022, "Unsupported protocol version", 400, data);
    }
    if (said["mcp-method"] !== method) mismatch("method");
    const named = method === "resources/read" ? params?.uri : NAMED.has(method) ? params?.name : undefined;
    if (named !== undefined && decoded(said["mcp-name"]) !== named) mismatch("name");
    if (stated === undefined || meta?.[CAPABILITIES] === undefined) {
      throw new RpcError(-32_602, "Invalid params: _meta", 400);
    }
    if (id === undefined) return void response.writeHead(202).end();
    if (REMOVED.has(method)) throw new RpcError(-32_601, "Method not found", 404);
    if (method === "subscriptions/listen") return listen(response, id, params.notifications ?? {});
    const can = meta[CAPABILITIES] as Values;
    if (method === "tools/call") checkCall(said, params, can);
    const streaming = meta.progressToken !== undefined || /streaming|logging/.test(params.name ?? "");
    const event = streaming ? begin(response) : undefined;
    const push: Push = (one) => event?.(one);
    const asked = method === "tools/call" || method === "prompts/get" ? roundTrip(params, can) : undefined;
    const log = meta["io.modelcontextprotocol/logLevel"] !== undefined;
    const made = asked ?? (await handled(method, params, push, undefined, log));
    const cached = CACHED.has(method) ? { ttlMs: 1_000, cacheScope: "private" } : {};
    const result = { resultType: "complete", ...cached, ...made, _meta: { "io.modelcontextprotocol/serverInfo": OWN } };
    if (event === undefined) return answer(response, ok(id, result));
    event(ok(id, result));
    response.end();
  }

  function listen(response: ServerResponse, id: unknown, wants: Values): void {
    const push = begin(response);
    const listener = { wants, push, id };
    listeners.add(listener);
    response.on("close", () => listeners.delete(listener));
    push(
      notice("notifications/subscriptions/acknowledged", {
        notifications: wants,
        _meta: { [SUBSCRIPTION]: String(id) },
      }),
    );
  }

  function changed(what: "tools" | "prompts"): Values {
    for (const { wants, push, id } of listeners) {
      if (wants[`${what}ListChanged`] !== true) continue;
      push(notice(`notifications/${what}/list_changed`, { _meta: { [SUBSCRIPTION]: String(id) } }));
    }
    return texts("changed");
  }

  async function handled(
    method: string,
    params: Values,
    push: Push,
    ask: ((method: string, params: Values) => Promise<Values>) | undefined,
    logs: boolean,
  ): Promise<Values> {
    switch (method) {
      case "server/discover": {
        const capabilities = {
          tools: { listChanged: true },
          prompts: { listChanged: true },
          resources: {},
          completions: {},
        };
        return { supportedVersions: [STATELESS], capabilities };
      }
      case "ping":
      case "logging/setLevel":
      case "resources/subscribe":
      case "resources/unsubscribe":
        return {};
      case "completion/complete":
        return { completion: { values: ["one"], total: 1, hasMore: false } };
      case "tools/list":
        return { tools: EVERY_TOOL };
      case "prompts/list":
        return {
          prompts: EVERY_PROMPT.map(({ name, description, arguments: given }) => ({
            name,
            description,
            arguments: given,
          })),
        };
      case "resources/list":
        return { resources: EVERY_RESOURCE };
      case "resources/templates/list":
        return {
          resourceTemplates: [
            { uriTemplate: "test://template/{id}/data", name: "template", mimeType: "application/json" },
          ],
        };
      case "resources/read": {
        const contents = readResource(String(params["uri"]));
        if (contents === undefined) throw new RpcError(-32_602, "Resource not found", 200, { uri: params["uri"] });
        return { contents: [contents] };
      }
      case "prompts/get": {
        const prompt = EVERY_PROMPT.find(({ name }) => name === params["name"]);
        if (prompt === undefined) throw new RpcError(-32_602, "no such prompt");
        return { messages: prompt.messages(params["arguments"] ?? {}) };
      }
      case "tools/call":
        return await called(params, push, ask, logs);
      default:
        throw new RpcError(-32_601, "Method not found", 404);
    }
  }

  async function called(
    params: Values,
    push: Push,
    ask: ((method: string, params: Values) => Promise<Values>) | undefined,
    logs: boolean,
  ): Promise<Values> {
    const { name, arguments: given = {} } = params;
    const tool = EVERY_TOOL.find((one) => one.name === name);
    if (tool === undefined) throw new RpcError(-32_602, `Unknown tool`);
    if (name === "test_trigger_tool_change") return changed("tools");
    if (name === "test_trigger_prompt_change") return changed("prompts");
    if (name === "test_error_handling") return { ...texts("This tool fails on purpose."), isError: true };
    if (tool.content !== undefined) return { content: tool.content };
    if (name === "test_tool_with_progress") {
      const token = params["_meta"]?.progressToken;
      for (const progress of token === undefined ? [] : [0, 50, 100]) {
        push(notice("notifications/progress", { progressToken: token, progress, total: 100 }));
        await delay(20);
      }
    }
    if ((name === "test_tool_with_logging" || name === "test_logging_tool") && logs) {
      for (const data of ["started", "working", "done"]) {
        push(notice("notifications/message", { level: "info", data }));
        await delay(20);
      }
    }
    if (tool.asks === undefined || ask === undefined) return texts(`${String(name)} ${JSON.stringify(given)}`);
    return texts(JSON.stringify(await ask(tool.asks.method, tool.asks.params(given))));
  }

  const open = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    open.add(socket);
    socket.on("close", () => open.delete(socket));
    socket.on("error", () => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}

const NAMED = new Set(["tools/call", "prompts/get"]);
const REMOVED = new Set(["initialize", "ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe"]);
const CACHED = new Set(["tools/list", "prompts/list", "resources/list", "resources/templates/list", "resources/read"]);

function checkCall(said: IncomingMessage["headers"], params: Values, can: Values): void {
  if (params["name"] === "test_missing_capability" && can["sampling"] === undefined) {
    const data = { requiredCapabilities: { sampling: {} } };
    throw new RpcError(-32_021, "Missing required client capability", 400, data);
  }
  if (params["name"] !== "test_custom_headers") return;
  const region = params["arguments"]?.region;
  if (region !== undefined && decoded(said["mcp-param-region"]) !== region) {
    throw new RpcError(-32_020, "Header mismatch: region", 400);
  }
}

/** Asks for input as often as the tool or prompt needs it; undefined where it has all. */
function roundTrip(params: Values, can: Values): Values | undefined {
  const name = String(params["name"]);
  const given = (params["inputResponses"] ?? {}) as Values;
  const wanted = (requests: Values, state?: Values): Values => ({
    resultType: "input_required",
    inputRequests: requests,
    ...(state === undefined ? {} : { requestState: sealed(state) }),
  });
  const has = (...keys: readonly string[]): boolean =>
    keys.every((key) => given[key]?.content !== undefined || given[key]?.roots !== undefined);
  switch (name) {
    case "test_input_required_result_elicitation":
      return has("user_name")
        ? texts(`Hello, ${given["user_name"].content.name}!`)
        : wanted({ user_name: form("name") });
    case "test_streaming_elicitation":
      return has("user_name") ? undefined : wanted({ user_name: form("name") });
    case "test_input_required_result_prompt":
      return has("user_context") ? undefined : wanted({ user_context: form("context") });
    case "test_input_required_result_sampling":
      return has("capital_question") || Object.keys(given).length > 0
        ? texts("sampled")
        : wanted({ capital_question: sample });
    case "test_input_required_result_list_roots":
      return Object.keys(given).length > 0 ? texts("roots") : wanted({ client_roots: roots });
    case "test_input_required_result_request_state":
    case "test_input_required_result_tampered_state": {
      if (params["requestState"] !== undefined) opened(params["requestState"]);
      return has("confirm") && params["requestState"] !== undefined
        ? texts("state-ok")
        : wanted({ confirm: form("ok", "boolean") }, { round: 1 });
    }
    case "test_input_required_result_multiple_inputs":
      return has("user_name", "greeting", "client_roots")
        ? texts("all of it")
        : wanted({ user_name: form("name"), greeting: sample, client_roots: roots }, { round: 1 });
    case "test_input_required_result_multi_round": {
      const { round } = params["requestState"] === undefined ? { round: 0 } : opened(params["requestState"]);
      if (round === 2 && has("step2")) return texts("both");
      if (round === 1 && has("step1")) return wanted({ step2: form("color") }, { round: 2 });
      return wanted({ step1: form("name") }, { round: 1 });
    }
    case "test_input_required_result_capabilities": {
      const requests = {
        ...(can["elicitation"] === undefined ? {} : { user_name: form("name") }),
        ...(can["sampling"] === undefined ? {} : { greeting: sample }),
      };
      return Object.keys(requests).length === 0 || Object.keys(given).length > 0
        ? texts("nothing to ask")
        : wanted(requests);
    }
    default:
      return undefined;
  }
}

function form(name: string, type = "string"): Values {
  const requestedSchema = { type: "object", properties: { [name]: { type } }, required: [name] };
  return { method: "elicitation/create", params: { mode: "form", message: `Your ${name}, please`, requestedSchema } };
}

const sample: Values = {
  method: "sampling/createMessage",
  params: { messages: [{ role: "user", content: { type: "text", text: "A greeting" } }], maxTokens: 50 },
};
const roots: Values = { method: "roots/list", params: {} };

function sealed(state: Values): string {
  const text = Buffer.from(JSON.stringify({ ...state, at: randomUUID() })).toString("base64url");
  return `${text}.${createHmac("sha256", KEY).update(text).digest("base64url")}`;
}

function opened(sealedText: unknown): Values {
  const [text = "", mac] = String(sealedText).split(".");
  if (createHmac("sha256", KEY).update(text).digest("base64url") !== mac) throw new RpcError(-32_602, "requestState");
  return JSON.parse(Buffer.from(text, "base64url").toString("utf8")) as Values;
}

function decoded(value: string | string[] | undefined): string | undefined {
  if (typeof value !== "string" || !value.startsWith("=?base64?") || !value.endsWith("?=")) return value as string;
  const text = value.slice(9, -2);
  const octets = Buffer.from(text, "base64");
  return octets.toString("base64") === text ? octets.toString("utf8") : undefined;
}

function ok(id: unknown, result: Values): Values {
  return { jsonrpc: "2.0", id, result };
}

function notice(method: string, params: Values): Values {
  return { jsonrpc: "2.0", method, params };
}

export function texts(text: string): Values {
  return { content: [{ type: "text", text }] };
}

function toError(id: unknown): (error: unknown) => Values {
  return (error) => {
    if (!(error instanceof RpcError)) throw error;
    const { code, message, data } = error;
    return { jsonrpc: "2.0", id, error: { code, message, data } };
  };
}

function answer(response: ServerResponse, message: Values, status = 200): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(message));
}

/** Begins a stream; what is given writes one message to it. */
function begin(response: ServerResponse): Push {
  response.writeHead(200, { "content-type": "text/event-stream" });
  return (message) => void response.write(`id: ${randomUUID()}\ndata: ${JSON.stringify(message)}\n\n`);
}
