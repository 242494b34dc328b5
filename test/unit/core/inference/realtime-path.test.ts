import assert from "node:assert/strict";
import { test } from "node:test";
import { realtimePath, realtimeQuery } from "../../../../router/core/inference/realtime-path.ts";

const queries: readonly (readonly [query: string, expected: string | undefined])[] = [
  ["", "none"],
  ["?model=gpt-realtime", "none"],
  ["?deployment=d&api-version=2025-04-01-preview", "2025-04-01-preview"],
  ["?api-version=2024-12-17&model=m", "2024-12-17"],
  // Joins a call whose model nobody judged.
  ["?model=m&call_id=rtc_1", undefined],
  ["?model=m&c%61ll_id=rtc_1", undefined],
  // Leaves the model to a message.
  ["?model=m&intent=transcription", undefined],
  ["?model=m&unknown", undefined],
  ["?model=m&=x", undefined],
  ["?api-version=1&api-version=2", undefined],
  ["?api-version=", undefined],
  ["?api-version=2025%26model=other", undefined],
  [`?api-version=${"1".repeat(33)}`, undefined],
  ["?api-version=%ff", undefined],
];
for (const [query, expected] of queries) {
  test(`a Realtime query: ${query.slice(0, 60) || "none"}`, () => {
    const read = realtimeQuery(query);
    assert.equal(read.ok ? (read.value.apiVersion ?? "none") : undefined, expected);
  });
}

type Base = Parameters<typeof realtimePath>[0];
const base = (api: Base["api"], path = "", apiVersion?: string): Base => ({ api, path, apiVersion });
const paths: readonly (readonly [
  name: string,
  base: Base,
  preview: boolean,
  version: string | undefined,
  expected: string | undefined,
])[] = [
  ["OpenAI", base("openai", "/v1"), false, undefined, "/v1/realtime?model=m%2F1%26x"],
  ["OpenAI, by Azure's older path", base("openai", "/v1"), true, "2024-12-17", "/v1/realtime?model=m%2F1%26x"],
  ["Azure", base("azure"), false, undefined, "/openai/v1/realtime?model=m%2F1%26x"],
  ["Azure, a version in policy", base("azure", "", "1"), false, "2", "/openai/v1/realtime?model=m%2F1%26x"],
  ["Azure's /openai/v1", base("azure", "/openai/v1"), true, "2", "/openai/v1/realtime?model=m%2F1%26x"],
  [
    "Azure's preview",
    base("azure"),
    true,
    undefined,
    "/openai/realtime?api-version=2025-04-01-preview&deployment=m%2F1%26x",
  ],
  [
    "Azure's preview, the caller's version",
    base("azure", "/gw/openai"),
    true,
    "2",
    "/gw/openai/realtime?api-version=2&deployment=m%2F1%26x",
  ],
  [
    "Azure's preview, policy's version",
    base("azure", "", "1"),
    true,
    "2",
    "/openai/realtime?api-version=1&deployment=m%2F1%26x",
  ],
  ["Ollama", base("ollama"), false, undefined, undefined],
  ["Anthropic", base("anthropic"), false, undefined, undefined],
  ["Gemini", base("gemini"), false, undefined, undefined],
  ["Bedrock", base("bedrock"), false, undefined, undefined],
];
for (const [name, provider, preview, apiVersion, expected] of paths) {
  test(`the path of Realtime at a provider: ${name}`, () => {
    assert.equal(realtimePath(provider, "m/1&x", preview, { apiVersion }), expected);
  });
}
