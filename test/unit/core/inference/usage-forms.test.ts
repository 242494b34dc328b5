import assert from "node:assert/strict";
import { test } from "node:test";
import type { Api } from "../../../../router/core/inference/api.ts";
import { usageForm, usageFromHeaders, usageOf } from "../../../../router/core/inference/usage-forms.ts";
import { takeCounts } from "../../../../router/core/inference/usage-native.ts";
import { NO_USAGE, type Usage } from "../../../../router/core/inference/usage.ts";
import type { Json } from "../../../../router/core/json/json.ts";

type Row = readonly [
  name: string,
  api: Api,
  statement: Json,
  usage: Partial<Usage> | undefined,
  unstated?: "input" | "output",
];

const rows: readonly Row[] = [
  [
    "chat: parts are subsets",
    "chat",
    {
      prompt_tokens: 100,
      completion_tokens: 50,
      total_tokens: 150,
      prompt_tokens_details: { cached_tokens: 60, cache_write_tokens: 30, audio_tokens: 7 },
      completion_tokens_details: { reasoning_tokens: 20, audio_tokens: 3 },
    },
    { input: 100, cacheRead: 60, cacheWrite: 30, audioInput: 7, output: 50, reasoning: 20, audioOutput: 3 },
  ],
  [
    "chat: DeepSeek's name of the cache",
    "chat",
    { prompt_tokens: 9, prompt_cache_hit_tokens: 8, completion_tokens: 1 },
    { input: 9, cacheRead: 8, output: 1 },
  ],
  [
    "chat: reasoning beside the completion, as the total shows",
    "chat",
    { prompt_tokens: 10, completion_tokens: 5, total_tokens: 35, completion_tokens_details: { reasoning_tokens: 20 } },
    { input: 10, output: 25, reasoning: 20 },
  ],
  [
    "chat: parts larger than the whole are held within it",
    "chat",
    {
      prompt_tokens: 10,
      completion_tokens: 5,
      prompt_tokens_details: { cached_tokens: 99 },
      completion_tokens_details: { reasoning_tokens: 99 },
    },
    { input: 10, cacheRead: 10, output: 5, reasoning: 5 },
  ],
  [
    "chat: what was read and written is no more than came in",
    "chat",
    { prompt_tokens: 10, completion_tokens: 1, prompt_tokens_details: { cached_tokens: 8, cache_write_tokens: 8 } },
    { input: 10, cacheRead: 8, cacheWrite: 2, output: 1 },
  ],
  ["chat: only what went in", "chat", { prompt_tokens: 10 }, { input: 10 }, "output"],
  ["chat: only what came out", "chat", { completion_tokens: 10, prompt_tokens: -1 }, { output: 10 }, "input"],
  ["negative", "chat", { prompt_tokens: -1, completion_tokens: -5 }, undefined],
  ["a fraction", "chat", { prompt_tokens: 1.5 }, undefined],
  ["a text", "chat", { prompt_tokens: "12" }, undefined],
  ["beyond 2^53", "chat", { prompt_tokens: 9_007_199_254_740_992 }, undefined],
  ["beyond all numbers", "chat", JSON.parse('{"prompt_tokens":1e999}') as Json, undefined],
  ["null", "chat", { prompt_tokens: null, completion_tokens: null }, undefined],
  ["nested where a count should be", "chat", { prompt_tokens: { prompt_tokens: 3 } }, undefined],
  ["no object", "chat", [1, 2], undefined],
  ["an own __proto__", "chat", JSON.parse('{"__proto__":{"prompt_tokens":5}}') as Json, undefined],
  ["zero is a statement", "chat", { prompt_tokens: 0, completion_tokens: 0 }, {}],
  ["embeddings", "embeddings", { prompt_tokens: 8, total_tokens: 8 }, { input: 8 }],
  ["embeddings say nothing", "embeddings", {}, undefined],
  [
    "responses",
    "responses",
    {
      input_tokens: 30,
      input_tokens_details: { cached_tokens: 10 },
      output_tokens: 9,
      output_tokens_details: { reasoning_tokens: 4 },
      total_tokens: 39,
    },
    { input: 30, cacheRead: 10, output: 9, reasoning: 4 },
  ],
  [
    "messages: the cache is beside the input",
    "messages",
    {
      input_tokens: 3,
      cache_creation_input_tokens: 40,
      cache_read_input_tokens: 500,
      cache_creation: { ephemeral_1h_input_tokens: 40 },
      output_tokens: 7,
    },
    { input: 543, cacheRead: 500, cacheWrite: 40, cacheWriteHour: 40, output: 7 },
  ],
  [
    "messages: what was written, by its lives",
    "messages",
    {
      input_tokens: 1,
      cache_creation: { ephemeral_5m_input_tokens: 2, ephemeral_1h_input_tokens: 3 },
      output_tokens: 0,
    },
    { input: 6, cacheWrite: 5, cacheWriteHour: 3 },
  ],
  [
    "messages: as much as any call can come to",
    "messages",
    { input_tokens: 100_000_000, cache_read_input_tokens: 100_000_000, output_tokens: 100_000_000 },
    { input: 200_000_000, cacheRead: 100_000_000, output: 100_000_000 },
  ],
  [
    "messages: the cache alone is not the input",
    "messages",
    { cache_read_input_tokens: 5, output_tokens: 2 },
    { output: 2 },
    "input",
  ],
  [
    "Gemini: thoughts and tools are added",
    "generate_content",
    {
      promptTokenCount: 5,
      toolUsePromptTokenCount: 6,
      candidatesTokenCount: 7,
      thoughtsTokenCount: 8,
      cachedContentTokenCount: 2,
      totalTokenCount: 26,
    },
    { input: 11, cacheRead: 2, output: 15, reasoning: 8 },
  ],
  ["Gemini: blocked", "generate_content", { promptTokenCount: 5, totalTokenCount: 5 }, { input: 5 }],
  [
    "Gemini: candidates left out",
    "generate_content",
    { promptTokenCount: 5, totalTokenCount: 9 },
    { input: 5, output: 4 },
  ],
  ["Gemini: a total below the prompt", "generate_content", { promptTokenCount: 5, totalTokenCount: 2 }, { input: 5 }],
  [
    "Gemini: sound",
    "generate_content",
    {
      promptTokenCount: 9,
      candidatesTokenCount: 4,
      promptTokensDetails: [{ modality: "AUDIO", tokenCount: 6 }],
      candidatesTokensDetails: [{ modality: "AUDIO", tokenCount: 4 }, null, 3],
    },
    { input: 9, audioInput: 6, output: 4, audioOutput: 4 },
  ],
  [
    "Converse",
    "converse",
    {
      inputTokens: 5,
      outputTokens: 6,
      totalTokens: 31,
      cacheReadInputTokens: 12,
      cacheWriteInputTokens: 8,
      cacheDetails: [{ ttl: "1h", inputTokens: 8 }],
    },
    { input: 25, cacheRead: 12, cacheWrite: 8, cacheWriteHour: 8, output: 6 },
  ],
  [
    "Invoke: metrics",
    "invoke",
    { inputTokenCount: 5, outputTokenCount: 6, cacheReadInputTokenCount: 7, cacheWriteInputTokenCount: 8 },
    { input: 20, cacheRead: 7, cacheWrite: 8, output: 6 },
  ],
  [
    "Invoke: Anthropic's own",
    "invoke",
    { input_tokens: 5, output_tokens: 6, cache_read_input_tokens: 7 },
    { input: 12, cacheRead: 7, output: 6 },
  ],
  ["Ollama", "ollama_chat", { prompt_eval_count: 3, eval_count: 4 }, { input: 3, output: 4 }],
  ["Ollama: the prompt was cached", "ollama_chat", { eval_count: 4 }, { output: 4 }, "input"],
  ["Ollama embeddings", "ollama_embed", { prompt_eval_count: 3 }, { input: 3 }],
  ["counting is free", "count_tokens", { input_tokens: 3, output_tokens: 3 }, undefined],
];

for (const [name, api, statement, usage, unstated] of rows) {
  test(`usage: ${name}`, () => {
    const form = usageForm(api);
    const native = new Map<string, number>();
    takeCounts(statement, form.known, native);
    const expected = usage === undefined ? undefined : { usage: { ...NO_USAGE, ...usage }, unstated };
    assert.deepEqual(usageOf(form, native), expected);
  });
}

test("native counts keep the provider's names, and stay few (32 and the known) whatever comes", () => {
  const { known } = usageForm("chat");
  const native = new Map<string, number>();
  const many = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`extra_${index}`, index]));
  takeCounts(
    { ...many, queue_time: 0.5, "bad\nname": 1, a: { b: { c: { d: 1 } } }, prompt_tokens: 4, completion_tokens: 2 },
    known,
    native,
  );
  assert.equal(native.get("prompt_tokens"), 4);
  assert.equal(native.get("extra_0"), 0);
  assert.equal(native.has("queue_time"), false);
  assert.equal(native.has("bad\nname"), false);
  assert.equal(native.size, 34);
});

test("null leaves a count, a later one replaces it, and zero does not", () => {
  const { known } = usageForm("messages");
  const native = new Map<string, number>();
  takeCounts({ input_tokens: 5, output_tokens: 1, cache_read_input_tokens: 9 }, known, native);
  takeCounts({ input_tokens: null, output_tokens: 8, cache_read_input_tokens: 0 }, known, native);
  assert.deepEqual(
    [...native.entries()],
    [
      ["input_tokens", 5],
      ["output_tokens", 8],
      ["cache_read_input_tokens", 9],
    ],
  );
});

test("usage in the head of an answer", () => {
  const of = (fields: Readonly<Record<string, string>>): unknown => usageFromHeaders((name) => fields[name]);
  assert.deepEqual(of({ "x-amzn-bedrock-input-token-count": "12", "x-amzn-bedrock-output-token-count": "34" }), {
    usage: { ...NO_USAGE, input: 12, output: 34 },
    unstated: undefined,
  });
  assert.deepEqual(of({ "x-amzn-bedrock-output-token-count": "34", "x-amzn-bedrock-input-token-count": "-1" }), {
    usage: { ...NO_USAGE, output: 34 },
    unstated: "input",
  });
  for (const text of ["", "1e3", " 5", "0x5", "9".repeat(17), "9".repeat(16)]) {
    assert.equal(of({ "x-amzn-bedrock-input-token-count": text }), undefined, text);
  }
});
