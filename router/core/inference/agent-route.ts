import { fail, ok, type Result } from "../base/result.ts";
import type { Api, Family } from "./api.ts";

/** What a request on the agent API is for. */
export type AgentRoute =
  | {
      readonly kind: "call";
      readonly api: Api;
      /** Whose error shape the caller reads. */
      readonly family: Family;
      /** Where the path names it. */
      readonly model: string | undefined;
      /** Where the path says it; undefined: the body does. */
      readonly stream: boolean | undefined;
    }
  /** `GET /v1/models`, `/v1/models/<name>` and their like. */
  | { readonly kind: "models"; readonly family: Family; readonly model: string | undefined }
  | { readonly kind: "realtime"; readonly family: Family; readonly model: string | undefined }
  | { readonly kind: "budget"; readonly family: Family }
  /** Nothing here answers that: not a path of an API, or one whose use nobody could meter. */
  | { readonly kind: "unknown"; readonly family: Family; readonly known: boolean };

export interface RouteRequest {
  readonly method: string;
  /** Without query; begins with "/". */
  readonly path: string;
  /** With its "?", or "". */
  readonly query: string;
  /** An `anthropic-version` field is there: one base URL serves two families that both know `/v1/models`. */
  readonly anthropic: boolean;
}

const OPENAI_CALLS: Readonly<Record<string, Api>> = {
  "chat/completions": "chat",
  completions: "completions",
  responses: "responses",
  embeddings: "embeddings",
};

/** `<model>:<method>` of the Gemini API. */
const GEMINI_METHODS: Readonly<Record<string, { readonly api: Api; readonly stream: boolean }>> = {
  generateContent: { api: "generate_content", stream: false },
  streamGenerateContent: { api: "generate_content", stream: true },
  countTokens: { api: "gemini_count_tokens", stream: false },
  embedContent: { api: "gemini_embed", stream: false },
  batchEmbedContents: { api: "gemini_embed_batch", stream: false },
};

const BEDROCK_ACTIONS: Readonly<Record<string, { readonly api: Api; readonly stream: boolean }>> = {
  converse: { api: "converse", stream: false },
  "converse-stream": { api: "converse", stream: true },
  invoke: { api: "invoke", stream: false },
  "invoke-with-response-stream": { api: "invoke", stream: true },
};

const OLLAMA_CALLS: Readonly<Record<string, Api>> = {
  chat: "ollama_chat",
  generate: "ollama_generate",
  embed: "ollama_embed",
};

/** First segments of OpenAI's API that are known and cannot be metered: files, batches, audio, and so on. */
const OPENAI_PREFIXES: ReadonlySet<string> = new Set([
  "assistants",
  "audio",
  "batches",
  "chat",
  "completions",
  "containers",
  "conversations",
  "embeddings",
  "evals",
  "files",
  "fine_tuning",
  "images",
  "models",
  "moderations",
  "realtime",
  "responses",
  "threads",
  "uploads",
  "vector_stores",
  "videos",
]);

/**
 * Which API, and whose, a request is for. Paths are those that the official SDKs build from their base URLs: OpenAI's
 * with `/v1`, Azure's with `/openai`, Anthropic's and Bedrock's at the root, Gemini's with `/v1beta` or `/v1`. The problem is
 * one sentence: the path is one of ours, but not well-formed.
 */
export function agentRoute(request: RouteRequest): Result<AgentRoute, { family: Family; sentence: string }> {
  const usual = request.method === "POST" && !request.anthropic ? USUAL.get(request.path) : undefined;
  if (usual !== undefined) return ok(usual);
  // Only a model's name is ever decoded: an escaped "/" is none of the path's own.
  const segments = request.path.slice(1).split("/");
  const family = isGeminiCall(request, segments) ? "gemini" : familyOf(segments, request.anthropic);
  if (segments.some((segment) => decodeSegment(segment) === undefined)) {
    return fail({ family, sentence: "The path is not UTF-8 in percent-encoding." });
  }
  const [first, second] = segments;
  if (segments.length === 1 && first === "budget" && request.method === "GET") return ok({ kind: "budget", family });
  switch (first ?? "") {
    case "v1":
      if (family === "gemini") return geminiRoute(request, segments.slice(1));
      return ok(
        second === "messages"
          ? messagesRoute(request, segments.slice(1))
          : openaiRoute(request, segments.slice(1), family),
      );
    case "openai":
      return ok(azureRoute(request, segments.slice(1)));
    case "anthropic":
      return ok(second === "v1" ? messagesRoute(request, segments.slice(2)) : unknown("anthropic", false));
    case "v1beta":
      return geminiRoute(request, segments.slice(1));
    case "model":
      return ok(bedrockRoute(request, segments));
    case "api":
      return ok(ollamaRoute(request, segments.slice(1)));
    default:
      return ok(unknown(family, false));
  }
}

/** The calls of most agents, whose paths need not be taken apart. */
const USUAL: ReadonlyMap<string, AgentRoute> = new Map(
  Object.entries(OPENAI_CALLS).map(([name, api]) => [`/v1/${name}`, call(api, "openai")]),
);

/** `POST /v1/models/<model>:<method>`: of those who share `/v1`, only Google posts to a model. */
function isGeminiCall({ method }: RouteRequest, [first, second, model = ""]: readonly string[]): boolean {
  return method === "POST" && first === "v1" && second === "models" && (decodeSegment(model) ?? "").includes(":");
}

function familyOf([first, second]: readonly string[], anthropic: boolean): Family {
  switch (first ?? "") {
    case "openai":
      return "azure";
    case "anthropic":
      return "anthropic";
    case "v1beta":
      return "gemini";
    case "model":
      return "bedrock";
    case "api":
      return "ollama";
    default:
      return second === "messages" || anthropic ? "anthropic" : "openai";
  }
}

function openaiRoute(request: RouteRequest, rest: readonly string[], family: Family): AgentRoute {
  const [first = ""] = rest;
  const name = rest.join("/");
  const api = Object.hasOwn(OPENAI_CALLS, name) ? OPENAI_CALLS[name] : undefined;
  if (api !== undefined && request.method === "POST") return call(api, family);
  if (first === "models" && request.method === "GET" && rest.length <= 3) {
    // Names such as `vendor/model` may come unescaped.
    return { kind: "models", family, model: rest.length > 1 ? rest.slice(1).map(decodeSegment).join("/") : undefined };
  }
  if (first === "realtime" && rest.length === 1 && request.method === "GET") {
    return { kind: "realtime", family, model: queryValue(request.query, "model") };
  }
  return unknown(family, OPENAI_PREFIXES.has(first));
}

function azureRoute(request: RouteRequest, rest: readonly string[]): AgentRoute {
  const [first = "", deployment, ...after] = rest;
  if (first === "v1") return openaiRoute(request, rest.slice(1), "azure");
  if (first === "realtime" && rest.length === 1 && request.method === "GET") {
    return { kind: "realtime", family: "azure", model: queryValue(request.query, "deployment") };
  }
  if (first === "models" && rest.length === 1 && request.method === "GET") {
    return { kind: "models", family: "azure", model: undefined };
  }
  if (first === "responses" && rest.length === 1 && request.method === "POST") return call("responses", "azure");
  if (first !== "deployments" || deployment === undefined || request.method !== "POST") return unknown("azure", true);
  const name = after.join("/");
  const api = Object.hasOwn(OPENAI_CALLS, name) ? OPENAI_CALLS[name] : undefined;
  return api === undefined ? unknown("azure", true) : { ...call(api, "azure"), model: decodeSegment(deployment) };
}

function messagesRoute(request: RouteRequest, rest: readonly string[]): AgentRoute {
  const path = rest.join("/");
  if (request.method === "POST" && path === "messages") return call("messages", "anthropic");
  if (request.method === "POST" && path === "messages/count_tokens") return call("count_tokens", "anthropic");
  if (request.method === "GET" && rest[0] === "models" && rest.length <= 2) {
    return { kind: "models", family: "anthropic", model: rest[1] === undefined ? undefined : decodeSegment(rest[1]) };
  }
  return unknown("anthropic", true);
}

function geminiRoute(
  request: RouteRequest,
  rest: readonly string[],
): Result<AgentRoute, { family: Family; sentence: string }> {
  const [first, raw = ""] = rest;
  const last = decodeSegment(raw) ?? "";
  if (first !== "models" || rest.length > 2) return ok(unknown("gemini", true));
  const colon = last.lastIndexOf(":");
  if (colon === -1) {
    if (request.method !== "GET") return ok(unknown("gemini", true));
    return ok({ kind: "models", family: "gemini", model: last === "" ? undefined : last });
  }
  const method = last.slice(colon + 1);
  const row = Object.hasOwn(GEMINI_METHODS, method) ? GEMINI_METHODS[method] : undefined;
  if (row === undefined || request.method !== "POST") return ok(unknown("gemini", true));
  if (row.stream && queryValue(request.query, "alt") !== "sse") {
    return fail({ family: "gemini", sentence: "A stream is served as server-sent events only: ask with alt=sse." });
  }
  return ok({ kind: "call", family: "gemini", ...row, model: last.slice(0, colon) });
}

function bedrockRoute(request: RouteRequest, segments: readonly string[]): AgentRoute {
  const [, model = "", action = ""] = segments;
  const row = Object.hasOwn(BEDROCK_ACTIONS, action) ? BEDROCK_ACTIONS[action] : undefined;
  if (row === undefined || segments.length !== 3 || request.method !== "POST") return unknown("bedrock", true);
  return { kind: "call", family: "bedrock", ...row, model: decodeSegment(model) };
}

function ollamaRoute(request: RouteRequest, rest: readonly string[]): AgentRoute {
  const path = rest.join("/");
  if (path === "tags" && request.method === "GET") return { kind: "models", family: "ollama", model: undefined };
  const api = Object.hasOwn(OLLAMA_CALLS, path) ? OLLAMA_CALLS[path] : undefined;
  return api === undefined || request.method !== "POST" ? unknown("ollama", true) : call(api, "ollama");
}

function call(api: Api, family: Family): Extract<AgentRoute, { kind: "call" }> {
  return { kind: "call", api, family, model: undefined, stream: undefined };
}

function unknown(family: Family, known: boolean): AgentRoute {
  return { kind: "unknown", family, known };
}

function decodeSegment(segment: string): string | undefined {
  if (!segment.includes("%")) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}

/** The decoded value of the only parameter of this name; undefined where there is none, or more than one. */
export function queryValue(query: string, name: string): string | undefined {
  const found = parameters(query).filter((parameter) => parameter.name === name);
  const [only, another] = found;
  return another === undefined && only !== undefined ? decodeSegment(only.value) : undefined;
}

interface Parameter {
  readonly name: string;
  /** As sent. */
  readonly value: string;
  /** `name=value` as sent. */
  readonly text: string;
}

function parameters(query: string): readonly Parameter[] {
  if (query.length < 2) return [];
  return query
    .slice(1)
    .split("&")
    .filter((text) => text !== "")
    .map((text) => {
      const equals = text.indexOf("=");
      const name = equals === -1 ? text : text.slice(0, equals);
      return { name: decodeSegment(name) ?? name, value: equals === -1 ? "" : text.slice(equals + 1), text };
    });
}

/** The caller's parameters, without those named (in lower case), as `name=value` texts. Credentials among them are the caller's to remove. */
export function passedParameters(query: string, without: ReadonlySet<string>): readonly string[] {
  return parameters(query)
    .filter(({ name }) => !without.has(name.toLowerCase()))
    .map(({ text }) => text);
}
