import assert from "node:assert/strict";
import type { Json } from "../../../../router/core/json/json.ts";
import type { JsonObject } from "../../../../router/core/translate/json-object.ts";
import type { StreamContext, StreamTranslation, Translation } from "../../../../router/core/translate/translation.ts";

export const TARGET = { model: "target-model", maxOutput: 4096 } as const;

export const CHAT_CONTEXT: StreamContext = {
  model: "asked-model",
  id: "chatcmpl-1",
  createdSeconds: 1_790_000_000,
  includeUsage: true,
};

export const MESSAGES_CONTEXT: StreamContext = { ...CHAT_CONTEXT, id: "msg_1" };

/** The body for the target, or `{param, sentence}`. */
export function translated(translation: Translation, body: JsonObject): JsonObject {
  const result = translation.request(body, TARGET);
  return result.ok ? result.value : assert.fail(`${result.problem.param}: ${result.problem.sentence}`);
}

/** `param` of the refusal. */
export function refusedParam(translation: Translation, body: JsonObject): string {
  const result = translation.request(body, TARGET);
  if (result.ok) assert.fail(`carried over: ${JSON.stringify(result.value)}`);
  assert.match(result.problem.sentence, /^[A-Z].*\.$/);
  return result.problem.param;
}

/** A frame as its event name and data. */
export type Frame = readonly [event: string | undefined, data: Json];

export const named = (data: { readonly type: string } & JsonObject): Frame => [data.type, data];
export const unnamed = (data: Json): Frame => [undefined, data];

export interface StreamOutcome {
  readonly text: string;
  readonly problem: string | undefined;
  readonly complete: boolean;
}

export function runStream(stream: StreamTranslation, frames: readonly Frame[]): StreamOutcome {
  let text = "";
  for (const [event, data] of frames) {
    const result = stream.frame(event, typeof data === "string" ? data : JSON.stringify(data));
    if (!result.ok) return { text, problem: result.problem, complete: stream.complete };
    text += result.value;
  }
  text += stream.end();
  return { text, problem: undefined, complete: stream.complete };
}

/** What a client reads: each frame's data, parsed, in order; `[DONE]` as it is. */
export function sseData(text: string): Json[] {
  assert.ok(text === "" || text.endsWith("\n\n"));
  return text
    .split("\n\n")
    .filter((frame) => frame !== "")
    .map((frame) => {
      const data = /^(?:event: [a-z_]+\n)?data: ([^\n]*)$/.exec(frame)?.[1] ?? assert.fail(`no frame: ${frame}`);
      return data === "[DONE]" ? data : (JSON.parse(data) as Json);
    });
}

/** A messages stream with text in two parts, two tools (one without input), thinking, and cached tokens. */
export const MESSAGES_STREAM: readonly Frame[] = [
  named({
    type: "message_start",
    message: {
      id: "msg_up",
      type: "message",
      role: "assistant",
      content: [],
      model: "target-model",
      stop_reason: null,
      usage: { input_tokens: 10, cache_creation_input_tokens: 5, cache_read_input_tokens: 100, output_tokens: 1 },
    },
  }),
  named({ type: "ping" }),
  named({ type: "content_block_start", index: 0, content_block: { type: "thinking", thinking: "", signature: "" } }),
  named({ type: "content_block_delta", index: 0, delta: { type: "thinking_delta", thinking: "let me see" } }),
  named({ type: "content_block_delta", index: 0, delta: { type: "signature_delta", signature: "c2ln" } }),
  named({ type: "content_block_stop", index: 0 }),
  named({ type: "content_block_start", index: 1, content_block: { type: "text", text: "" } }),
  named({ type: "content_block_delta", index: 1, delta: { type: "text_delta", text: "Hello \u2028" } }),
  named({ type: "content_block_delta", index: 1, delta: { type: "text_delta", text: "wörld\n\n\ud83d\ude00" } }),
  named({ type: "content_block_stop", index: 1 }),
  named({
    type: "content_block_start",
    index: 2,
    content_block: { type: "tool_use", id: "toolu_A", name: "weather", input: {} },
  }),
  named({ type: "content_block_delta", index: 2, delta: { type: "input_json_delta", partial_json: "" } }),
  named({ type: "content_block_delta", index: 2, delta: { type: "input_json_delta", partial_json: '{"city": "P' } }),
  named({ type: "content_block_delta", index: 2, delta: { type: "input_json_delta", partial_json: 'aris"}' } }),
  named({ type: "content_block_stop", index: 2 }),
  named({
    type: "content_block_start",
    index: 3,
    content_block: { type: "tool_use", id: "toolu_B", name: "now", input: {} },
  }),
  named({ type: "content_block_stop", index: 3 }),
  named({ type: "unheard_of", index: 3 }),
  named({
    type: "message_delta",
    delta: { stop_reason: "tool_use", stop_sequence: null },
    usage: { output_tokens: 40, input_tokens: null, output_tokens_details: { thinking_tokens: 7 } },
  }),
  named({ type: "message_stop" }),
];

const chunk = (delta: JsonObject, finish: string | null = null): Frame =>
  unnamed({
    id: "chatcmpl-up",
    object: "chat.completion.chunk",
    created: 1,
    model: "target-model",
    system_fingerprint: "fp_1",
    choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
    usage: null,
  });

const call = (index: number, members: JsonObject): JsonObject => ({ tool_calls: [{ index, ...members }] });

/** A chat stream as Azure sends it: filter results first, text, two tools, usage in a chunk without a choice. */
export const CHAT_STREAM: readonly Frame[] = [
  unnamed({ id: "", object: "", created: 0, model: "", choices: [], prompt_filter_results: [{ prompt_index: 0 }] }),
  chunk({ role: "assistant", content: "", refusal: null }),
  chunk({ content: "Hello \u2028" }),
  chunk({ reasoning_content: "let me see" }),
  chunk({ content: "wörld\n\n\ud83d\ude00" }),
  chunk(call(0, { id: "call_A", type: "function", function: { name: "weather", arguments: "" } })),
  chunk(call(0, { function: { arguments: '{"city": "P' } })),
  chunk(call(0, { function: { arguments: 'aris"}' } })),
  chunk(call(1, { id: "call_B", type: "function", function: { name: "now", arguments: "{}" } })),
  chunk({}, "tool_calls"),
  unnamed({
    id: "chatcmpl-up",
    object: "chat.completion.chunk",
    created: 1,
    model: "target-model",
    choices: [],
    usage: {
      prompt_tokens: 115,
      completion_tokens: 40,
      total_tokens: 155,
      prompt_tokens_details: { cached_tokens: 100, cache_write_tokens: 5 },
      completion_tokens_details: { reasoning_tokens: 7 },
    },
  }),
  unnamed("[DONE]"),
];

/** As `MESSAGES_STREAM`, in one piece. */
export const MESSAGE: JsonObject = {
  id: "msg_up",
  type: "message",
  role: "assistant",
  model: "target-model",
  content: [
    { type: "thinking", thinking: "let me see", signature: "c2ln" },
    { type: "text", text: "Hello \u2028wörld\n\n\ud83d\ude00" },
    { type: "tool_use", id: "toolu_A", name: "weather", input: { city: "Paris" } },
    { type: "tool_use", id: "toolu_B", name: "now", input: {} },
  ],
  stop_reason: "tool_use",
  stop_sequence: null,
  usage: {
    input_tokens: 10,
    cache_creation_input_tokens: 5,
    cache_read_input_tokens: 100,
    output_tokens: 40,
    output_tokens_details: { thinking_tokens: 7 },
  },
};

/** As `CHAT_STREAM`, in one piece. */
export const COMPLETION: JsonObject = {
  id: "chatcmpl-up",
  object: "chat.completion",
  created: 1,
  model: "target-model",
  choices: [
    {
      index: 0,
      message: {
        role: "assistant",
        content: "Hello \u2028wörld\n\n\ud83d\ude00",
        refusal: null,
        reasoning_content: "let me see",
        tool_calls: [
          { id: "call_A", type: "function", function: { name: "weather", arguments: '{"city": "Paris"}' } },
          { id: "call_B", type: "function", function: { name: "now", arguments: "{}" } },
        ],
      },
      finish_reason: "tool_calls",
    },
  ],
  usage: {
    prompt_tokens: 115,
    completion_tokens: 40,
    total_tokens: 155,
    prompt_tokens_details: { cached_tokens: 100, cache_write_tokens: 5 },
    completion_tokens_details: { reasoning_tokens: 7 },
  },
};
