import assert from "node:assert/strict";
import { test } from "node:test";
import type { Json } from "../../../../router/core/json/json.ts";
import { chatToMessages } from "../../../../router/core/translate/chat-to-messages.ts";
import type { JsonObject } from "../../../../router/core/translate/json-object.ts";
import { refusedParam, TARGET, translated } from "./translate-fixture.ts";

const HI = { role: "user", content: "hi" };
const HI_TURN = { role: "user", content: [{ type: "text", text: "hi" }] };
const text = (value: string) => ({ type: "text", text: value });
const weather = (members: JsonObject = {}): JsonObject => ({
  type: "function",
  function: { name: "weather", ...members },
});
const call = (id: string, args: Json = "{}"): JsonObject => ({
  id,
  type: "function",
  function: { name: "weather", arguments: args },
});

const carried: readonly (readonly [name: string, members: JsonObject, expected: JsonObject])[] = [
  ["the least", {}, {}],
  ["hints are left out", { seed: 1, store: true, metadata: { a: "b" }, service_tier: "flex", verbosity: "low" }, {}],
  [
    "neutral values of what cannot be had",
    { n: 1, logprobs: false, logit_bias: {}, modalities: ["text"], audio: null },
    {},
  ],
  ["max_tokens", { max_tokens: 5 }, { max_tokens: 5 }],
  ["the smaller of both caps", { max_tokens: 9, max_completion_tokens: 5 }, { max_tokens: 5 }],
  ["a cap beyond the model's", { max_tokens: 1_000_000 }, {}],
  ["temperature", { temperature: 0 }, { temperature: 0 }],
  ["the default temperature", { temperature: 1, top_p: 1 }, {}],
  ["a temperature that Anthropic does not have is 1", { temperature: 1.7 }, {}],
  ["top_p", { top_p: 0.5 }, { top_p: 0.5 }],
  ["stop, a string", { stop: "END" }, { stop_sequences: ["END"] }],
  ["stop, a list; white space is refused by Anthropic", { stop: ["a", "\n"] }, { stop_sequences: ["a"] }],
  ["stream", { stream: true, stream_options: { include_usage: true } }, { stream: true }],
  ["no stream", { stream: false }, {}],
  ["user", { user: "u1" }, { metadata: { user_id: "u1" } }],
  ["safety_identifier before user", { user: "u1", safety_identifier: "s1" }, { metadata: { user_id: "s1" } }],
  ["effort", { reasoning_effort: "minimal" }, { output_config: { effort: "low" } }],
  ["no reasoning", { reasoning_effort: "none" }, { thinking: { type: "disabled" } }],
  ["a format of text", { response_format: { type: "text" } }, {}],
  [
    "a format of a schema",
    { response_format: { type: "json_schema", json_schema: { name: "x", strict: true, schema: { type: "object" } } } },
    { output_config: { format: { type: "json_schema", schema: { type: "object" } } } },
  ],
  [
    "a tool",
    { tools: [weather({ description: "d", strict: true, parameters: { type: "object", properties: { a: {} } } })] },
    {
      tools: [
        { name: "weather", description: "d", strict: true, input_schema: { properties: { a: {} }, type: "object" } },
      ],
    },
  ],
  [
    "a tool without parameters, cached",
    { tools: [{ ...weather(), cache_control: { type: "ephemeral", ttl: "1h", junk: 1 } }] },
    {
      tools: [
        {
          name: "weather",
          input_schema: { type: "object", properties: {} },
          cache_control: { type: "ephemeral", ttl: "1h" },
        },
      ],
    },
  ],
  ["no tools", { tools: [], tool_choice: "auto", parallel_tool_calls: false }, {}],
];

const base = { model: TARGET.model, max_tokens: TARGET.maxOutput, messages: [HI_TURN] };

for (const [name, members, expected] of carried) {
  test(`chat to messages: ${name}`, () => {
    assert.deepEqual(translated(chatToMessages, { model: "x", messages: [HI], ...members }), { ...base, ...expected });
  });
}

test("chat to messages: a target that takes no sampling parameters gets none", () => {
  const body = { messages: [HI], temperature: 0.3, top_p: 0.2 };
  const result = chatToMessages.request(body, { ...TARGET, sampling: false });
  assert.deepEqual(result, { ok: true, value: base });
});

const choices: readonly (readonly [JsonObject, Json | undefined])[] = [
  [{}, undefined],
  [{ tool_choice: "auto" }, { type: "auto" }],
  [{ tool_choice: "none" }, { type: "none" }],
  [{ tool_choice: "required" }, { type: "any" }],
  [{ tool_choice: { type: "function", function: { name: "weather" } } }, { type: "tool", name: "weather" }],
  [{ parallel_tool_calls: true }, undefined],
  [{ parallel_tool_calls: false }, { type: "auto", disable_parallel_tool_use: true }],
  [{ parallel_tool_calls: false, tool_choice: "none" }, { type: "none" }],
  [
    { parallel_tool_calls: false, tool_choice: "required" },
    { type: "any", disable_parallel_tool_use: true },
  ],
];

for (const [members, expected] of choices) {
  test(`chat to messages: tool choice of ${JSON.stringify(members)}`, () => {
    const body = translated(chatToMessages, { messages: [HI], tools: [weather()], ...members });
    assert.deepEqual(body["tool_choice"], expected);
  });
}

const PNG = "data:image/png;base64,iVBORw0KGgo=";
const histories: readonly (readonly [name: string, messages: Json[], expected: JsonObject])[] = [
  [
    "system and developer messages from everywhere, in order",
    [
      { role: "system", content: "one" },
      HI,
      { role: "developer", content: [text("two"), text("")] },
      { role: "system", content: "" },
    ],
    { system: [text("one"), text("two")], messages: [HI_TURN] },
  ],
  [
    "neighbours of one role are one turn, and empty messages none",
    [HI, { role: "assistant", content: "" }, { role: "user", content: "there", name: "bob" }],
    { messages: [{ role: "user", content: [text("hi"), text("there")] }] },
  ],
  [
    "images, a PDF and a breakpoint",
    [
      {
        role: "user",
        content: [
          { ...text("see"), cache_control: { type: "ephemeral" } },
          { type: "image_url", image_url: { url: PNG, detail: "low" } },
          { type: "image_url", image_url: { url: "data:image/JPG;base64,/9j/" } },
          { type: "image_url", image_url: { url: "HTTPS://example.com/a.png" } },
          { type: "file", file: { filename: "a.pdf", file_data: "data:application/pdf;base64,JVBERi0=" } },
        ],
      },
    ],
    {
      messages: [
        {
          role: "user",
          content: [
            { ...text("see"), cache_control: { type: "ephemeral" } },
            { type: "image", source: { type: "base64", media_type: "image/png", data: "iVBORw0KGgo=" } },
            { type: "image", source: { type: "base64", media_type: "image/jpeg", data: "/9j/" } },
            { type: "image", source: { type: "url", url: "HTTPS://example.com/a.png" } },
            {
              type: "document",
              source: { type: "base64", media_type: "application/pdf", data: "JVBERi0=" },
              title: "a.pdf",
            },
          ],
        },
      ],
    },
  ],
  [
    "calls and results; a result stands before what the user says",
    [
      HI,
      {
        role: "assistant",
        content: null,
        reasoning_content: "hm",
        tool_calls: [call("c1", '{"a":[1]}'), call("c2", "")],
      },
      { role: "user", content: "wait" },
      { role: "tool", tool_call_id: "c1", content: "sun" },
      { role: "tool", tool_call_id: "c2", content: [text("a"), text("b")] },
      { role: "tool", tool_call_id: "c3", content: "" },
    ],
    {
      messages: [
        HI_TURN,
        {
          role: "assistant",
          content: [
            { type: "tool_use", id: "c1", name: "weather", input: { a: [1] } },
            { type: "tool_use", id: "c2", name: "weather", input: {} },
          ],
        },
        {
          role: "user",
          content: [
            { type: "tool_result", tool_use_id: "c1", content: "sun" },
            { type: "tool_result", tool_use_id: "c2", content: [text("a"), text("b")] },
            { type: "tool_result", tool_use_id: "c3" },
            text("wait"),
          ],
        },
      ],
    },
  ],
  [
    "arguments that a model got wrong, and an id of another provider",
    [
      HI,
      { role: "assistant", content: "x", refusal: "no", tool_calls: [call("functions.get:0", '{"a":')] },
      { role: "tool", tool_call_id: "functions.get:0", content: "not JSON" },
    ],
    {
      messages: [
        HI_TURN,
        {
          role: "assistant",
          content: [
            text("x"),
            text("no"),
            {
              type: "tool_use",
              id: "functions_2eget_3a0",
              name: "weather",
              input: { invalid_arguments: '{"a":' },
            },
          ],
        },
        {
          role: "user",
          content: [{ type: "tool_result", tool_use_id: "functions_2eget_3a0", content: "not JSON" }],
        },
      ],
    },
  ],
];

for (const [name, messages, expected] of histories) {
  test(`chat to messages: ${name}`, () => {
    assert.deepEqual(translated(chatToMessages, { messages }), { ...base, ...expected });
  });
}

const inUser = (part: Json): JsonObject => ({ messages: [HI, { role: "user", content: [text("a"), part] }] });
const inCalls = (one: Json): JsonObject => ({ messages: [HI, { role: "assistant", tool_calls: [one] }] });
const deep = (): Json => {
  let value: Json = {};
  for (let depth = 0; depth < 50_000; depth++) value = { a: value };
  return value;
};

const refused: readonly (readonly [body: JsonObject, param: string])[] = [
  [{}, "messages"],
  [{ messages: {} }, "messages"],
  [{ messages: [] }, "messages"],
  [{ messages: [{ role: "system", content: "alone" }] }, "messages"],
  [{ messages: Array.from({ length: 100_001 }, () => HI) }, "messages"],
  [{ messages: [HI, 7] }, "messages[1]"],
  [{ messages: [{ content: "hi" }] }, "messages[0].role"],
  [{ messages: [{ role: "function", name: "f", content: "x" }] }, "messages[0].role"],
  [{ messages: [{ role: "user", content: 7 }] }, "messages[0].content"],
  [{ messages: [{ role: "user", content: Array.from({ length: 100_001 }, () => text("")) }] }, "messages[0].content"],
  [inUser(null), "messages[1].content[1]"],
  [inUser({ text: "a" }), "messages[1].content[1].type"],
  [inUser({ type: "text", text: 1 }), "messages[1].content[1].text"],
  [inUser({ type: "input_audio", input_audio: {} }), "messages[1].content[1].type"],
  [inUser({ type: "hologram" }), "messages[1].content[1].type"],
  [inUser({ type: "image_url", image_url: PNG }), "messages[1].content[1].image_url.url"],
  [inUser({ type: "image_url", image_url: { url: "file:///etc/passwd" } }), "messages[1].content[1].image_url.url"],
  [
    inUser({ type: "image_url", image_url: { url: "data:image/svg+xml;base64,PA==" } }),
    "messages[1].content[1].image_url.url",
  ],
  [inUser({ type: "file", file: { file_id: "file-1" } }), "messages[1].content[1].file"],
  [
    inUser({ type: "file", file: { file_data: "data:text/html;base64,PA==" } }),
    "messages[1].content[1].file.file_data",
  ],
  [{ messages: [{ role: "system", content: [{ type: "image_url" }] }] }, "messages[0].content[0].type"],
  [{ messages: [{ role: "assistant", audio: { id: "a" } }] }, "messages[0].audio"],
  [{ messages: [{ role: "assistant", function_call: { name: "f", arguments: "" } }] }, "messages[0].function_call"],
  [{ messages: [{ role: "assistant", tool_calls: {} }] }, "messages[0].tool_calls"],
  [inCalls("x"), "messages[1].tool_calls[0]"],
  [inCalls({ ...call("c"), type: "custom" }), "messages[1].tool_calls[0].type"],
  [inCalls(call("a\nb")), "messages[1].tool_calls[0].id"],
  [inCalls(call("")), "messages[1].tool_calls[0].id"],
  [inCalls(call("a".repeat(257))), "messages[1].tool_calls[0].id"],
  [inCalls({ id: "a", function: {} }), "messages[1].tool_calls[0].function.name"],
  [inCalls(call("a", { a: 1 })), "messages[1].tool_calls[0].function.arguments"],
  [{ messages: [{ role: "tool", content: "x" }] }, "messages[0].tool_call_id"],
  [
    { messages: [{ role: "tool", tool_call_id: "a", content: [{ type: "image_url" }] }] },
    "messages[0].content[0].type",
  ],
  ...(
    [
      [{ n: 2 }, "n"],
      [{ n: "1" }, "n"],
      [{ logprobs: true }, "logprobs"],
      [{ top_logprobs: 5 }, "top_logprobs"],
      [{ logit_bias: { 50256: -100 } }, "logit_bias"],
      [{ audio: {} }, "audio"],
      [{ modalities: ["text", "audio"] }, "modalities"],
      [{ web_search_options: {} }, "web_search_options"],
      [{ moderation: { model: "m" } }, "moderation"],
      [{ functions: [{ name: "f" }] }, "functions"],
      [{ function_call: { name: "f" } }, "function_call"],
      [{ to_come: 1 }, "to_come"],
      [{ "a\r\nx: y": 1 }, "?"],
      [{ max_tokens: 0 }, "max_tokens"],
      [{ max_tokens: "5" }, "max_tokens"],
      [{ max_completion_tokens: 1.5 }, "max_completion_tokens"],
      [{ temperature: "0" }, "temperature"],
      [{ temperature: 2.1 }, "temperature"],
      [{ temperature: Number.POSITIVE_INFINITY }, "temperature"],
      [{ top_p: -1 }, "top_p"],
      [{ stop: [1] }, "stop"],
      [{ stream: "true" }, "stream"],
      [{ reasoning_effort: "constructor" }, "reasoning_effort"],
      [{ response_format: { type: "json_object" } }, "response_format.type"],
      [{ response_format: "json" }, "response_format.type"],
      [{ response_format: { type: "json_schema", json_schema: {} } }, "response_format.json_schema.schema"],
      [{ tools: {} }, "tools"],
      [{ tools: [null] }, "tools[0]"],
      [{ tools: [weather(), { type: "custom", custom: { name: "c" } }] }, "tools[1].type"],
      [{ tools: [{ type: "function", function: { name: 1 } }] }, "tools[0].function.name"],
      [{ tools: [weather({ parameters: [] })] }, "tools[0].function.parameters"],
      [{ tools: [weather({ parameters: deep() })] }, "tools[0].function.parameters"],
      [{ tools: [weather()], tool_choice: { type: "allowed_tools" } }, "tool_choice"],
      [{ tools: [weather()], tool_choice: { type: "function" } }, "tool_choice.function.name"],
      [{ tool_choice: "required" }, "tool_choice"],
      [{ parallel_tool_calls: "no" }, "parallel_tool_calls"],
    ] as const
  ).map(([members, param]): readonly [JsonObject, string] => [{ messages: [HI], ...members }, param]),
];

for (const [index, [body, param]] of refused.entries()) {
  test(`chat to messages: refused, ${index}: ${param}`, () => {
    assert.equal(refusedParam(chatToMessages, body), param);
  });
}
