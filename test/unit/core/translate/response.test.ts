import assert from "node:assert/strict";
import { test } from "node:test";
import type { Api } from "../../../../router/core/inference/api.ts";
import type { Json } from "../../../../router/core/json/json.ts";
import { chatToMessages } from "../../../../router/core/translate/chat-to-messages.ts";
import type { JsonObject } from "../../../../router/core/translate/json-object.ts";
import { messagesToChat } from "../../../../router/core/translate/messages-to-chat.ts";
import { translationFor } from "../../../../router/core/translate/translation-for.ts";
import { CHAT_CONTEXT, COMPLETION, MESSAGE, MESSAGES_CONTEXT } from "./translate-fixture.ts";

test("a message as a chat completion", () => {
  assert.deepEqual(chatToMessages.response(MESSAGE, CHAT_CONTEXT), {
    ok: true,
    value: {
      id: "chatcmpl-1",
      object: "chat.completion",
      created: 1_790_000_000,
      model: "asked-model",
      choices: [
        {
          index: 0,
          message: {
            role: "assistant",
            content: "Hello \u2028wörld\n\n\ud83d\ude00",
            refusal: null,
            reasoning_content: "let me see",
            tool_calls: [
              { id: "toolu_A", type: "function", function: { name: "weather", arguments: '{"city":"Paris"}' } },
              { id: "toolu_B", type: "function", function: { name: "now", arguments: "{}" } },
            ],
          },
          logprobs: null,
          finish_reason: "tool_calls",
        },
      ],
      usage: COMPLETION["usage"],
    },
  });
});

test("a chat completion as a message", () => {
  assert.deepEqual(messagesToChat.response(COMPLETION, MESSAGES_CONTEXT), {
    ok: true,
    value: {
      id: "msg_1",
      type: "message",
      role: "assistant",
      model: "asked-model",
      content: [
        { type: "text", text: "Hello \u2028wörld\n\n\ud83d\ude00" },
        { type: "tool_use", id: "call_A", name: "weather", input: { city: "Paris" } },
        { type: "tool_use", id: "call_B", name: "now", input: {} },
      ],
      stop_reason: "tool_use",
      stop_sequence: null,
      stop_details: null,
      container: null,
      usage: MESSAGE["usage"],
    },
  });
});

const stops: readonly (readonly [stopReason: string | null, finishReason: string])[] = [
  ["end_turn", "stop"],
  ["stop_sequence", "stop"],
  ["pause_turn", "stop"],
  ["max_tokens", "length"],
  ["model_context_window_exceeded", "length"],
  ["refusal", "content_filter"],
  ["tool_use", "tool_calls"],
  ["constructor", "stop"],
  [null, "stop"],
];

for (const [stopReason, expected] of stops) {
  test(`stop reason ${String(stopReason)} is ${expected}`, () => {
    const result = chatToMessages.response({ content: [], stop_reason: stopReason }, CHAT_CONTEXT);
    assert.ok(result.ok);
    const [choice] = result.value["choices"] as [JsonObject];
    assert.equal(choice["finish_reason"], expected);
  });
}

const contents: readonly (readonly [name: string, blocks: Json[], content: Json])[] = [
  ["nothing", [], ""],
  ["text alone", [{ type: "text", text: "a" }], "a"],
  ["a tool alone", [{ type: "tool_use", id: "t", name: "n", input: {} }], null],
  ["a tool of the provider", [{ type: "server_tool_use", id: "s", name: "web_search", input: {} }], ""],
];

for (const [name, blocks, expected] of contents) {
  test(`a message of ${name}`, () => {
    const result = chatToMessages.response({ content: blocks, stop_reason: "end_turn" }, CHAT_CONTEXT);
    assert.ok(result.ok);
    const [choice] = result.value["choices"] as [{ message: JsonObject }];
    assert.equal(choice.message["content"], expected);
  });
}

const answer = (message: JsonObject, finish: Json = "stop"): JsonObject => ({
  choices: [{ index: 0, message: { role: "assistant", ...message }, finish_reason: finish }],
});
const calling = (members: JsonObject): JsonObject => ({ tool_calls: [{ type: "function", ...members }] });
const use = (members: JsonObject): JsonObject => ({ type: "tool_use", id: "c", name: "f", input: {}, ...members });

const answers: readonly (readonly [name: string, body: JsonObject, content: Json[], stopReason: string])[] = [
  ["stop", answer({ content: "a" }), [{ type: "text", text: "a" }], "end_turn"],
  ["length", answer({ content: "a" }, "length"), [{ type: "text", text: "a" }], "max_tokens"],
  ["content_filter", answer({ content: "" }, "content_filter"), [], "refusal"],
  ["no reason", answer({ content: null }, null), [], "end_turn"],
  ["a refusal", answer({ content: null, refusal: "no" }), [{ type: "text", text: "no" }], "refusal"],
  [
    "content in parts",
    answer({ content: [{ type: "text", text: "a" }, 7, { text: "b" }] }),
    [{ type: "text", text: "ab" }],
    "end_turn",
  ],
  [
    "a call that ends with stop",
    answer(calling({ id: "c", function: { name: "f", arguments: "" } })),
    [use({})],
    "tool_use",
  ],
  [
    "a call without an id",
    answer(calling({ function: { name: "f", arguments: null } })),
    [use({ id: "msg_1_0" })],
    "tool_use",
  ],
  [
    "a call that the cap cut",
    answer(calling({ id: "c", function: { name: "f", arguments: '{"a' } }), "length"),
    [],
    "max_tokens",
  ],
];

for (const [name, body, content, stopReason] of answers) {
  test(`a chat completion with ${name}`, () => {
    const result = messagesToChat.response(body, MESSAGES_CONTEXT);
    assert.ok(result.ok);
    assert.deepEqual([result.value["content"], result.value["stop_reason"]], [content, stopReason]);
  });
}

test("counts that cannot be are none, and parts never exceed the whole", () => {
  const usage = {
    prompt_tokens: 10,
    completion_tokens: -5,
    prompt_tokens_details: { cached_tokens: 50, cache_write_tokens: 1e300 },
    completion_tokens_details: { reasoning_tokens: "7" },
  };
  const result = messagesToChat.response({ ...answer({ content: "a" }), usage }, MESSAGES_CONTEXT);
  assert.ok(result.ok);
  assert.deepEqual(result.value["usage"], {
    input_tokens: 0,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: 10,
    output_tokens: 0,
    output_tokens_details: { thinking_tokens: 0 },
  });
});

const notChat: readonly Json[] = [
  null,
  "x",
  [],
  {},
  { choices: [] },
  { choices: [{ message: "x" }] },
  { error: { message: "x" } },
  answer({ tool_calls: {} }),
  answer(calling({ id: "c", function: { name: "f", arguments: "[]" } })),
  answer(calling({ id: "c", function: { name: "f", arguments: { a: 1 } } })),
  answer(calling({ id: "c", function: { name: "f", arguments: `${'{"a":'.repeat(9999)}1${"}".repeat(9999)}` } })),
  answer(calling({ id: "c" })),
  answer({ tool_calls: [null] }),
];

for (const [index, body] of notChat.entries()) {
  test(`no chat completion, ${index}`, () => {
    const result = messagesToChat.response(body, MESSAGES_CONTEXT);
    assert.ok(!result.ok);
    assert.match(result.problem, /^The model's provider answered with .*\.$/);
  });
}

const notMessages: readonly Json[] = [
  null,
  {},
  { content: "x" },
  { type: "error", error: {} },
  { content: [null] },
  { content: [{ type: "tool_use", id: "t", name: "n", input: [] }] },
  { content: [{ type: "tool_use", id: "t", input: {} }] },
];

for (const [index, body] of notMessages.entries()) {
  test(`no message, ${index}`, () => {
    const result = chatToMessages.response(body, CHAT_CONTEXT);
    assert.ok(!result.ok);
    assert.match(result.problem, /^The model's provider answered with .*\.$/);
  });
}

const routes: readonly (readonly [Api, Parameters<typeof translationFor>[1], ReturnType<typeof translationFor>])[] = [
  ["chat", "openai", "native"],
  ["chat", "azure", "native"],
  ["chat", "ollama", "native"],
  ["chat", "anthropic", chatToMessages],
  ["chat", "gemini", "unsupported"],
  ["chat", "bedrock", "unsupported"],
  ["messages", "anthropic", "native"],
  ["messages", "openai", messagesToChat],
  ["messages", "azure", messagesToChat],
  ["messages", "ollama", messagesToChat],
  ["messages", "gemini", "unsupported"],
  ["count_tokens", "anthropic", "native"],
  ["count_tokens", "openai", "unsupported"],
  ["responses", "openai", "native"],
  ["responses", "anthropic", "unsupported"],
  ["embeddings", "anthropic", "unsupported"],
  ["generate_content", "gemini", "native"],
  ["converse", "bedrock", "native"],
  ["ollama_chat", "openai", "unsupported"],
];

for (const [api, provider, expected] of routes) {
  test(`${api} at ${provider}`, () => {
    assert.equal(translationFor(api, provider), expected);
  });
}
