import { assertNever } from "../base/assert-never.ts";
import { octetsOf } from "../json/utf8.ts";
import type { Api } from "./api.ts";
import type { ResponseMeter } from "./response-meter.ts";
import { bedrockEvent, bedrockException, ndjsonLine, sseFrame } from "./stream-frame.ts";
import type { Usage } from "./usage.ts";

const NOTHING: readonly Uint8Array[] = [];

/**
 * The parts of the terminal with which `api` ends a stream at its output limit. `output` as the model has written,
 * `usage` where both halves are known.
 */
export function cutParts(
  api: Api,
  meter: ResponseMeter,
  output: number,
  usage: Usage | undefined,
): readonly Uint8Array[] {
  switch (api) {
    case "chat":
    case "completions":
      return chatFrames(api, meter, usage);
    case "responses":
      return [responsesFrame(meter, usage)];
    case "messages":
      return messagesEvents(meter, output).map((event) => sseFrame(event.type, event));
    case "generate_content":
      return [geminiFrame(meter, usage)];
    case "converse":
      return converseFrames(meter, usage);
    case "invoke":
      return invokeFrames(meter, output);
    case "ollama_chat":
    case "ollama_generate":
      return [ollamaLine(api, meter, output, usage)];
    case "embeddings":
    case "count_tokens":
    case "gemini_count_tokens":
    case "gemini_embed":
    case "gemini_embed_batch":
    case "ollama_embed":
      return NOTHING;
    default:
      return assertNever(api);
  }
}

function chatFrames(
  api: "chat" | "completions",
  meter: ResponseMeter,
  usage: Usage | undefined,
): readonly Uint8Array[] {
  const { openChoices, created = 0 } = meter.facts;
  const text = api === "chat" ? { delta: {} } : { text: "" };
  const object = api === "chat" ? "chat.completion.chunk" : "text_completion";
  const common = { id: meter.id ?? "", object, created, model: meter.model ?? "" };
  const choices = (openChoices.length === 0 ? [0] : openChoices).map((index) => ({
    index,
    ...text,
    logprobs: null,
    finish_reason: "length",
  }));
  const end = [sseFrame(undefined, { ...common, choices }), octetsOf("data: [DONE]\n\n")];
  if (usage === undefined || meter.options.dropUsageFrame) return end;
  return end.toSpliced(1, 0, sseFrame(undefined, { ...common, choices: [], usage: openAiUsage(usage) }));
}

function openAiUsage(usage: Usage): object {
  return {
    prompt_tokens: usage.input,
    completion_tokens: usage.output,
    total_tokens: usage.input + usage.output,
    prompt_tokens_details: { cached_tokens: usage.cacheRead, audio_tokens: usage.audioInput },
    completion_tokens_details: { reasoning_tokens: usage.reasoning, audio_tokens: usage.audioOutput },
  };
}

function responsesFrame(meter: ResponseMeter, usage: Usage | undefined): Uint8Array {
  const { sequence = -1, created = 0 } = meter.facts;
  const response = {
    id: meter.id ?? "",
    object: "response",
    created_at: created,
    status: "incomplete",
    error: null,
    incomplete_details: { reason: "max_output_tokens" },
    instructions: null,
    metadata: {},
    model: meter.model ?? "",
    // What came is with the client: none of it was kept here.
    output: [],
    parallel_tool_calls: true,
    temperature: null,
    tool_choice: "auto",
    tools: [],
    top_p: null,
    usage:
      usage === undefined
        ? null
        : {
            input_tokens: usage.input,
            input_tokens_details: { cached_tokens: usage.cacheRead },
            output_tokens: usage.output,
            output_tokens_details: { reasoning_tokens: usage.reasoning },
            total_tokens: usage.input + usage.output,
          },
  };
  const type = "response.incomplete";
  return sseFrame(type, { type, sequence_number: sequence + 1, response });
}

type MessagesEvent =
  | { readonly type: "content_block_stop"; readonly index: number }
  | { readonly type: "message_delta"; readonly delta: object; readonly usage: { readonly output_tokens: number } }
  | { readonly type: "message_stop" };

function messagesEvents(meter: ResponseMeter, output: number): readonly MessagesEvent[] {
  const index = meter.facts.openBlock;
  const events: MessagesEvent[] = [];
  if (index !== undefined) events.push({ type: "content_block_stop", index });
  if (meter.finishReasons.length === 0) {
    const delta = { stop_reason: "max_tokens", stop_sequence: null };
    events.push({ type: "message_delta", delta, usage: { output_tokens: output } });
  }
  return [...events, { type: "message_stop" }];
}

function geminiFrame(meter: ResponseMeter, usage: Usage | undefined): Uint8Array {
  const content = { parts: [{ text: "" }], role: "model" };
  const usageMetadata =
    usage === undefined
      ? undefined
      : {
          promptTokenCount: usage.input,
          candidatesTokenCount: usage.output - usage.reasoning,
          thoughtsTokenCount: usage.reasoning,
          cachedContentTokenCount: usage.cacheRead,
          totalTokenCount: usage.input + usage.output,
        };
  const candidates = [{ content, finishReason: "MAX_TOKENS", index: 0 }];
  const response = { candidates, usageMetadata, modelVersion: meter.model, responseId: meter.id };
  return sseFrame(undefined, response, "\r\n");
}

function converseFrames(meter: ResponseMeter, usage: Usage | undefined): readonly Uint8Array[] {
  const { openBlock } = meter.facts;
  const end = [bedrockEvent("messageStop", { stopReason: "max_tokens" })];
  if (openBlock !== undefined) end.unshift(bedrockEvent("contentBlockStop", { contentBlockIndex: openBlock }));
  if (usage === undefined) return end;
  const tokens = {
    inputTokens: usage.input - usage.cacheRead - usage.cacheWrite,
    outputTokens: usage.output,
    totalTokens: usage.input + usage.output,
    cacheReadInputTokens: usage.cacheRead,
    cacheWriteInputTokens: usage.cacheWrite,
  };
  return [...end, bedrockEvent("metadata", { usage: tokens, metrics: { latencyMs: 0 } })];
}

/** Of Anthropic's models the terminal is known; of all others only that Bedrock has an exception. */
function invokeFrames(meter: ResponseMeter, output: number): readonly Uint8Array[] {
  if (!meter.facts.begun) {
    return [bedrockException("throttlingException", "The stream was ended at its budget.")];
  }
  return messagesEvents(meter, output).map((event) =>
    bedrockEvent("chunk", { bytes: octetsOf(JSON.stringify(event)).toBase64() }),
  );
}

function ollamaLine(
  api: "ollama_chat" | "ollama_generate",
  meter: ResponseMeter,
  output: number,
  usage: Usage | undefined,
): Uint8Array {
  const text = api === "ollama_chat" ? { message: { role: "assistant", content: "" } } : { response: "" };
  return ndjsonLine({
    model: meter.model ?? "",
    created_at: meter.facts.createdAt ?? "1970-01-01T00:00:00Z",
    ...text,
    done: true,
    done_reason: "length",
    prompt_eval_count: usage?.input,
    eval_count: output,
  });
}
