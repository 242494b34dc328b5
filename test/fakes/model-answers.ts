/** Token counts as a script gives them; the form they take is the API's. */
export interface AnswerUsage {
  /** Without what was read from a cache, as Anthropic counts; the other APIs' input is the sum. */
  readonly input: number;
  readonly output: number;
  readonly cacheRead: number;
  readonly cacheWrite: number;
  readonly reasoning: number;
}

export interface AnswerParts {
  /** Words, one frame each where it is a stream. */
  readonly words: readonly string[];
  readonly model: string;
  /** Undefined: the answer says nothing of it. */
  readonly usage: AnswerUsage | undefined;
  /** Of a chat stream: the request asked for the usage chunk. */
  readonly includeUsage: boolean;
}

export interface NativeAnswer {
  readonly contentType: string;
  /** Joined they are the body; a stream has one a frame. */
  readonly frames: readonly string[];
}

type Build = (parts: AnswerParts, stream: boolean) => NativeAnswer;

const CREATED = 1_790_000_000;

const rows: readonly (readonly [RegExp, Build])[] = [
  [/\/chat\/completions$/, chat],
  [/\/completions$/, completions],
  [/\/responses$/, responses],
  [/\/embeddings$/, embeddings],
  [/\/messages\/count_tokens$/, (parts) => json({ input_tokens: parts.usage?.input ?? 0 })],
  [/\/messages$/, messages],
  [/:generateContent$|:streamGenerateContent$/, gemini],
  [/:countTokens$/, (parts) => json({ totalTokens: parts.usage?.input ?? 0 })],
  [/:(embedContent|batchEmbedContents)$/, () => json({ embedding: { values: [0.25, -0.5] } })],
  [/\/api\/chat$/, ollamaChat],
  [/\/api\/generate$/, ollamaGenerate],
  [/\/api\/embed$/, ollamaEmbed],
  [/\/models$/, ({ model }) => json({ object: "list", data: [{ id: model, object: "model", owned_by: "test" }] })],
];

/** What a provider answers at this path; undefined: no API has it. */
export function nativeAnswer(path: string, parts: AnswerParts, stream: boolean): NativeAnswer | undefined {
  return rows.find(([pattern]) => pattern.test(path))?.[1](parts, stream);
}

/** The error body that the API at this path has for a status. */
export function nativeError(path: string, status: number, message: string, code?: string): string {
  if (/\/messages(\/count_tokens)?$/.test(path)) {
    return JSON.stringify({
      type: "error",
      error: { type: code ?? anthropicType(status), message },
      request_id: "req_1",
    });
  }
  if (path.includes("/api/")) return JSON.stringify({ error: message });
  if (/:[a-zA-Z]+$/.test(path)) {
    return JSON.stringify({ error: { code: status, message, status: code ?? "UNKNOWN" } });
  }
  const type = status === 429 ? "requests" : status >= 500 ? "server_error" : "invalid_request_error";
  return JSON.stringify({ error: { message, type, param: null, code: code ?? null } });
}

function anthropicType(status: number): string {
  const types: Readonly<Record<number, string>> = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
  };
  return types[status] ?? "api_error";
}

function chat({ words, model, usage, includeUsage }: AnswerParts, stream: boolean): NativeAnswer {
  const head = { id: "chatcmpl-1", created: CREATED, model, system_fingerprint: "fp_1" };
  if (!stream) {
    const message = { role: "assistant", content: words.join(""), refusal: null };
    return json({
      ...head,
      object: "chat.completion",
      choices: [{ index: 0, message, logprobs: null, finish_reason: "stop" }],
      ...(usage === undefined ? {} : { usage: openAiUsage(usage) }),
    });
  }
  const none = includeUsage ? { usage: null } : {};
  const chunk = (delta: object, finish: string | null): object => ({
    ...head,
    object: "chat.completion.chunk",
    choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
    ...none,
  });
  const last =
    includeUsage && usage !== undefined
      ? [{ ...head, object: "chat.completion.chunk", choices: [], usage: openAiUsage(usage) }]
      : [];
  return sse([
    chunk({ role: "assistant", content: "" }, null),
    ...words.map((content) => chunk({ content }, null)),
    chunk({}, "stop"),
    ...last,
    "[DONE]",
  ]);
}

function completions({ words, model, usage, includeUsage }: AnswerParts, stream: boolean): NativeAnswer {
  const head = { id: "cmpl-1", object: "text_completion", created: CREATED, model };
  const choice = (text: string, finish: string | null): object => ({
    choices: [{ index: 0, text, logprobs: null, finish_reason: finish }],
  });
  const counted = usage === undefined ? {} : { usage: openAiUsage(usage) };
  if (!stream) return json({ ...head, ...choice(words.join(""), "stop"), ...counted });
  return sse([
    ...words.map((word) => ({ ...head, ...choice(word, null) })),
    { ...head, ...choice("", "stop") },
    ...(includeUsage ? [{ ...head, choices: [], ...counted }] : []),
    "[DONE]",
  ]);
}

function openAiUsage({ input, output, cacheRead, cacheWrite, reasoning }: AnswerUsage): object {
  const prompt = input + cacheRead + cacheWrite;
  return {
    prompt_tokens: prompt,
    completion_tokens: output,
    total_tokens: prompt + output,
    prompt_tokens_details: { cached_tokens: cacheRead, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: reasoning, audio_tokens: 0 },
  };
}

function responses({ words, model, usage }: AnswerParts, stream: boolean): NativeAnswer {
  const text = words.join("");
  const content = [{ type: "output_text", text, annotations: [] }];
  const counted =
    usage === undefined
      ? null
      : {
          input_tokens: usage.input + usage.cacheRead,
          input_tokens_details: { cached_tokens: usage.cacheRead },
          output_tokens: usage.output,
          output_tokens_details: { reasoning_tokens: usage.reasoning },
          total_tokens: usage.input + usage.cacheRead + usage.output,
        };
  const head = { id: "resp_1", object: "response", created_at: CREATED, model };
  const item = { type: "message", id: "msg_1", status: "completed", role: "assistant", content };
  const whole = { ...head, status: "completed", error: null, output: [item], usage: counted };
  if (!stream) return json(whole);
  const begun = { ...head, status: "in_progress", output: [], usage: null };
  const place = { item_id: "msg_1", output_index: 0, content_index: 0 };
  const events: object[] = [
    { type: "response.created", response: begun },
    { type: "response.in_progress", response: begun },
    { type: "response.output_item.added", output_index: 0, item: { ...item, status: "in_progress", content: [] } },
    { type: "response.content_part.added", ...place, part: { type: "output_text", text: "", annotations: [] } },
    ...words.map((delta) => ({ type: "response.output_text.delta", ...place, delta })),
    { type: "response.output_text.done", ...place, text },
    { type: "response.content_part.done", ...place, part: content[0] },
    { type: "response.output_item.done", output_index: 0, item },
    { type: "response.completed", response: whole },
  ];
  return namedSse(events.map((event, at) => ({ ...event, sequence_number: at })));
}

function embeddings({ model, usage }: AnswerParts): NativeAnswer {
  const tokens = usage?.input ?? 0;
  return json({
    object: "list",
    data: [{ object: "embedding", index: 0, embedding: [0.25, -0.5, 0.125] }],
    model,
    ...(usage === undefined ? {} : { usage: { prompt_tokens: tokens, total_tokens: tokens } }),
  });
}

function messages({ words, model, usage }: AnswerParts, stream: boolean): NativeAnswer {
  const head = { id: "msg_1", type: "message", role: "assistant", model };
  const input = {
    input_tokens: usage?.input ?? 0,
    cache_creation_input_tokens: usage?.cacheWrite ?? 0,
    cache_read_input_tokens: usage?.cacheRead ?? 0,
  };
  const output = { output_tokens: usage?.output ?? 0 };
  if (!stream) {
    return json({
      ...head,
      content: [{ type: "text", text: words.join("") }],
      stop_reason: "end_turn",
      stop_sequence: null,
      ...(usage === undefined ? {} : { usage: { ...input, ...output } }),
    });
  }
  const begun = { ...head, content: [], stop_reason: null, stop_sequence: null };
  return namedSse([
    {
      type: "message_start",
      message: usage === undefined ? begun : { ...begun, usage: { ...input, output_tokens: 1 } },
    },
    { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
    { type: "ping" },
    ...words.map((text) => ({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text } })),
    { type: "content_block_stop", index: 0 },
    {
      type: "message_delta",
      delta: { stop_reason: "end_turn", stop_sequence: null },
      ...(usage === undefined ? {} : { usage: output }),
    },
    { type: "message_stop" },
  ]);
}

function gemini({ words, model, usage }: AnswerParts, stream: boolean): NativeAnswer {
  const usageMetadata = (output: number): object =>
    usage === undefined
      ? {}
      : {
          usageMetadata: {
            promptTokenCount: usage.input + usage.cacheRead,
            cachedContentTokenCount: usage.cacheRead,
            candidatesTokenCount: output,
            thoughtsTokenCount: usage.reasoning,
            totalTokenCount: usage.input + usage.cacheRead + output + usage.reasoning,
          },
        };
  const part = (text: string, finish: boolean, output: number): object => ({
    candidates: [
      { content: { parts: [{ text }], role: "model" }, index: 0, ...(finish ? { finishReason: "STOP" } : {}) },
    ],
    ...usageMetadata(output),
    modelVersion: model,
    responseId: "gemini-1",
  });
  const total = (usage?.output ?? 0) - (usage?.reasoning ?? 0);
  if (!stream) return json(part(words.join(""), true, total));
  return sse(words.map((word, at) => part(word, at === words.length - 1, at === words.length - 1 ? total : at + 1)));
}

function ollamaChat(parts: AnswerParts, stream: boolean): NativeAnswer {
  return ollama(parts, stream, (content) => ({ message: { role: "assistant", content } }));
}

function ollamaGenerate(parts: AnswerParts, stream: boolean): NativeAnswer {
  return ollama(parts, stream, (response) => ({ response }));
}

function ollama({ words, model, usage }: AnswerParts, stream: boolean, say: (text: string) => object): NativeAnswer {
  const head = { model, created_at: "2026-09-01T00:00:00Z" };
  const counted =
    usage === undefined ? {} : { prompt_eval_count: usage.input + usage.cacheRead, eval_count: usage.output };
  const done = { done: true, done_reason: "stop", total_duration: 1_000_000, ...counted };
  if (!stream) return json({ ...head, ...say(words.join("")), ...done });
  const lines = [...words.map((word) => ({ ...head, ...say(word), done: false })), { ...head, ...say(""), ...done }];
  return { contentType: "application/x-ndjson", frames: lines.map((line) => `${JSON.stringify(line)}\n`) };
}

function ollamaEmbed({ model, usage }: AnswerParts): NativeAnswer {
  return json({
    model,
    embeddings: [[0.25, -0.5]],
    ...(usage === undefined ? {} : { prompt_eval_count: usage.input }),
  });
}

function json(value: object): NativeAnswer {
  return { contentType: "application/json", frames: [JSON.stringify(value)] };
}

function sse(data: readonly (object | string)[]): NativeAnswer {
  return {
    contentType: "text/event-stream; charset=utf-8",
    frames: data.map((datum) => `data: ${typeof datum === "string" ? datum : JSON.stringify(datum)}\n\n`),
  };
}

/** With the member `type` as the event's name, as Anthropic and the Responses API have it. */
function namedSse(data: readonly object[]): NativeAnswer {
  return {
    contentType: "text/event-stream; charset=utf-8",
    frames: data.map((datum) => {
      const type = "type" in datum ? String(datum.type) : "message";
      return `event: ${type}\ndata: ${JSON.stringify(datum)}\n\n`;
    }),
  };
}
