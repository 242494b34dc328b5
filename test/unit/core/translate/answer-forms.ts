import type { Json } from "../../../../router/core/json/json.ts";
import type { JsonObject } from "../../../../router/core/translate/json-object.ts";
import { type Frame, named, unnamed } from "./translate-fixture.ts";

export interface Call {
  readonly id: string;
  readonly name: string;
  readonly input: JsonObject;
}

/** One answer, as events or chunks that split its texts and arguments anywhere. */
export interface Answer {
  readonly text: string;
  readonly calls: readonly Call[];
  readonly usage: readonly [input: number, cacheWrite: number, cacheRead: number, output: number, reasoning: number];
}

function pieces(text: string, size: number): string[] {
  const parts = [];
  for (let at = 0; at < text.length; at += size) parts.push(text.slice(at, at + size));
  return parts;
}

const stopOf = ({ calls }: Answer): string => (calls.length === 0 ? "end_turn" : "tool_use");

function messagesUsage([input, cacheWrite, cacheRead, output, reasoning]: Answer["usage"]): JsonObject {
  return {
    input_tokens: input,
    cache_creation_input_tokens: cacheWrite,
    cache_read_input_tokens: cacheRead,
    output_tokens: output,
    output_tokens_details: { thinking_tokens: reasoning },
  };
}

export function chatUsage([input, cacheWrite, cacheRead, output, reasoning]: Answer["usage"]): JsonObject {
  const prompt = input + cacheWrite + cacheRead;
  return {
    prompt_tokens: prompt,
    completion_tokens: output,
    total_tokens: prompt + output,
    prompt_tokens_details: { cached_tokens: cacheRead, cache_write_tokens: cacheWrite },
    completion_tokens_details: { reasoning_tokens: reasoning },
  };
}

export function asMessage(answer: Answer): JsonObject {
  const uses = answer.calls.map(({ id, name, input }): JsonObject => ({ type: "tool_use", id, name, input }));
  const content = [...(answer.text === "" ? [] : [{ type: "text", text: answer.text }]), ...uses];
  return {
    id: "msg_1",
    type: "message",
    role: "assistant",
    model: "asked-model",
    content,
    stop_reason: stopOf(answer),
    stop_sequence: null,
    stop_details: null,
    container: null,
    usage: messagesUsage(answer.usage),
  };
}

export function asCompletion({ text, calls, usage }: Answer): JsonObject {
  const toolCalls = calls.map(({ id, name, input }): JsonObject => ({
    id,
    type: "function",
    function: { name, arguments: JSON.stringify(input) },
  }));
  const message = {
    role: "assistant",
    content: text === "" && calls.length > 0 ? null : text,
    refusal: null,
    ...(calls.length === 0 ? {} : { tool_calls: toolCalls }),
  };
  return {
    id: "chatcmpl-1",
    object: "chat.completion",
    created: 1_790_000_000,
    model: "asked-model",
    choices: [{ index: 0, message, logprobs: null, finish_reason: calls.length === 0 ? "stop" : "tool_calls" }],
    usage: chatUsage(usage),
  };
}

export function asEvents(answer: Answer, size: number): Frame[] {
  const blocks: [JsonObject, JsonObject[]][] = [];
  if (answer.text !== "")
    blocks.push([{ type: "text", text: "" }, pieces(answer.text, size).map((text) => ({ type: "text_delta", text }))]);
  for (const { id, name, input } of answer.calls) {
    const parts = pieces(JSON.stringify(input), size).map((partial) => ({
      type: "input_json_delta",
      partial_json: partial,
    }));
    blocks.push([{ type: "tool_use", id, name, input: {} }, parts]);
  }
  return [
    named({
      type: "message_start",
      message: { ...asMessage(answer), content: [], usage: { ...messagesUsage(answer.usage), output_tokens: 1 } },
    }),
    ...blocks.flatMap(([block, deltas], index): Frame[] => [
      named({ type: "content_block_start", index, content_block: block }),
      ...deltas.map((delta) => named({ type: "content_block_delta", index, delta })),
      named({ type: "content_block_stop", index }),
    ]),
    named({ type: "message_delta", delta: { stop_reason: stopOf(answer) }, usage: messagesUsage(answer.usage) }),
    named({ type: "message_stop" }),
  ];
}

export function asChunks({ text, calls, usage }: Answer, size: number): Frame[] {
  const chunk = (delta: JsonObject, finish: string | null = null): Frame =>
    unnamed({ choices: [{ index: 0, delta, finish_reason: finish }] });
  return [
    chunk({ role: "assistant", content: "" }),
    ...pieces(text, size).map((content) => chunk({ content })),
    ...calls.flatMap(({ id, name, input }, index): Frame[] => [
      chunk({ tool_calls: [{ index, id, type: "function", function: { name, arguments: "" } }] }),
      ...pieces(JSON.stringify(input), size).map((part) =>
        chunk({ tool_calls: [{ index, function: { arguments: part } }] }),
      ),
    ]),
    chunk({}, calls.length === 0 ? "stop" : "tool_calls"),
    unnamed({ choices: [], usage: chatUsage(usage) }),
    unnamed("[DONE]"),
  ];
}

interface Event {
  readonly type: string;
  readonly index: number;
  readonly message?: JsonObject;
  readonly content_block?: JsonObject;
  readonly delta?: { readonly text?: string; readonly partial_json?: string };
  readonly usage?: Json;
}

interface Block {
  readonly start: JsonObject;
  text: string;
  input: string;
}

/** What a client of messages has at the end. */
export function messageOf(data: readonly Json[]): JsonObject {
  const blocks: Block[] = [];
  let message: JsonObject = {};
  for (const { type, index, delta, usage, ...event } of data as unknown as Event[]) {
    if (type === "message_start") message = { ...event.message };
    if (type === "content_block_start") blocks[index] = { start: event.content_block ?? {}, text: "", input: "" };
    const block = blocks[index];
    if (type === "content_block_delta" && block !== undefined) {
      block.text += delta?.text ?? "";
      block.input += delta?.partial_json ?? "";
    }
    if (type === "message_delta") message = { ...message, ...(delta as JsonObject), usage: usage ?? null };
  }
  const content = blocks.map(({ start, text, input }): JsonObject => {
    return start["type"] === "text" ? { ...start, text } : { ...start, input: JSON.parse(input) as Json };
  });
  return { ...message, content };
}

interface Chunk {
  readonly choices: readonly { readonly delta: Delta; readonly finish_reason: string | null }[];
  readonly usage: Json;
}

interface Delta {
  readonly content?: string;
  readonly tool_calls?: readonly { index: number; id?: string; function: { name?: string; arguments: string } }[];
}

/** What a client of chat has at the end. */
export function completionOf(data: readonly Json[]): JsonObject {
  const chunks = data.filter((one) => one !== "[DONE]") as unknown as Chunk[];
  const choices = chunks.flatMap((chunk) => chunk.choices);
  const calls: { id: string; name: string; text: string }[] = [];
  for (const { index, id, function: called } of choices.flatMap(({ delta }) => delta.tool_calls ?? [])) {
    const call = (calls[index] ??= { id: id ?? "", name: called.name ?? "", text: "" });
    call.text += called.arguments;
  }
  return {
    content: choices.map(({ delta }) => delta.content ?? "").join(""),
    calls: calls.map(({ id, name, text }) => [id, name, JSON.parse(text) as Json]),
    finish: choices.at(-1)?.finish_reason ?? null,
    usage: chunks.at(-1)?.usage ?? null,
  };
}
