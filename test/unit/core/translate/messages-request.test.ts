import assert from "node:assert/strict";
import { test } from "node:test";
import type { Json } from "../../../../router/core/json/json.ts";
import type { JsonObject } from "../../../../router/core/translate/json-object.ts";
import { messagesToChat } from "../../../../router/core/translate/messages-to-chat.ts";
import { refusedParam, TARGET, translated } from "./translate-fixture.ts";

const HI = { role: "user", content: "hi" };
const text = (value: string) => ({ type: "text", text: value });
const weather = (members: JsonObject = {}): JsonObject => ({
  name: "weather",
  input_schema: { type: "object" },
  ...members,
});
const WEATHER = { type: "function", function: { name: "weather", parameters: { type: "object" } } };
const base = { model: TARGET.model, max_completion_tokens: 100, messages: [HI] };
const ask = (members: JsonObject): JsonObject => ({ model: "x", max_tokens: 100, messages: [HI], ...members });

const carried: readonly (readonly [name: string, members: JsonObject, expected: JsonObject])[] = [
  ["the least", {}, {}],
  ["a cap beyond the model's", { max_tokens: 1_000_000 }, { max_completion_tokens: TARGET.maxOutput }],
  ["hints are left out", { top_k: 5, cache_control: { type: "ephemeral" }, context_management: {}, speed: "fast" }, {}],
  ["sampling", { temperature: 0.5, top_p: 0.4 }, { temperature: 0.5, top_p: 0.4 }],
  ["stop", { stop_sequences: ["a", "b"] }, { stop: ["a", "b"] }],
  ["stream, always with usage", { stream: true }, { stream: true, stream_options: { include_usage: true } }],
  ["user", { metadata: { user_id: "u1" } }, { user: "u1" }],
  ["a user that OpenAI would refuse", { metadata: { user_id: "u".repeat(65) } }, {}],
  ["effort", { output_config: { effort: "high" }, thinking: { type: "adaptive" } }, { reasoning_effort: "high" }],
  ["a budget of thinking", { thinking: { type: "enabled", budget_tokens: 5000 } }, { reasoning_effort: "medium" }],
  ["no thinking", { thinking: { type: "disabled" } }, {}],
  [
    "a format",
    { output_config: { format: { type: "json_schema", schema: { type: "object" } } } },
    {
      response_format: {
        type: "json_schema",
        json_schema: { name: "response", schema: { type: "object" }, strict: true },
      },
    },
  ],
  [
    "tools",
    { tools: [weather({ description: "d", type: "custom", strict: true, cache_control: { type: "ephemeral" } })] },
    {
      tools: [
        {
          type: "function",
          function: { name: "weather", description: "d", parameters: { type: "object" }, strict: true },
        },
      ],
    },
  ],
  ["auto", { tools: [weather()], tool_choice: { type: "auto" } }, { tools: [WEATHER], tool_choice: "auto" }],
  ["none", { tools: [weather()], tool_choice: { type: "none" } }, { tools: [WEATHER], tool_choice: "none" }],
  [
    "any, one at a time",
    { tools: [weather()], tool_choice: { type: "any", disable_parallel_tool_use: true } },
    { tools: [WEATHER], tool_choice: "required", parallel_tool_calls: false },
  ],
  [
    "a tool by name",
    { tools: [weather()], tool_choice: { type: "tool", name: "weather" } },
    { tools: [WEATHER], tool_choice: { type: "function", function: { name: "weather" } } },
  ],
  ["a choice without tools", { tool_choice: { type: "auto", disable_parallel_tool_use: true } }, {}],
  ["system, a string", { system: "s" }, { messages: [{ role: "system", content: "s" }, HI] }],
  ["system, empty", { system: "" }, {}],
  [
    "system, blocks",
    { system: [text("a"), { ...text("b"), cache_control: { type: "ephemeral" } }] },
    { messages: [{ role: "system", content: [text("a"), text("b")] }, HI] },
  ],
  [
    "system in its place",
    { messages: [HI, { role: "system", content: "now" }] },
    { messages: [HI, { role: "system", content: "now" }] },
  ],
  [
    "images and documents",
    {
      messages: [
        {
          role: "user",
          content: [
            text("see"),
            { type: "image", source: { type: "base64", media_type: "image/png", data: "iVBORw0KGgo=" } },
            { type: "image", source: { type: "url", url: "https://example.com/a.png" } },
            {
              type: "document",
              source: { type: "base64", media_type: "application/pdf", data: "JVBERi0=" },
              title: "a.pdf",
            },
            { type: "document", source: { type: "text", media_type: "text/plain", data: "plain" } },
            { type: "document", source: { type: "content", content: [text("in")] } },
            { type: "search_result", title: "T", source: "https://e.com", content: [text("found")] },
          ],
        },
      ],
    },
    {
      messages: [
        {
          role: "user",
          content: [
            text("see"),
            { type: "image_url", image_url: { url: "data:image/png;base64,iVBORw0KGgo=" } },
            { type: "image_url", image_url: { url: "https://example.com/a.png" } },
            { type: "file", file: { filename: "a.pdf", file_data: "data:application/pdf;base64,JVBERi0=" } },
            text("plain"),
            text("in"),
            text("T\nhttps://e.com"),
            text("found"),
          ],
        },
      ],
    },
  ],
  [
    "uses and results, thinking left out, an image of a result with the user's words",
    {
      messages: [
        HI,
        {
          role: "assistant",
          content: [
            { type: "thinking", thinking: "hm", signature: "c2ln" },
            { type: "redacted_thinking", data: "x" },
            text("I "),
            text("look"),
            { type: "tool_use", id: "toolu_1", name: "weather", input: { a: [1] } },
            { type: "tool_use", id: "toolu_2", name: "weather", input: {} },
          ],
        },
        {
          role: "user",
          content: [
            text("and"),
            { type: "tool_result", tool_use_id: "toolu_1", content: "rain", is_error: true },
            {
              type: "tool_result",
              tool_use_id: "toolu_2",
              content: [text("shot"), { type: "image", source: { type: "url", url: "https://e.com/a.png" } }],
            },
          ],
        },
      ],
    },
    {
      messages: [
        HI,
        {
          role: "assistant",
          content: "I look",
          tool_calls: [
            { id: "toolu_1", type: "function", function: { name: "weather", arguments: '{"a":[1]}' } },
            { id: "toolu_2", type: "function", function: { name: "weather", arguments: "{}" } },
          ],
        },
        { role: "tool", tool_call_id: "toolu_1", content: "Error: rain" },
        { role: "tool", tool_call_id: "toolu_2", content: "shot" },
        { role: "user", content: [text("and"), { type: "image_url", image_url: { url: "https://e.com/a.png" } }] },
      ],
    },
  ],
  [
    "results alone",
    {
      messages: [
        HI,
        { role: "assistant", content: [{ type: "tool_use", id: "t", name: "weather", input: {} }] },
        { role: "user", content: [{ type: "tool_result", tool_use_id: "t", is_error: true }] },
      ],
    },
    {
      messages: [
        HI,
        {
          role: "assistant",
          content: null,
          tool_calls: [{ id: "t", type: "function", function: { name: "weather", arguments: "{}" } }],
        },
        { role: "tool", tool_call_id: "t", content: "Error" },
      ],
    },
  ],
];

for (const [name, members, expected] of carried) {
  test(`messages to chat: ${name}`, () => {
    assert.deepEqual(translated(messagesToChat, ask(members)), { ...base, ...expected });
  });
}

test("messages to chat: an input with a member named __proto__ stays what it is", () => {
  const input = JSON.parse('{"__proto__":{"admin":true},"a":1}') as JsonObject;
  const messages = [HI, { role: "assistant", content: [{ type: "tool_use", id: "t", name: "w", input }] }, HI];
  const body = JSON.stringify(translated(messagesToChat, { messages }));
  assert.ok(body.includes(String.raw`{\"__proto__\":{\"admin\":true},\"a\":1}`));
  assert.equal(({} as { admin?: boolean }).admin, undefined);
});

const inUser = (block: Json): JsonObject => ({ messages: [{ role: "user", content: [text("a"), block] }] });
const inAssistant = (block: Json): JsonObject => ({ messages: [HI, { role: "assistant", content: [block] }, HI] });
const use = (members: JsonObject): JsonObject => ({ type: "tool_use", id: "t", name: "w", input: {}, ...members });
const nested = (depth: number): Json => {
  let value: Json = {};
  for (let at = 0; at < depth; at++) value = [value];
  return { value };
};

const refused: readonly (readonly [members: JsonObject, param: string])[] = [
  [{ messages: null }, "messages"],
  [{ messages: [] }, "messages"],
  [{ messages: Array.from({ length: 100_001 }, () => HI) }, "messages"],
  [{ messages: [HI, { role: "assistant", content: "{" }] }, "messages"],
  [{ messages: [HI, "x"] }, "messages.1"],
  [{ messages: [{ role: "tool", content: "x" }] }, "messages.0.role"],
  [{ messages: [{ role: "user" }] }, "messages.0.content"],
  [{ messages: [{ role: "user", content: null }] }, "messages.0.content"],
  [{ messages: [{ role: "system", content: [{ type: "image" }] }] }, "messages.0.content.0.type"],
  [{ system: 7 }, "system"],
  [{ system: [{ type: "text" }] }, "system.0.text"],
  [inUser("x"), "messages.0.content.1"],
  [inUser({ type: "container_upload", file_id: "f" }), "messages.0.content.1.type"],
  [inUser({ type: "image", source: { type: "file", file_id: "f" } }), "messages.0.content.1.source"],
  [inUser({ type: "image", source: { type: "url", url: "gopher://x" } }), "messages.0.content.1.source"],
  [
    inUser({ type: "image", source: { type: "base64", media_type: "image/tiff", data: "x" } }),
    "messages.0.content.1.source",
  ],
  [inUser({ type: "document", source: { type: "url", url: "https://e.com/a.pdf" } }), "messages.0.content.1.source"],
  [
    inUser({ type: "document", source: { type: "content", content: [7] } }),
    "messages.0.content.1.source.content.0.type",
  ],
  [inUser({ type: "search_result", content: [{ type: "x" }] }), "messages.0.content.1.content.0.type"],
  [inUser({ type: "tool_result" }), "messages.0.content.1.tool_use_id"],
  [inUser({ type: "tool_result", tool_use_id: "a\u0000" }), "messages.0.content.1.tool_use_id"],
  [inUser({ type: "tool_result", tool_use_id: "a", content: 1 }), "messages.0.content.1.content"],
  [inUser({ type: "tool_result", tool_use_id: "a", content: [text("a"), {}] }), "messages.0.content.1.content.1.type"],
  [inAssistant({ type: "server_tool_use", id: "s", name: "web_search", input: {} }), "messages.1.content.0.type"],
  [inAssistant(use({ id: 7 })), "messages.1.content.0.id"],
  [inAssistant(use({ id: "a\n" })), "messages.1.content.0.id"],
  [inAssistant(use({ name: "" })), "messages.1.content.0.name"],
  [inAssistant(use({ input: "{}" })), "messages.1.content.0.input"],
  [inAssistant(use({ input: nested(100_000) })), "messages.1.content.0.input"],
  [{ max_tokens: 0 }, "max_tokens"],
  [{ max_tokens: "100" }, "max_tokens"],
  [{ temperature: 1.5 }, "temperature"],
  [{ stop_sequences: "x" }, "stop_sequences"],
  [{ stream: 1 }, "stream"],
  [{ container: "c" }, "container"],
  [{ inference_geo: "eu" }, "inference_geo"],
  [{ mcp_servers: [{}] }, "mcp_servers"],
  [{ n: 2 }, "n"],
  [{ output_config: { format: { type: "grammar" } } }, "output_config.format"],
  [{ tools: "x" }, "tools"],
  [{ tools: [7] }, "tools.0"],
  [{ tools: [{ type: "web_search_20250305", name: "web_search" }] }, "tools.0.type"],
  [{ tools: [weather({ name: null })] }, "tools.0.name"],
  [{ tools: [weather({ input_schema: nested(300) })] }, "tools.0.input_schema"],
  [{ tools: [weather()], tool_choice: "auto" }, "tool_choice.type"],
  [{ tools: [weather()], tool_choice: { type: "tool" } }, "tool_choice.name"],
  [{ tool_choice: { type: "any" } }, "tool_choice"],
];

for (const [index, [members, param]] of refused.entries()) {
  test(`messages to chat: refused, ${index}: ${param}`, () => {
    assert.equal(refusedParam(messagesToChat, ask(members)), param);
  });
}
