import { assertNever } from "../base/assert-never.ts";
import type { Api } from "./api.ts";
import { isTokenCount } from "./usage-native.ts";
import { type StatedUsage, type UsageParts, statedUsage, sum } from "./usage-stated.ts";

/** How the provider of an API writes usage, and what it means (ai-gateways.md section 4.1). */
export interface UsageForm {
  /** The paths that count, within the usage object. */
  readonly known: ReadonlySet<string>;
  readonly parts: (of: (path: string) => number | undefined) => UsageParts;
}

const OPENAI: UsageForm = {
  known: new Set([
    "prompt_tokens",
    "prompt_tokens_details.cached_tokens",
    "prompt_tokens_details.cache_write_tokens",
    "prompt_tokens_details.audio_tokens",
    "prompt_cache_hit_tokens",
    "completion_tokens",
    "completion_tokens_details.reasoning_tokens",
    "completion_tokens_details.audio_tokens",
    "total_tokens",
  ]),
  parts: (of) => ({
    input: of("prompt_tokens"),
    cacheRead: of("prompt_tokens_details.cached_tokens") ?? of("prompt_cache_hit_tokens"),
    cacheWrite: of("prompt_tokens_details.cache_write_tokens"),
    audioInput: of("prompt_tokens_details.audio_tokens"),
    output: withReasoning(of),
    reasoning: of("completion_tokens_details.reasoning_tokens"),
    audioOutput: of("completion_tokens_details.audio_tokens"),
  }),
};

/**
 * Reasoning is part of `completion_tokens`. Some compatible providers leave it out: they say so themselves where the
 * total is the sum of all three.
 */
function withReasoning(of: (path: string) => number | undefined): number | undefined {
  const completion = of("completion_tokens");
  const reasoning = of("completion_tokens_details.reasoning_tokens") ?? 0;
  if (completion === undefined || reasoning === 0) return completion;
  const all = (of("prompt_tokens") ?? Number.NaN) + completion + reasoning;
  return all === of("total_tokens") ? completion + reasoning : completion;
}

/** What is embedded goes in, and no token comes out. */
const OPENAI_EMBEDDINGS: UsageForm = {
  known: new Set(["prompt_tokens", "total_tokens"]),
  parts: (of) => ({ input: of("prompt_tokens") ?? of("total_tokens"), output: 0 }),
};

const RESPONSES: UsageForm = {
  known: new Set([
    "input_tokens",
    "input_tokens_details.cached_tokens",
    "input_tokens_details.cache_write_tokens",
    "output_tokens",
    "output_tokens_details.reasoning_tokens",
    "total_tokens",
  ]),
  parts: (of) => ({
    input: of("input_tokens"),
    cacheRead: of("input_tokens_details.cached_tokens"),
    cacheWrite: of("input_tokens_details.cache_write_tokens"),
    output: of("output_tokens"),
    reasoning: of("output_tokens_details.reasoning_tokens"),
  }),
};

/** `input_tokens` is what no cache was read or written for. */
const MESSAGES: UsageForm = {
  known: new Set([
    "input_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "cache_creation.ephemeral_5m_input_tokens",
    "cache_creation.ephemeral_1h_input_tokens",
    "output_tokens",
    "output_tokens_details.thinking_tokens",
    "server_tool_use.web_search_requests",
    "server_tool_use.web_fetch_requests",
  ]),
  parts: (of) => {
    const hour = of("cache_creation.ephemeral_1h_input_tokens");
    const written = of("cache_creation_input_tokens") ?? sum(of("cache_creation.ephemeral_5m_input_tokens"), hour);
    return {
      input: withCache(of("input_tokens"), of("cache_read_input_tokens"), written),
      cacheRead: of("cache_read_input_tokens"),
      cacheWrite: written,
      cacheWriteHour: hour,
      output: of("output_tokens"),
      reasoning: of("output_tokens_details.thinking_tokens"),
      toolCalls: sum(of("server_tool_use.web_search_requests"), of("server_tool_use.web_fetch_requests")),
    };
  },
};

/** Thoughts are not among the candidates, nor what a tool put in among the prompt. */
const GEMINI: UsageForm = {
  known: new Set([
    "promptTokenCount",
    "toolUsePromptTokenCount",
    "cachedContentTokenCount",
    "candidatesTokenCount",
    "thoughtsTokenCount",
    "totalTokenCount",
    "promptTokensDetails.AUDIO",
    "toolUsePromptTokensDetails.AUDIO",
    "candidatesTokensDetails.AUDIO",
  ]),
  parts: (of) => {
    const prompt = of("promptTokenCount");
    const input = prompt === undefined ? undefined : sum(prompt, of("toolUsePromptTokenCount"));
    return {
      input,
      cacheRead: of("cachedContentTokenCount"),
      audioInput: sum(of("promptTokensDetails.AUDIO"), of("toolUsePromptTokensDetails.AUDIO")),
      output: sum(of("candidatesTokenCount"), of("thoughtsTokenCount")) ?? beyond(of("totalTokenCount"), input),
      reasoning: of("thoughtsTokenCount"),
      audioOutput: of("candidatesTokensDetails.AUDIO"),
    };
  },
};

const GEMINI_EMBEDDINGS: UsageForm = {
  known: new Set(["promptTokenCount", "totalTokenCount"]),
  parts: (of) => ({ input: of("promptTokenCount") ?? of("totalTokenCount"), output: 0 }),
};

const CONVERSE: UsageForm = {
  known: new Set([
    "inputTokens",
    "cacheReadInputTokens",
    "cacheWriteInputTokens",
    "cacheDetails.1h",
    "outputTokens",
    "totalTokens",
  ]),
  parts: (of) => ({
    input: withCache(of("inputTokens"), of("cacheReadInputTokens"), of("cacheWriteInputTokens")),
    cacheRead: of("cacheReadInputTokens"),
    cacheWrite: of("cacheWriteInputTokens"),
    cacheWriteHour: of("cacheDetails.1h"),
    output: of("outputTokens"),
  }),
};

/** The invocation's metrics, or else the usage of the Anthropic model that was invoked. */
const INVOKE: UsageForm = {
  known: new Set([
    "inputTokenCount",
    "outputTokenCount",
    "cacheReadInputTokenCount",
    "cacheWriteInputTokenCount",
    ...MESSAGES.known,
  ]),
  parts: (of) => {
    const messages = MESSAGES.parts(of);
    const cacheRead = of("cacheReadInputTokenCount") ?? messages.cacheRead;
    const cacheWrite = of("cacheWriteInputTokenCount") ?? messages.cacheWrite;
    return {
      ...messages,
      input: withCache(of("inputTokenCount") ?? of("input_tokens"), cacheRead, cacheWrite),
      cacheRead,
      cacheWrite,
      output: of("outputTokenCount") ?? messages.output,
    };
  },
};

/** `prompt_eval_count` may be missing where the prompt was in the model's own cache. */
const OLLAMA: UsageForm = {
  known: new Set(["prompt_eval_count", "eval_count"]),
  parts: (of) => ({ input: of("prompt_eval_count"), output: of("eval_count") }),
};

const OLLAMA_EMBEDDINGS: UsageForm = {
  known: new Set(["prompt_eval_count"]),
  parts: (of) => ({ input: of("prompt_eval_count"), output: 0 }),
};

/** A call that costs nothing states no usage. */
const NONE: UsageForm = { known: new Set(), parts: () => ({}) };

export function usageForm(api: Api): UsageForm {
  switch (api) {
    case "chat":
    case "completions":
      return OPENAI;
    case "embeddings":
      return OPENAI_EMBEDDINGS;
    case "responses":
      return RESPONSES;
    case "messages":
      return MESSAGES;
    case "generate_content":
      return GEMINI;
    case "gemini_embed":
    case "gemini_embed_batch":
      return GEMINI_EMBEDDINGS;
    case "converse":
      return CONVERSE;
    case "invoke":
      return INVOKE;
    case "ollama_chat":
    case "ollama_generate":
      return OLLAMA;
    case "ollama_embed":
      return OLLAMA_EMBEDDINGS;
    case "count_tokens":
    case "gemini_count_tokens":
      return NONE;
    default:
      return assertNever(api);
  }
}

/** The usage that native counts state in this form. */
export function usageOf(form: UsageForm, native: ReadonlyMap<string, number>): StatedUsage | undefined {
  // Where nothing at all was stated, that no token comes out is no statement either.
  for (const path of form.known) {
    if (native.has(path)) return statedUsage(form.parts((name) => native.get(name)));
  }
  return undefined;
}

const HEADERS: readonly (readonly [header: string, path: string])[] = [
  ["x-amzn-bedrock-input-token-count", "inputTokenCount"],
  ["x-amzn-bedrock-output-token-count", "outputTokenCount"],
  ["x-amzn-bedrock-cache-read-input-token-count", "cacheReadInputTokenCount"],
  ["x-amzn-bedrock-cache-write-input-token-count", "cacheWriteInputTokenCount"],
];

/** The usage of an `invoke` answer that is not a stream, in its head. `get` knows fields by their lower-case names. */
export function usageFromHeaders(get: (name: string) => string | undefined): StatedUsage | undefined {
  const native = new Map<string, number>();
  for (const [header, path] of HEADERS) {
    const text = get(header);
    const value = text !== undefined && /^[0-9]{1,16}$/.test(text) ? Number(text) : undefined;
    if (isTokenCount(value)) native.set(path, value);
  }
  return usageOf(INVOKE, native);
}

/** Input as a whole, where the provider counts what was read from and written to a cache beside it. */
function withCache(
  beside: number | undefined,
  read: number | undefined,
  written: number | undefined,
): number | undefined {
  return beside === undefined ? undefined : sum(beside, read, written);
}

function beyond(total: number | undefined, input: number | undefined): number | undefined {
  return total === undefined || input === undefined ? undefined : Math.max(0, total - input);
}
