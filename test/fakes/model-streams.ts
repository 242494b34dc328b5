import { eventStreamFrame } from "../../router/core/inference/event-stream.ts";
import type { Api } from "../../router/core/inference/api.ts";
import type { Usage } from "../../router/core/inference/usage.ts";

/**
 * Streams and documents as the providers write them, octet by octet in their form (ai-gateways.md section 4), with
 * texts of our own. Each builder gives the frames one by one, so that a scripted upstream can pace, cut and repeat them.
 */
export type Frames = readonly Uint8Array[];

const encoder = new TextEncoder();

export const octets = (text: string): Uint8Array => encoder.encode(text);

/** The whole body. */
export function body(frames: Frames): Uint8Array {
  return Uint8Array.from(Buffer.concat(frames));
}

/** One event with data on one line. */
export function sse(data: unknown, event?: string, lineEnd = "\n"): Uint8Array {
  const text = typeof data === "string" ? data : JSON.stringify(data);
  return octets(`${event === undefined ? "" : `event: ${event}${lineEnd}`}data: ${text}${lineEnd}${lineEnd}`);
}

export const DONE = sse("[DONE]");

/** The pieces of an answer: with text beyond ASCII, quotes, and what looks like a usage. */
export const PIECES: readonly string[] = [
  "Two",
  " plus",
  " two —",
  ' "is"',
  ' {"usage":{"completion_tokens":0}}',
  " 四\n",
];

export interface ChatScript {
  readonly pieces?: readonly string[];
  /** Undefined: no usage chunk. */
  readonly usage?: object | undefined;
  /** On every chunk: null as OpenAI has it, a count as vLLM's `continuous_usage_stats`. */
  readonly running?: "null" | "count" | "none";
  readonly azure?: boolean;
  readonly done?: boolean;
  readonly choices?: number;
  readonly lineEnd?: string;
}

export const CHAT_USAGE = {
  prompt_tokens: 40,
  completion_tokens: 17,
  total_tokens: 57,
  prompt_tokens_details: { cached_tokens: 24, audio_tokens: 0 },
  completion_tokens_details: { reasoning_tokens: 5, audio_tokens: 0, accepted_prediction_tokens: 0 },
};

/** `POST /v1/chat/completions` with `stream: true`. */
export function chatStream(script: ChatScript = {}): Frames {
  const { pieces = PIECES, running = "null", azure = false, done = true, choices = 1, lineEnd = "\n" } = script;
  const usage = "usage" in script ? script.usage : CHAT_USAGE;
  let written = 0;
  const chunk = (list: readonly object[], more: object = {}): Uint8Array => {
    const stated =
      running === "null"
        ? { usage: null }
        : running === "count"
          ? { usage: { prompt_tokens: 40, total_tokens: 40 + written, completion_tokens: written } }
          : {};
    const common = {
      id: "chatcmpl-AbCdEfGhIjKlMnOpQrStUvWx",
      object: "chat.completion.chunk",
      created: 1_763_700_000,
      model: "gpt-4o-mini-2024-07-18",
      service_tier: "default",
      system_fingerprint: "fp_0123456789",
    };
    return sse({ ...common, choices: list, ...stated, ...more }, undefined, lineEnd);
  };
  const delta = (index: number, content: object, reason: string | null = null): object => ({
    index,
    delta: content,
    logprobs: null,
    finish_reason: reason,
  });
  const frames: Uint8Array[] = [];
  if (azure) {
    const filter = { hate: { filtered: false, severity: "safe" } };
    const first = { prompt_filter_results: [{ prompt_index: 0, content_filter_results: filter }] };
    frames.push(sse({ choices: [], created: 0, id: "", model: "", object: "", ...first }, undefined, lineEnd));
  }
  const indexes = Array.from({ length: choices }, (_, index) => index);
  for (const index of indexes) frames.push(chunk([delta(index, { role: "assistant", content: "", refusal: null })]));
  for (const content of pieces) {
    for (const index of indexes) {
      written++;
      frames.push(chunk([delta(index, { content })]));
    }
  }
  for (const index of indexes) frames.push(chunk([delta(index, {}, "stop")]));
  if (usage !== undefined) frames.push(chunk([], { usage }));
  if (done) frames.push(sse("[DONE]", undefined, lineEnd));
  return frames;
}

/** A call of a tool: its arguments come in pieces, and no text. */
export function chatToolStream(): Frames {
  const chunk = (delta: object, finish_reason: string | null = null): Uint8Array =>
    sse({
      id: "chatcmpl-tool",
      object: "chat.completion.chunk",
      created: 1_763_700_001,
      model: "gpt-4o",
      choices: [{ index: 0, delta, finish_reason }],
    });
  const call = (more: object): object => ({ tool_calls: [{ index: 0, ...more }] });
  return [
    chunk({ role: "assistant", content: null }),
    chunk(call({ id: "call_1", type: "function", function: { name: "add", arguments: "" } })),
    chunk(call({ function: { arguments: '{"a":' } })),
    chunk(call({ function: { arguments: "2}" } })),
    chunk({}, "tool_calls"),
    DONE,
  ];
}

/** `POST /v1/completions` with `stream: true`. */
export function completionsStream(): Frames {
  const chunk = (choices: readonly object[], usage: object | null = null): Uint8Array =>
    sse({ id: "cmpl-1", object: "text_completion", created: 1_763_700_002, model: "davinci-002", choices, usage });
  return [
    ...PIECES.map((text) => chunk([{ text, index: 0, logprobs: null, finish_reason: null }])),
    chunk([{ text: "", index: 0, logprobs: null, finish_reason: "length" }]),
    chunk([], { prompt_tokens: 9, completion_tokens: 6, total_tokens: 15 }),
    DONE,
  ];
}

export const RESPONSES_USAGE = {
  input_tokens: 52,
  input_tokens_details: { cached_tokens: 32 },
  output_tokens: 21,
  output_tokens_details: { reasoning_tokens: 8 },
  total_tokens: 73,
};

/** `POST /v1/responses` with `stream: true`; `end` is what the last event says. */
export function responsesStream(end: "completed" | "incomplete" | "failed" = "completed"): Frames {
  let sequence = 0;
  const event = (type: string, more: object): Uint8Array => sse({ type, sequence_number: sequence++, ...more }, type);
  const response = (status: string, more: object = {}): object => ({
    response: {
      id: "resp_0123456789abcdef",
      object: "response",
      created_at: 1_763_700_003,
      status,
      error: null,
      incomplete_details: null,
      model: "gpt-5-2025-08-07",
      output: [],
      // What a caller wrote is repeated here: it is no usage.
      tools: [{ type: "function", name: "t", parameters: { usage: { input_tokens: 0, output_tokens: 0 } } }],
      usage: null,
      metadata: {},
      ...more,
    },
  });
  const item = { id: "msg_1", type: "message", status: "in_progress", role: "assistant", content: [] };
  const place = { item_id: "msg_1", output_index: 0, content_index: 0 };
  const ends = {
    completed: { usage: RESPONSES_USAGE },
    incomplete: { usage: RESPONSES_USAGE, incomplete_details: { reason: "max_output_tokens" } },
    failed: { usage: null, error: { code: "server_error", message: "The model failed." } },
  };
  return [
    event("response.created", response("in_progress")),
    event("response.in_progress", response("in_progress")),
    event("response.output_item.added", { output_index: 0, item }),
    event("response.content_part.added", { ...place, part: { type: "output_text", text: "", annotations: [] } }),
    ...PIECES.map((delta) =>
      event("response.output_text.delta", { ...place, delta, logprobs: [], obfuscation: "x7Fq" }),
    ),
    event("response.output_text.done", { ...place, text: PIECES.join("") }),
    event(`response.${end}`, response(end, ends[end])),
  ];
}

export interface MessagesScript {
  /** Ends after so many frames. */
  readonly frames?: number;
  /** A call of a tool instead of text. */
  readonly tool?: boolean;
}

/** `POST /v1/messages` with `stream: true`: cached input, thinking, a ping. */
export function messagesStream({ frames, tool = false }: MessagesScript = {}): Frames {
  const event = (type: string, more: object = {}): Uint8Array => sse({ type, ...more }, type);
  const block = tool
    ? [
        event("content_block_start", {
          index: 1,
          content_block: { type: "tool_use", id: "toolu_1", name: "add", input: {} },
        }),
        event("content_block_delta", { index: 1, delta: { type: "input_json_delta", partial_json: '{"a": 2}' } }),
      ]
    : [
        event("content_block_start", { index: 1, content_block: { type: "text", text: "" } }),
        ...PIECES.map((text) => event("content_block_delta", { index: 1, delta: { type: "text_delta", text } })),
      ];
  const usage = {
    input_tokens: 11,
    cache_creation_input_tokens: 30,
    cache_read_input_tokens: 200,
    cache_creation: { ephemeral_5m_input_tokens: 10, ephemeral_1h_input_tokens: 20 },
    output_tokens: 1,
    service_tier: "standard",
  };
  const all = [
    event("message_start", {
      message: {
        id: "msg_01AbCdEf",
        type: "message",
        role: "assistant",
        model: "claude-sonnet-4-5-20250929",
        content: [],
        stop_reason: null,
        stop_sequence: null,
        usage,
      },
    }),
    event("content_block_start", { index: 0, content_block: { type: "thinking", thinking: "", signature: "" } }),
    event("ping"),
    event("content_block_delta", { index: 0, delta: { type: "thinking_delta", thinking: "Let me add." } }),
    event("content_block_delta", { index: 0, delta: { type: "signature_delta", signature: "c2lnbmF0dXJl" } }),
    event("content_block_stop", { index: 0 }),
    ...block,
    event("content_block_stop", { index: 1 }),
    event("message_delta", {
      delta: { stop_reason: tool ? "tool_use" : "end_turn", stop_sequence: null },
      usage: {
        input_tokens: null,
        cache_read_input_tokens: null,
        output_tokens: 33,
        server_tool_use: { web_search_requests: 2, web_fetch_requests: 1 },
      },
    }),
    event("message_stop"),
  ];
  return frames === undefined ? all : all.slice(0, frames);
}

export const MESSAGES_ERROR = sse(
  { type: "error", error: { type: "overloaded_error", message: "Overloaded" }, request_id: "req_1" },
  "error",
);

/** `:streamGenerateContent?alt=sse`, with CR LF as Google writes it. */
export function geminiStream(): Frames {
  const chunk = (text: string, candidates: number, more: object = {}, finish: object = {}): Uint8Array =>
    sse(
      {
        candidates: [{ content: { parts: [{ text }], role: "model" }, ...finish, index: 0 }],
        usageMetadata: {
          promptTokenCount: 10,
          candidatesTokenCount: candidates,
          totalTokenCount: 10 + candidates + 25,
          promptTokensDetails: [
            { modality: "TEXT", tokenCount: 8 },
            { modality: "AUDIO", tokenCount: 2 },
          ],
          thoughtsTokenCount: 25,
          ...more,
        },
        modelVersion: "gemini-2.5-flash",
        responseId: "aBcDeFgH",
      },
      undefined,
      "\r\n",
    );
  const last = { cachedContentTokenCount: 4, toolUsePromptTokenCount: 3, totalTokenCount: 52 };
  return [...PIECES.map((text, index) => chunk(text, index + 2)), chunk("", 14, last, { finishReason: "STOP" })];
}

/** One event frame of an AWS event stream. */
export function awsEvent(type: string, payload: unknown): Uint8Array {
  const headers = [
    [":event-type", type],
    [":content-type", "application/json"],
    [":message-type", "event"],
  ] as const;
  return eventStreamFrame(headers, octets(JSON.stringify(payload)));
}

export function awsException(type: string, message: string): Uint8Array {
  const headers = [
    [":exception-type", type],
    [":content-type", "application/json"],
    [":message-type", "exception"],
  ] as const;
  return eventStreamFrame(headers, octets(JSON.stringify({ message })));
}

/** `/model/<model>/converse-stream` */
export function converseStream(): Frames {
  return [
    awsEvent("messageStart", { role: "assistant", p: "abcdef" }),
    ...PIECES.map((text) => awsEvent("contentBlockDelta", { contentBlockIndex: 0, delta: { text }, p: "abc" })),
    awsEvent("contentBlockStop", { contentBlockIndex: 0 }),
    awsEvent("messageStop", { stopReason: "end_turn" }),
    awsEvent("metadata", {
      usage: {
        inputTokens: 5,
        outputTokens: 19,
        totalTokens: 124,
        cacheReadInputTokens: 60,
        cacheWriteInputTokens: 40,
        cacheDetails: [
          { ttl: "1h", inputTokens: 30 },
          { ttl: "5m", inputTokens: 10 },
        ],
      },
      metrics: { latencyMs: 431 },
    }),
  ];
}

const chunk = (value: unknown): Uint8Array =>
  awsEvent("chunk", { bytes: Buffer.from(JSON.stringify(value)).toString("base64"), p: "abcdefgh" });

const METRICS = { inputTokenCount: 11, outputTokenCount: 33, invocationLatency: 900, firstByteLatency: 200 };

/** `/model/<model>/invoke-with-response-stream` of a model of Anthropic's: its events, and the metrics in the last. */
export function invokeStream(): Frames {
  const events = messagesStream().map((frame) => {
    const text = new TextDecoder().decode(frame);
    return JSON.parse(text.slice(text.indexOf("data: ") + 6)) as { readonly type: string };
  });
  const metrics = { ...METRICS, cacheReadInputTokenCount: 200, cacheWriteInputTokenCount: 30 };
  return events.map((event) =>
    chunk(event.type === "message_stop" ? { ...event, "amazon-bedrock-invocationMetrics": metrics } : event),
  );
}

/** The same of a model of another vendor's. */
export function invokeOtherStream(): Frames {
  return [
    ...PIECES.map((generation) => chunk({ generation, prompt_token_count: null, stop_reason: null })),
    chunk({ generation: "", stop_reason: "stop", "amazon-bedrock-invocationMetrics": METRICS }),
  ];
}

/** `/api/chat`; without the count of the prompt where it was in the cache. */
export function ollamaStream({ prompt = true }: { readonly prompt?: boolean } = {}): Frames {
  const line = (more: object): Uint8Array =>
    octets(`${JSON.stringify({ model: "llama3.2:3b", created_at: "2026-11-20T10:00:00.123Z", ...more })}\n`);
  const counts = { eval_count: 12, eval_duration: 400_000_000, ...(prompt ? { prompt_eval_count: 26 } : {}) };
  return [
    ...PIECES.map((content) => line({ message: { role: "assistant", content }, done: false })),
    line({
      message: { role: "assistant", content: "" },
      done: true,
      done_reason: "stop",
      total_duration: 5,
      ...counts,
    }),
  ];
}

export interface StreamFixture {
  readonly name: string;
  readonly api: Api;
  readonly frames: Frames;
  readonly usage: Partial<Usage>;
}

/** Every kind of whole stream, with what it states. */
export const STREAM_FIXTURES: readonly StreamFixture[] = [
  fixture("chat", "chat", chatStream(), { input: 40, cacheRead: 24, output: 17, reasoning: 5 }),
  fixture("chat, CR LF", "chat", chatStream({ lineEnd: "\r\n" }), {
    input: 40,
    cacheRead: 24,
    output: 17,
    reasoning: 5,
  }),
  fixture("chat, CR", "chat", chatStream({ lineEnd: "\r" }), { input: 40, cacheRead: 24, output: 17, reasoning: 5 }),
  fixture("chat, Azure", "chat", chatStream({ azure: true }), { input: 40, cacheRead: 24, output: 17, reasoning: 5 }),
  fixture("chat, running usage", "chat", chatStream({ running: "count" }), {
    input: 40,
    cacheRead: 24,
    output: 17,
    reasoning: 5,
  }),
  fixture("chat, three choices", "chat", chatStream({ choices: 3, pieces: PIECES.slice(0, 2) }), {
    input: 40,
    cacheRead: 24,
    output: 17,
    reasoning: 5,
  }),
  fixture("completions", "completions", completionsStream(), { input: 9, output: 6 }),
  fixture("responses", "responses", responsesStream(), { input: 52, cacheRead: 32, output: 21, reasoning: 8 }),
  fixture("messages", "messages", messagesStream(), {
    input: 241,
    cacheRead: 200,
    cacheWrite: 30,
    cacheWriteHour: 20,
    output: 33,
    toolCalls: 3,
  }),
  fixture("Gemini", "generate_content", geminiStream(), {
    input: 13,
    cacheRead: 4,
    audioInput: 2,
    output: 39,
    reasoning: 25,
  }),
  fixture("Converse", "converse", converseStream(), {
    input: 105,
    cacheRead: 60,
    cacheWrite: 40,
    cacheWriteHour: 30,
    output: 19,
  }),
  fixture("Invoke, Anthropic", "invoke", invokeStream(), {
    input: 241,
    cacheRead: 200,
    cacheWrite: 30,
    cacheWriteHour: 20,
    output: 33,
    toolCalls: 3,
  }),
  fixture("Invoke, another", "invoke", invokeOtherStream(), { input: 11, output: 33 }),
  fixture("Ollama", "ollama_chat", ollamaStream(), { input: 26, output: 12 }),
];

function fixture(name: string, api: Api, frames: Frames, usage: Partial<Usage>): StreamFixture {
  return { name, api, frames, usage };
}
