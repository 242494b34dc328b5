import assert from "node:assert/strict";
import { test } from "node:test";
import Anthropic, { AnthropicError, APIError as AnthropicApiError, InternalServerError } from "@anthropic-ai/sdk";
import OpenAI, { APIError, RateLimitError } from "openai";
import { chatToMessages } from "../../../../router/core/translate/chat-to-messages.ts";
import { messagesToChat } from "../../../../router/core/translate/messages-to-chat.ts";
import type { Translation } from "../../../../router/core/translate/translation.ts";
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
  unnamed,
} from "./translate-fixture.ts";

/** A network of one answer. */
const answering = (status: number, type: string, body: string) => () =>
  Promise.resolve(new Response(body, { status, headers: { "content-type": type } }));

function openai(status: number, type: string, body: string): OpenAI {
  return new OpenAI({ apiKey: "none", maxRetries: 0, fetch: answering(status, type, body) });
}

function anthropic(status: number, type: string, body: string): Anthropic {
  return new Anthropic({ apiKey: "none", maxRetries: 0, fetch: answering(status, type, body) });
}

const SSE = "text/event-stream";
const streamed = (translation: Translation, frames: readonly Frame[]): string =>
  runStream(translation.stream(translation === chatToMessages ? CHAT_CONTEXT : MESSAGES_CONTEXT), frames).text;

const CHAT_ASK = { model: "asked-model", messages: [{ role: "user" as const, content: "hi" }] };
const MESSAGES_ASK = { ...CHAT_ASK, max_tokens: 100 };

test("openai: ChatCompletionStream accumulates a translated messages stream", async () => {
  const runner = openai(200, SSE, streamed(chatToMessages, MESSAGES_STREAM)).chat.completions.stream({
    ...CHAT_ASK,
    stream_options: { include_usage: true },
  });
  let content = "";
  const done: string[] = [];
  runner.on("content.delta", ({ delta }) => (content += delta));
  runner.on("tool_calls.function.arguments.done", ({ name, arguments: text }) => done.push(`${name}(${text})`));
  const completion = await runner.finalChatCompletion();
  const [choice] = completion.choices;
  assert.equal(completion.id, "chatcmpl-1");
  assert.equal(content, "Hello \u2028wörld\n\n\ud83d\ude00");
  assert.equal(choice?.message.content, content);
  assert.equal(choice.finish_reason, "tool_calls");
  assert.deepEqual(done, ['weather({"city": "Paris"})', "now({})"]);
  assert.deepEqual(
    choice.message.tool_calls?.map((call) => [call.id, call.type, call.type === "function" && call.function.name]),
    [
      ["toolu_A", "function", "weather"],
      ["toolu_B", "function", "now"],
    ],
  );
  assert.deepEqual(completion.usage, COMPLETION["usage"]);
});

test("openai: an error in the stream is an APIError, and a cut stream never has a finish reason", async () => {
  const error = named({ type: "error", error: { type: "overloaded_error", message: "Overloaded" } });
  const failing = openai(200, SSE, streamed(chatToMessages, [...MESSAGES_STREAM.slice(0, 9), error]));
  const stream = await failing.chat.completions.create({ ...CHAT_ASK, stream: true });
  const readAll = async () => {
    for await (const chunk of stream) assert.equal(chunk.id, "chatcmpl-1");
  };
  await assert.rejects(readAll, (thrown: unknown) => {
    assert.ok(thrown instanceof APIError);
    assert.deepEqual([thrown.code, thrown.type], ["server_is_overloaded", "server_error"]);
    return true;
  });
  const cut = openai(200, SSE, streamed(chatToMessages, MESSAGES_STREAM.slice(0, 12)));
  await assert.rejects(cut.chat.completions.stream(CHAT_ASK).finalChatCompletion(), /finish_reason/);
});

test("openai: a whole response and a refusal", async () => {
  const whole = chatToMessages.response(MESSAGE, CHAT_CONTEXT);
  assert.ok(whole.ok);
  const completion = await openai(200, "application/json", JSON.stringify(whole.value)).chat.completions.create(
    CHAT_ASK,
  );
  assert.equal(completion.choices[0]?.message.tool_calls?.length, 2);
  const { status, body } = chatToMessages.error({ error: { type: "rate_limit_error", message: "slow" } }, 429);
  const asked = openai(status, "application/json", JSON.stringify(body)).chat.completions.create(CHAT_ASK);
  await assert.rejects(asked, (thrown: unknown) => {
    assert.ok(thrown instanceof RateLimitError);
    assert.equal(thrown.code, "rate_limit_exceeded");
    return true;
  });
});

test("anthropic: finalMessage of a translated chat stream", async () => {
  const runner = anthropic(200, SSE, streamed(messagesToChat, CHAT_STREAM)).messages.stream(MESSAGES_ASK);
  const blocks: string[] = [];
  runner.on("contentBlock", ({ type }) => blocks.push(type));
  const message = await runner.finalMessage();
  assert.deepEqual(blocks, ["text", "tool_use", "tool_use"]);
  assert.deepEqual([message.id, message.model, message.stop_reason], ["msg_1", "asked-model", "tool_use"]);
  assert.deepEqual(JSON.parse(JSON.stringify(message.content)), [
    { type: "text", text: "Hello \u2028wörld\n\n\ud83d\ude00" },
    { type: "tool_use", id: "call_A", name: "weather", input: { city: "Paris" } },
    { type: "tool_use", id: "call_B", name: "now", input: {} },
  ]);
  assert.deepEqual(message.usage, MESSAGE["usage"]);
});

test("anthropic: an error in the stream is an APIError, and a cut stream has no message", async () => {
  const error = unnamed({ error: { message: "m", type: "requests", code: "rate_limit_exceeded" } });
  const failing = anthropic(200, SSE, streamed(messagesToChat, [...CHAT_STREAM.slice(0, 4), error]));
  await assert.rejects(failing.messages.stream(MESSAGES_ASK).finalMessage(), (thrown: unknown) => {
    assert.ok(thrown instanceof AnthropicApiError);
    assert.equal(thrown.type, "rate_limit_error");
    return true;
  });
  const cut = anthropic(200, SSE, streamed(messagesToChat, CHAT_STREAM.slice(0, 7)));
  await assert.rejects(cut.messages.stream(MESSAGES_ASK).finalMessage(), AnthropicError);
});

test("anthropic: a whole response and a refusal", async () => {
  const whole = messagesToChat.response(COMPLETION, MESSAGES_CONTEXT);
  assert.ok(whole.ok);
  const message = await anthropic(200, "application/json", JSON.stringify(whole.value)).messages.create(MESSAGES_ASK);
  assert.deepEqual(
    message.content.map(({ type }) => type),
    ["text", "tool_use", "tool_use"],
  );
  const { status, body } = messagesToChat.error({ error: { code: "server_is_overloaded", message: "m" } }, 503);
  const asked = anthropic(status, "application/json", JSON.stringify(body)).messages.create(MESSAGES_ASK);
  await assert.rejects(asked, (thrown: unknown) => {
    assert.ok(thrown instanceof InternalServerError);
    assert.deepEqual([thrown.status, thrown.type], [529, "overloaded_error"]);
    return true;
  });
});
