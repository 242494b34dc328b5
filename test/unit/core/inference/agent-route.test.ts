import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type AgentRoute,
  agentRoute,
  passedParameters,
  queryValue,
} from "../../../../router/core/inference/agent-route.ts";
import type { Api, Family } from "../../../../router/core/inference/api.ts";

function call(api: Api, family: Family, model?: string, stream?: boolean): AgentRoute {
  return { kind: "call", api, family, model, stream };
}
function models(family: Family, model?: string): AgentRoute {
  return { kind: "models", family, model };
}
function unknown(family: Family, known = true): AgentRoute {
  return { kind: "unknown", family, known };
}

/** A request line; "anthropic" after it stands for a field `anthropic-version`. */
const rows: readonly (readonly [line: string, expected: AgentRoute | string])[] = [
  ["POST /v1/chat/completions", call("chat", "openai")],
  ["POST /v1/completions", call("completions", "openai")],
  ["POST /v1/responses", call("responses", "openai")],
  ["POST /v1/embeddings", call("embeddings", "openai")],
  ["GET /v1/chat/completions", unknown("openai")],
  ["POST /v1/chat/completions/", unknown("openai")],
  ["POST /v1//chat/completions", unknown("openai", false)],
  ["POST /v1/chat%2Fcompletions", unknown("openai", false)],
  ["POST /v1/chat/%63ompletions", unknown("openai")],
  ["POST /v1/responses/compact", unknown("openai")],
  ["POST /v1/constructor", unknown("openai", false)],
  ["POST /v1/batches", unknown("openai")],
  ["POST /v1", unknown("openai", false)],
  ["POST /", unknown("openai", false)],
  ["GET /v1/models", models("openai")],
  ["GET /v1/models/a%20b", models("openai", "a b")],
  ["GET /v1/models/vendor/model", models("openai", "vendor/model")],
  ["GET /v1/models/a/b/c", unknown("openai")],
  ["DELETE /v1/models/a", unknown("openai")],
  ["GET /v1/models anthropic", models("anthropic")],
  ["GET /v1/realtime?model=a%2Fb", { kind: "realtime", family: "openai", model: "a/b" }],
  ["GET /v1/realtime?model=a&model=b", { kind: "realtime", family: "openai", model: undefined }],
  ["POST /v1/realtime", unknown("openai")],

  ["POST /openai/deployments/d%2Fe/chat/completions?api-version=x", call("chat", "azure", "d/e")],
  ["POST /openai/deployments/d/images/generations", unknown("azure")],
  ["GET /openai/deployments/d/chat/completions", unknown("azure")],
  ["POST /openai/deployments", unknown("azure")],
  ["POST /openai/responses", call("responses", "azure")],
  ["GET /openai/responses", unknown("azure")],
  ["POST /openai/v1/chat/completions", call("chat", "azure")],
  ["GET /openai/models", models("azure")],
  ["GET /openai/realtime?deployment=d", { kind: "realtime", family: "azure", model: "d" }],

  ["POST /v1/messages", call("messages", "anthropic")],
  ["POST /v1/messages/count_tokens", call("count_tokens", "anthropic")],
  ["POST /v1/messages/batches", unknown("anthropic")],
  ["GET /v1/messages", unknown("anthropic")],
  ["POST /anthropic/v1/messages", call("messages", "anthropic")],
  ["GET /anthropic/v1/models", models("anthropic")],
  ["GET /anthropic/v1/models/a%2Fb", models("anthropic", "a/b")],
  ["GET /anthropic/v1/models/a/b", unknown("anthropic")],
  ["POST /anthropic/messages", unknown("anthropic", false)],

  ["POST /v1beta/models/g:generateContent", call("generate_content", "gemini", "g", false)],
  ["POST /v1beta/models/g%3AgenerateContent", call("generate_content", "gemini", "g", false)],
  ["POST /v1beta/models/a:b:countTokens", call("gemini_count_tokens", "gemini", "a:b", false)],
  ["POST /v1beta/models/g:embedContent", call("gemini_embed", "gemini", "g", false)],
  ["POST /v1beta/models/g:batchEmbedContents", call("gemini_embed_batch", "gemini", "g", false)],
  ["POST /v1/models/g:generateContent", call("generate_content", "gemini", "g", false)],
  ["POST /v1/models/g%3AgenerateContent", call("generate_content", "gemini", "g", false)],
  ["POST /v1/models/g:streamGenerateContent?alt=sse", call("generate_content", "gemini", "g", true)],
  ["POST /v1/models/g:streamGenerateContent", "gemini"],
  ["POST /v1/models/g:toString", unknown("gemini")],
  ["POST /v1/models/g:generateContent/x", unknown("gemini")],
  ["POST /v1/models/g", unknown("openai")],
  ["POST /v1/files/g:generateContent", unknown("openai")],
  ["GET /v1/models/g:b", models("openai", "g:b")],
  ["POST /v1beta/models/g:streamGenerateContent?alt=sse", call("generate_content", "gemini", "g", true)],
  ["POST /v1beta/models/g:streamGenerateContent", "gemini"],
  ["POST /v1beta/models/g:streamGenerateContent?alt=sse&alt=json", "gemini"],
  ["POST /v1beta/models/g:toString", unknown("gemini")],
  ["GET /v1beta/models/g:generateContent", unknown("gemini")],
  ["GET /v1beta/models", models("gemini")],
  ["GET /v1beta/models/g", models("gemini", "g")],
  ["POST /v1beta/models/g", unknown("gemini")],
  ["POST /v1beta/files", unknown("gemini")],
  ["POST /v1beta/models/a/b:generateContent", unknown("gemini")],

  ["POST /model/a%3A0/converse", call("converse", "bedrock", "a:0", false)],
  ["POST /model/a/converse-stream", call("converse", "bedrock", "a", true)],
  ["POST /model/arn%3Aaws%3Abedrock%2Fx/invoke", call("invoke", "bedrock", "arn:aws:bedrock/x", false)],
  ["POST /model/a/invoke-with-response-stream", call("invoke", "bedrock", "a", true)],
  ["POST /model/a/async-invoke", unknown("bedrock")],
  ["POST /model/a/b/invoke", unknown("bedrock")],
  ["GET /model/a/invoke", unknown("bedrock")],
  ["POST /model", unknown("bedrock")],

  ["POST /api/chat", call("ollama_chat", "ollama")],
  ["POST /api/generate", call("ollama_generate", "ollama")],
  ["POST /api/embed", call("ollama_embed", "ollama")],
  ["GET /api/tags", models("ollama")],
  ["POST /api/pull", unknown("ollama")],
  ["GET /api/chat", unknown("ollama")],

  ["GET /budget", { kind: "budget", family: "openai" }],
  ["POST /budget", unknown("openai", false)],
  ["GET /budget/x", unknown("openai", false)],
  ["POST /v1/%ff", "openai"],
  ["POST /model/%zz/invoke", "bedrock"],
  ["POST /openai/%", "azure"],
  ["POST /api/%e2%28", "ollama"],
  ["POST /anthropic/%c0%af", "anthropic"],
];

for (const [line, expected] of rows) {
  test(`route: ${line}`, () => {
    const [method = "", target = "", field] = line.split(" ");
    const mark = target.indexOf("?");
    const path = mark === -1 ? target : target.slice(0, mark);
    const query = mark === -1 ? "" : target.slice(mark);
    const found = agentRoute({ method, path, query, anthropic: field === "anthropic" });
    if (found.ok) return assert.deepEqual(found.value, expected);
    assert.equal(found.problem.family, expected);
    return assert.match(found.problem.sentence, /\.$/);
  });
}

test("a parameter's value is that of the only one of its name", () => {
  for (const [query, expected] of [
    ["", undefined],
    ["?", undefined],
    ["?a=1", "1"],
    ["?b=2&a=%31", "1"],
    ["?%61=1", "1"],
    ["?a", ""],
    ["?a=1&%61=2", undefined],
    ["?a=%ff", undefined],
    ["?A=1", undefined],
  ] as const) {
    assert.equal(queryValue(query, "a"), expected, query);
  }
});

test("parameters pass as they were sent, without those named", () => {
  assert.deepEqual(passedParameters("?a=1&b=%20&&%61=2&c", new Set(["a"])), ["b=%20", "c"]);
  assert.deepEqual(passedParameters("?%ff=1", new Set(["a"])), ["%ff=1"]);
});
