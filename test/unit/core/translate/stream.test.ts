import assert from "node:assert/strict";
import { test } from "node:test";
import type { Json } from "../../../../router/core/json/json.ts";
import { chatToMessages } from "../../../../router/core/translate/chat-to-messages.ts";
import type { JsonObject } from "../../../../router/core/translate/json-object.ts";
import { messagesToChat } from "../../../../router/core/translate/messages-to-chat.ts";
import {
  CHAT_CONTEXT,
  CHAT_STREAM,
  COMPLETION,
  type Frame,
  MESSAGE,
  MESSAGES_CONTEXT,
  MESSAGES_STREAM,
  named,
  runStream,
  sseData,
  unnamed,
} from "./translate-fixture.ts";

test("a messages stream as chunks", () => {
  const { text, problem, complete } = runStream(chatToMessages.stream(CHAT_CONTEXT), MESSAGES_STREAM);
  assert.deepEqual([problem, complete], [undefined, true]);
  const head = { id: "chatcmpl-1", object: "chat.completion.chunk", created: 1_790_000_000, model: "asked-model" };
  const chunk = (delta: JsonObject, finish: string | null = null): JsonObject => ({
    ...head,
    choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
    usage: null,
  });
  const call = (index: number, members: JsonObject): JsonObject => chunk({ tool_calls: [{ index, ...members }] });
  assert.deepEqual(sseData(text), [
    chunk({ role: "assistant", content: "", refusal: null }),
    chunk({ reasoning_content: "let me see" }),
    chunk({ content: "Hello \u2028" }),
    chunk({ content: "wörld\n\n\ud83d\ude00" }),
    call(0, { id: "toolu_A", type: "function", function: { name: "weather", arguments: "" } }),
    call(0, { function: { arguments: '{"city": "P' } }),
    call(0, { function: { arguments: 'aris"}' } }),
    call(1, { id: "toolu_B", type: "function", function: { name: "now", arguments: "" } }),
    call(1, { function: { arguments: "{}" } }),
    chunk({}, "tool_calls"),
    { ...head, choices: [], usage: COMPLETION["usage"] ?? null },
    "[DONE]",
  ]);
});

test("a messages stream for a caller that did not ask for usage", () => {
  const stream = chatToMessages.stream({ ...CHAT_CONTEXT, includeUsage: false });
  const data = sseData(runStream(stream, MESSAGES_STREAM).text);
  assert.ok(data.every((one) => typeof one === "string" || !Object.hasOwn(one as JsonObject, "usage")));
  assert.deepEqual((data.at(-2) as { choices: JsonObject[] }).choices[0]?.["finish_reason"], "tool_calls");
});

test("a chat stream as events", () => {
  const { text, problem, complete } = runStream(messagesToChat.stream(MESSAGES_CONTEXT), CHAT_STREAM);
  assert.deepEqual([problem, complete], [undefined, true]);
  const delta = (index: number, members: JsonObject): JsonObject => ({
    type: "content_block_delta",
    index,
    delta: members,
  });
  const start = (index: number, block: JsonObject): JsonObject => ({
    type: "content_block_start",
    index,
    content_block: block,
  });
  const data = sseData(text);
  assert.deepEqual(data, [
    {
      type: "message_start",
      message: {
        id: "msg_1",
        type: "message",
        role: "assistant",
        model: "asked-model",
        content: [],
        stop_reason: null,
        stop_sequence: null,
        stop_details: null,
        container: null,
        usage: {
          input_tokens: 0,
          cache_creation_input_tokens: 0,
          cache_read_input_tokens: 0,
          output_tokens: 0,
          output_tokens_details: { thinking_tokens: 0 },
        },
      },
    },
    start(0, { type: "text", text: "" }),
    delta(0, { type: "text_delta", text: "Hello \u2028" }),
    delta(0, { type: "text_delta", text: "wörld\n\n\ud83d\ude00" }),
    { type: "content_block_stop", index: 0 },
    start(1, { type: "tool_use", id: "call_A", name: "weather", input: {} }),
    delta(1, { type: "input_json_delta", partial_json: '{"city": "P' }),
    delta(1, { type: "input_json_delta", partial_json: 'aris"}' }),
    { type: "content_block_stop", index: 1 },
    start(2, { type: "tool_use", id: "call_B", name: "now", input: {} }),
    delta(2, { type: "input_json_delta", partial_json: "{}" }),
    { type: "content_block_stop", index: 2 },
    {
      type: "message_delta",
      delta: { stop_reason: "tool_use", stop_sequence: null, stop_details: null, container: null },
      usage: MESSAGE["usage"] ?? null,
    },
    { type: "message_stop" },
  ]);
  const types = text.split("\n\n").map((frame) => /^event: (.*)$/m.exec(frame)?.[1]);
  assert.deepEqual(
    types.slice(0, -1),
    data.map((one) => (one as JsonObject)["type"]),
  );
});

test("INV-TRANSLATE-CUT: a stream that is cut anywhere is never finished", () => {
  for (const [translation, context, frames] of [
    [chatToMessages, CHAT_CONTEXT, MESSAGES_STREAM],
    [messagesToChat, MESSAGES_CONTEXT, CHAT_STREAM.slice(0, -2)],
  ] as const) {
    const last = translation === chatToMessages ? frames.length : frames.length - 1;
    for (let length = 0; length < last; length++) {
      const { text, problem, complete } = runStream(translation.stream(context), frames.slice(0, length));
      assert.deepEqual([problem, complete], [undefined, false], `${length}`);
      assert.doesNotMatch(text, /\[DONE\]|message_stop|"finish_reason":"|"stop_reason":"/);
    }
  }
});

test("a chat stream whose body ends in order after its finish reason is complete", () => {
  const { text, complete } = runStream(messagesToChat.stream(MESSAGES_CONTEXT), CHAT_STREAM.slice(0, -2));
  assert.ok(complete);
  assert.deepEqual(sseData(text).at(-1), { type: "message_stop" });
});

test("what comes after the end, and a second end, are nothing", () => {
  for (const [translation, context, frames] of [
    [chatToMessages, CHAT_CONTEXT, MESSAGES_STREAM],
    [messagesToChat, MESSAGES_CONTEXT, CHAT_STREAM],
  ] as const) {
    const stream = translation.stream(context);
    const { text, problem } = runStream(stream, [...frames, ...frames]);
    assert.equal(problem, undefined);
    assert.equal(text, runStream(translation.stream(context), frames).text);
    assert.equal(stream.end(), "");
    assert.ok(stream.complete);
  }
});

const start = MESSAGES_STREAM.slice(0, 1);
const text = (content: string, finish: string | null = null): Frame =>
  unnamed({ choices: [{ index: 0, delta: { content }, finish_reason: finish }] });
const calls = (...list: Json[]): Frame => unnamed({ choices: [{ delta: { tool_calls: list } }] });

test("an error in a messages stream", () => {
  const stream = chatToMessages.stream(CHAT_CONTEXT);
  const error = named({ type: "error", error: { type: "overloaded_error", message: "Overloaded" } });
  const { text: sent, complete } = runStream(stream, [...start, error, named({ type: "message_stop" })]);
  assert.equal(complete, false);
  assert.deepEqual(stream.error, { type: "server_error", message: "Overloaded" });
  assert.deepEqual(sseData(sent).slice(1), [
    { error: { message: "Overloaded", type: "server_error", param: null, code: "server_is_overloaded" } },
  ]);
});

const chatErrors: readonly (readonly [frame: Frame, type: string, message: string])[] = [
  [unnamed({ error: { message: "m", type: "server_error", code: null } }), "api_error", "m"],
  [unnamed({ error: { message: "m", type: "requests", code: "rate_limit_exceeded" } }), "rate_limit_error", "m"],
  [unnamed({ error: { message: "m", type: "BadRequestError", code: 400 } }), "invalid_request_error", "m"],
  [unnamed({ error: { message: "m", code: "429" } }), "rate_limit_error", "m"],
  [unnamed({ error: { message: "m", code: [429] } }), "api_error", "m"],
  [unnamed({ error: "m" }), "api_error", "m"],
  [["error", { message: "m", code: "server_is_overloaded" }], "overloaded_error", "m"],
];

for (const [index, [frame, type, message]] of chatErrors.entries()) {
  test(`an error in a chat stream, ${index}: ${type}`, () => {
    const stream = messagesToChat.stream(MESSAGES_CONTEXT);
    const { text: sent, complete } = runStream(stream, [text("a"), frame, text("b", "stop"), unnamed("[DONE]")]);
    assert.equal(complete, false);
    assert.deepEqual(stream.error, { type, message });
    const last = sent.split("\n\n").at(-2);
    assert.equal(
      last,
      `event: error\ndata: {"type":"error","error":{"type":"${type}","message":"${message}"},"request_id":null}`,
    );
  });
}

const tool = (index: Json, members: JsonObject = {}): Frame =>
  named({ type: "content_block_start", index, content_block: { type: "tool_use", id: "t", name: "n", ...members } });

const badMessages: readonly (readonly [name: string, frames: readonly Frame[]])[] = [
  ["no JSON", [unnamed("{")]],
  ["no object", [unnamed([1])]],
  ["[DONE]", [unnamed("[DONE]")]],
  ["a block before the message", [tool(0)]],
  ["a delta before the message", [named({ type: "content_block_delta", index: 0, delta: {} })]],
  ["an end before the message", [named({ type: "message_stop" })]],
  ["two messages", [...start, ...start]],
  ["an index that is no number", [...start, tool("0")]],
  ["a block that is none", [...start, named({ type: "content_block_start", index: 0, content_block: 7 })]],
  ["a tool without an id", [...start, tool(0, { id: null })]],
  ["one index twice", [...start, tool(0), tool(0)]],
  ["an input that is no object", [...start, tool(0, { input: [] }), named({ type: "content_block_stop", index: 0 })]],
  ["tools without end", [...start, ...Array.from({ length: 1025 }, (_, index) => tool(index))]],
];

for (const [name, frames] of badMessages) {
  test(`a messages stream with ${name} ends in a problem`, () => {
    const stream = chatToMessages.stream(CHAT_CONTEXT);
    const { problem, complete } = runStream(stream, frames);
    assert.match(problem ?? "", /^The model's provider .*\.$/);
    assert.equal(complete, false);
    assert.deepEqual(stream.frame("message_stop", '{"type":"message_stop"}'), { ok: true, value: "" });
    assert.equal(stream.end(), "");
  });
}

const whole = (name: string, text: string, more: JsonObject): JsonObject => ({
  ...more,
  function: { name, arguments: text },
});

const badChat: readonly (readonly [name: string, frames: readonly Frame[]])[] = [
  ["no JSON", [unnamed("data")]],
  ["an end without a reason", [text("a"), unnamed("[DONE]")]],
  ["calls that are no list", [unnamed({ choices: [{ delta: { tool_calls: {} } }] })]],
  ["a call that is none", [calls(7)]],
  ["a call without a name", [calls({ index: 0, id: "c", function: { arguments: "{}" } })]],
  ["an index that is no number", [calls({ index: "0", function: { name: "f" } })]],
  [
    "calls whose parts are mixed",
    [
      calls({ index: 0, function: { name: "f" } }),
      calls({ index: 1, function: { name: "f" } }),
      calls({ index: 0, function: { arguments: "{}" } }),
    ],
  ],
  [
    "two calls of one index",
    [calls(whole("f", '{"x":1}', { index: 0, id: "a" })), calls(whole("g", '{"y":2}', { index: 0, id: "b" }))],
  ],
  ["a second name for one index", [calls(whole("f", "{}", { index: 0 })), calls(whole("g", "{}", { index: 0 }))]],
  [
    "another call's id for an index",
    [calls(whole("f", "", { index: 0, id: "a" })), calls({ index: 0, id: "b", function: { arguments: "{}" } })],
  ],
  [
    "a call with an index, and one without",
    [calls(whole("f", "{}", { index: 0, id: "a" })), calls(whole("g", "{}", { id: "b" }))],
  ],
  ["one id for two calls", [calls(whole("f", '{"x":1}', { id: "a" })), calls(whole("f", '{"x":2}', { id: "a" }))]],
  [
    "arguments of one of two calls",
    [calls(whole("f", "", { id: "a" }), whole("g", "", { id: "b" })), calls({ function: { arguments: "{}" } })],
  ],
  [
    "an id that stands for a call without one",
    [calls(whole("f", "{}", { id: "msg_1_1" })), calls(whole("g", "{}", {}))],
  ],
  [
    "held calls that are too long",
    [
      calls({ index: 0, function: { name: "f" } }, { index: 1, function: { name: "f" } }),
      ...Array.from({ length: 1025 }, () => calls({ index: 1, function: { arguments: "x".repeat(1024) } })),
    ],
  ],
  ["calls without end", Array.from({ length: 1025 }, (_, index) => calls({ index, function: { name: "f" } }))],
];

for (const [name, frames] of badChat) {
  test(`a chat stream with ${name} ends in a problem`, () => {
    const stream = messagesToChat.stream(MESSAGES_CONTEXT);
    const { problem, complete } = runStream(stream, frames);
    assert.match(problem ?? "", /^The model's provider .*\.$/);
    assert.equal(complete, false);
    assert.deepEqual(stream.frame(undefined, "[DONE]"), { ok: true, value: "" });
    assert.equal(stream.end(), "");
  });
}

test("of calls that begin in one chunk the first is told as it comes, and the others at the end", () => {
  const call = (index: number, more: JsonObject): JsonObject => ({ index, function: more });
  const frames = [
    calls({ ...call(0, { name: "f" }), id: "a" }, { ...call(1, { name: "g", arguments: "" }), id: "b" }),
    calls(call(1, { arguments: '{"x"' }), call(0, { arguments: "{" })),
    calls(call(0, { arguments: "}" }), { ...call(2, { name: "h", arguments: "[]" }), id: "c" }),
    calls(call(1, { arguments: ":1}" })),
    text("", "tool_calls"),
  ];
  const stream = messagesToChat.stream(MESSAGES_CONTEXT);
  const { text: sent, problem } = runStream(stream, frames);
  assert.equal(problem, undefined);
  const told = sseData(sent + stream.end()) as JsonObject[];
  const blocks = told.filter(({ type }) => typeof type === "string" && type.startsWith("content_block"));
  const block = (index: number, id: string, name: string, ...parts: string[]): JsonObject[] => [
    { type: "content_block_start", index, content_block: { type: "tool_use", id, name, input: {} } },
    ...parts.map((part) => ({
      type: "content_block_delta",
      index,
      delta: { type: "input_json_delta", partial_json: part },
    })),
    { type: "content_block_stop", index },
  ];
  assert.deepEqual(blocks, [
    ...block(0, "a", "f", "{", "}"),
    ...block(1, "b", "g", '{"x":1}'),
    ...block(2, "c", "h", "[]"),
  ]);
  assert.equal(stream.complete, true);
});

const ending = (reason: string): JsonObject => ({
  stop_reason: reason,
  stop_sequence: null,
  stop_details: null,
  container: null,
});

const oneByOne: readonly (readonly [name: string, ids: readonly [string, string], frames: readonly Frame[]])[] = [
  ["with ids", ["a", "b"], [calls(whole("f", '{"x":1}', { id: "a" })), calls(whole("g", '{"y":2}', { id: "b" }))]],
  ["with no ids", ["msg_1_0", "msg_1_1"], [calls(whole("f", '{"x":1}', { id: "" })), calls(whole("g", '{"y":2}', {}))]],
  [
    "with ids, in parts",
    ["a", "b"],
    [
      calls(whole("f", '{"x"', { id: "a" })),
      calls({ id: "a", function: { arguments: ":1}" } }),
      calls(whole("g", '{"y":2}', { id: "b" })),
    ],
  ],
];

for (const [name, [first, second], frames] of oneByOne) {
  test(`calls without an index, ${name}, one chunk after the other`, () => {
    const stream = messagesToChat.stream(MESSAGES_CONTEXT);
    const { text: sent, problem } = runStream(stream, [...frames, text("", "tool_calls"), unnamed("[DONE]")]);
    assert.equal(problem, undefined);
    const data = sseData(sent) as JsonObject[];
    const blocks = data.filter((one) => one["type"] === "content_block_start").map((one) => one["content_block"]);
    assert.deepEqual(blocks, [
      { type: "tool_use", id: first, name: "f", input: {} },
      { type: "tool_use", id: second, name: "g", input: {} },
    ]);
    const written = (index: number): string =>
      data
        .filter((one) => one["type"] === "content_block_delta" && one["index"] === index)
        .map((one) => (one["delta"] as { readonly partial_json: string }).partial_json)
        .join("");
    assert.deepEqual([written(0), written(1)], ['{"x":1}', '{"y":2}']);
    assert.equal(stream.complete, true);
  });
}

test("the parts of the one call that is there need neither index nor id", () => {
  const frames = [calls(whole("f", '{"x"', { index: 0, id: "a" })), calls({ function: { arguments: ":1}" } })];
  const { text: sent, problem } = runStream(messagesToChat.stream(MESSAGES_CONTEXT), frames);
  assert.equal(problem, undefined);
  assert.match(sent, /:1\}/);
});

test("whole calls in one chunk, without index or id", () => {
  const frames = [
    calls({ function: { name: "f", arguments: "{}" } }, { function: { name: "g", arguments: '{"a":1}' } }),
    text("", "stop"),
    unnamed("[DONE]"),
  ];
  const data = sseData(runStream(messagesToChat.stream(MESSAGES_CONTEXT), frames).text) as JsonObject[];
  const blocks = data.filter((one) => one["type"] === "content_block_start").map((one) => one["content_block"]);
  assert.deepEqual(blocks, [
    { type: "tool_use", id: "msg_1_0", name: "f", input: {} },
    { type: "tool_use", id: "msg_1_1", name: "g", input: {} },
  ]);
  assert.deepEqual(data.at(-2)?.["delta"], ending("tool_use"));
});

test("a refusal streams as text and ends as one", () => {
  const refusal = unnamed({ choices: [{ index: 0, delta: { refusal: "no" }, finish_reason: "stop" }] });
  const data = sseData(runStream(messagesToChat.stream(MESSAGES_CONTEXT), [refusal]).text) as JsonObject[];
  assert.deepEqual(data[2]?.["delta"], { type: "text_delta", text: "no" });
  assert.deepEqual(data.at(-2)?.["delta"], ending("refusal"));
});

test("of other choices, and of usage in every chunk, nothing and the last count", () => {
  const frames = [
    unnamed({
      choices: [{ index: 1, delta: { content: "other" } }],
      usage: { prompt_tokens: 3, completion_tokens: 1 },
    }),
    unnamed({ choices: [{ index: 0, delta: { content: "mine" } }], usage: { prompt_tokens: 3, completion_tokens: 2 } }),
    unnamed({
      choices: [{ index: 0, delta: {}, finish_reason: "stop" }],
      usage: { prompt_tokens: 3, completion_tokens: 9 },
    }),
    unnamed("[DONE]"),
  ];
  const { text: sent } = runStream(messagesToChat.stream(MESSAGES_CONTEXT), frames);
  assert.doesNotMatch(sent, /other/);
  const usage = (sseData(sent).at(-2) as JsonObject)["usage"] as JsonObject;
  assert.deepEqual([usage["input_tokens"], usage["output_tokens"]], [3, 9]);
});
