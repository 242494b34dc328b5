import { assertNever } from "../base/assert-never.ts";
import type { Api } from "./api.ts";
import { passedParameters } from "./agent-route.ts";

/** What of a provider its paths are made from. */
export interface ProviderBase {
  readonly api: "openai" | "azure" | "anthropic" | "gemini" | "bedrock" | "ollama";
  /** Empty, or begins with "/" and does not end with it. */
  readonly path: string;
  /** Azure: replaces the caller's. */
  readonly apiVersion: string | undefined;
}

/** Azure's own default where neither policy nor caller names one: the last version that is generally available. */
const AZURE_API_VERSION = "2024-10-21";

const OPENAI_PATHS: Partial<Record<Api, string>> = {
  chat: "/chat/completions",
  completions: "/completions",
  responses: "/responses",
  embeddings: "/embeddings",
};

/**
 * Path and query of a call at a provider, or undefined where the provider has no such API. `model` is the provider's
 * own name of it. Of the caller's query what is not a credential goes on to OpenAI's and Anthropic's APIs and their like.
 */
export function providerPath(
  base: ProviderBase,
  api: Api,
  model: string,
  stream: boolean,
  query: string,
): string | undefined {
  switch (base.api) {
    case "openai":
      return withQuery(base.path, OPENAI_PATHS[api], passedParameters(query, NONE));
    case "ollama": {
      const native = OLLAMA_PATHS[api];
      if (native !== undefined) return withQuery(base.path, native, passedParameters(query, NONE));
      const compatible = OPENAI_PATHS[api];
      return compatible === undefined
        ? undefined
        : withQuery(base.path, `/v1${compatible}`, passedParameters(query, NONE));
    }
    case "azure":
      return azurePath(base, api, model, query);
    case "anthropic": {
      const root = base.path.endsWith("/v1") ? base.path : `${base.path}/v1`;
      return withQuery(root, ANTHROPIC_PATHS[api], passedParameters(query, NONE));
    }
    case "gemini": {
      const method = geminiMethod(api, stream);
      if (method === undefined) return undefined;
      const root = base.path === "" ? "/v1beta" : base.path;
      // Nothing of the caller's: `fields`, `$alt` and their like change what comes back, and with it what can be metered.
      return withQuery(root, `/models/${encodeURIComponent(model)}:${method}`, stream ? ["alt=sse"] : []);
    }
    case "bedrock": {
      const action = bedrockAction(api, stream);
      if (action === undefined) return undefined;
      return withQuery(base.path, `/model/${encodeURIComponent(model)}/${action}`, []);
    }
    default:
      return assertNever(base.api);
  }
}

const NONE: ReadonlySet<string> = new Set();
const API_VERSION: ReadonlySet<string> = new Set(["api-version"]);

const OLLAMA_PATHS: Partial<Record<Api, string>> = {
  ollama_chat: "/api/chat",
  ollama_generate: "/api/generate",
  ollama_embed: "/api/embed",
};

const ANTHROPIC_PATHS: Partial<Record<Api, string>> = {
  messages: "/messages",
  count_tokens: "/messages/count_tokens",
};

/** Either the `/openai/v1` surface, which needs no version, or deployments in the path. */
function azurePath(base: ProviderBase, api: Api, model: string, query: string): string | undefined {
  const path = OPENAI_PATHS[api];
  if (path === undefined) return undefined;
  if (base.path.endsWith("/v1")) return withQuery(base.path, path, passedParameters(query, NONE));
  const root = base.path === "" ? "/openai" : base.path;
  const own = passedParameters(query, NONE).filter((parameter) => /^api-version=/i.test(parameter));
  const version = base.apiVersion === undefined ? own[0] : `api-version=${base.apiVersion}`;
  const parameters = [version ?? `api-version=${AZURE_API_VERSION}`, ...passedParameters(query, API_VERSION)];
  return api === "responses"
    ? withQuery(root, path, parameters)
    : withQuery(root, `/deployments/${encodeURIComponent(model)}${path}`, parameters);
}

function geminiMethod(api: Api, stream: boolean): string | undefined {
  if (api === "generate_content") return stream ? "streamGenerateContent" : "generateContent";
  if (api === "gemini_count_tokens") return "countTokens";
  if (api === "gemini_embed_batch") return "batchEmbedContents";
  return api === "gemini_embed" ? "embedContent" : undefined;
}

function bedrockAction(api: Api, stream: boolean): string | undefined {
  if (api === "converse") return stream ? "converse-stream" : "converse";
  if (api === "invoke") return stream ? "invoke-with-response-stream" : "invoke";
  return undefined;
}

function withQuery(root: string, path: string | undefined, parameters: readonly string[]): string | undefined {
  if (path === undefined) return undefined;
  return parameters.length === 0 ? `${root}${path}` : `${root}${path}?${parameters.join("&")}`;
}
