import assert from "node:assert/strict";
import { test } from "node:test";
import type { Api } from "../../../../router/core/inference/api.ts";
import { type ProviderBase, providerPath } from "../../../../router/core/inference/provider-path.ts";

const base = (api: ProviderBase["api"], path = "", apiVersion?: string): ProviderBase => ({ api, path, apiVersion });

const rows: readonly (readonly [
  name: string,
  base: ProviderBase,
  api: Api,
  stream: boolean,
  query: string,
  expected: string | undefined,
])[] = [
  ["OpenAI", base("openai", "/v1"), "chat", false, "", "/v1/chat/completions"],
  ["OpenAI, a query", base("openai", "/v1"), "responses", true, "?a=1&&b", "/v1/responses?a=1&b"],
  ["OpenAI, an empty query", base("openai", "/v1"), "embeddings", false, "?", "/v1/embeddings"],
  ["OpenAI has no messages", base("openai", "/v1"), "messages", false, "", undefined],
  ["Ollama's own", base("ollama"), "ollama_chat", true, "", "/api/chat"],
  ["Ollama's own, below a path", base("ollama", "/o"), "ollama_embed", false, "", "/o/api/embed"],
  ["Ollama as OpenAI", base("ollama"), "completions", false, "", "/v1/completions"],
  ["Ollama has no messages", base("ollama"), "messages", false, "", undefined],
  [
    "Azure's newer surface",
    base("azure", "/openai/v1"),
    "chat",
    false,
    "?api-version=p",
    "/openai/v1/chat/completions?api-version=p",
  ],
  [
    "Azure, its default version",
    base("azure"),
    "chat",
    false,
    "",
    "/openai/deployments/m%2Fx/chat/completions?api-version=2024-10-21",
  ],
  [
    "Azure, the caller's version",
    base("azure"),
    "chat",
    false,
    "?api-version=v&a=1",
    "/openai/deployments/m%2Fx/chat/completions?api-version=v&a=1",
  ],
  [
    "Azure, the policy's version",
    base("azure", "/openai", "w"),
    "chat",
    false,
    "?api-version=v",
    "/openai/deployments/m%2Fx/chat/completions?api-version=w",
  ],
  [
    "Azure, the policy's version beside one in other letters",
    base("azure", "/openai", "w"),
    "chat",
    false,
    "?API-Version=v&a=1",
    "/openai/deployments/m%2Fx/chat/completions?api-version=w&a=1",
  ],
  [
    "Azure, the caller's version in other letters",
    base("azure"),
    "chat",
    false,
    "?API-Version=v&a=1",
    "/openai/deployments/m%2Fx/chat/completions?API-Version=v&a=1",
  ],
  [
    "Azure, a version in disguise",
    base("azure", "", "w"),
    "responses",
    false,
    "?api%2Dversion=v",
    "/openai/responses?api-version=w",
  ],
  ["Azure has no messages", base("azure"), "messages", false, "", undefined],
  ["Anthropic", base("anthropic"), "messages", false, "?beta=true", "/v1/messages?beta=true"],
  ["Anthropic, with its version", base("anthropic", "/x/v1"), "count_tokens", false, "", "/x/v1/messages/count_tokens"],
  ["Anthropic has no chat", base("anthropic"), "chat", false, "", undefined],
  ["Gemini", base("gemini"), "generate_content", false, "", "/v1beta/models/m%2Fx:generateContent"],
  [
    "Gemini, a stream",
    base("gemini", "/v1"),
    "generate_content",
    true,
    "?alt=sse",
    "/v1/models/m%2Fx:streamGenerateContent?alt=sse",
  ],
  [
    "Gemini, parameters that hide the usage",
    base("gemini"),
    "generate_content",
    true,
    "?alt=sse&fields=candidates&%24alt=proto",
    "/v1beta/models/m%2Fx:streamGenerateContent?alt=sse",
  ],
  ["Gemini, a count", base("gemini"), "gemini_count_tokens", false, "?$fields=x", "/v1beta/models/m%2Fx:countTokens"],
  ["Gemini, an embedding", base("gemini"), "gemini_embed", false, "", "/v1beta/models/m%2Fx:embedContent"],
  [
    "Gemini, many of them",
    base("gemini"),
    "gemini_embed_batch",
    false,
    "?a",
    "/v1beta/models/m%2Fx:batchEmbedContents",
  ],
  ["Gemini has no chat", base("gemini"), "chat", false, "", undefined],
  ["Bedrock", base("bedrock"), "converse", false, "?a=1", "/model/m%2Fx/converse"],
  ["Bedrock, a stream", base("bedrock"), "converse", true, "", "/model/m%2Fx/converse-stream"],
  ["Bedrock, a vendor's form", base("bedrock", "/p"), "invoke", false, "", "/p/model/m%2Fx/invoke"],
  ["Bedrock, a stream of it", base("bedrock"), "invoke", true, "", "/model/m%2Fx/invoke-with-response-stream"],
  ["Bedrock has no chat", base("bedrock"), "chat", false, "", undefined],
];

for (const [name, provider, api, stream, query, expected] of rows) {
  test(`path: ${name}`, () => {
    assert.equal(providerPath(provider, api, "m/x", stream, query), expected);
  });
}
