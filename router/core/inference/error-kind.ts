import type { Family } from "./api.ts";

/** What an error body says about the request: nothing else mends these two. */
export type ErrorKind = "context_length" | "content_filter" | "other";

/** Error bodies are shorter; of longer ones nothing is looked at. */
const LONGEST = 64 * 1024;
const LONGEST_MESSAGE = 2_048;

/** `error.code`, `error.type`, `error.innererror.code` and `__type` of the APIs, in lower case. */
const CODES: ReadonlyMap<string, ErrorKind> = new Map([
  ["context_length_exceeded", "context_length"],
  ["string_above_max_length", "context_length"],
  ["request_too_large", "context_length"],
  ["exceed_context_size_error", "context_length"],
  ["model_context_window_exceeded", "context_length"],
  ["content_filter", "content_filter"],
  ["content_policy_violation", "content_filter"],
  ["responsibleaipolicyviolation", "content_filter"],
]);

/** Where an API has no code for it: parts of its sentences, in lower case. */
const SENTENCES: Readonly<Record<Family, readonly (readonly [string, ErrorKind])[]>> = {
  // vLLM and others that speak OpenAI's API have sentences only.
  openai: [
    ["maximum context length", "context_length"],
    ["context window", "context_length"],
    ["content management policy", "content_filter"],
  ],
  azure: [
    ["maximum context length", "context_length"],
    ["content management policy", "content_filter"],
  ],
  anthropic: [
    ["prompt is too long", "context_length"],
    ["exceed context limit", "context_length"],
    ["content filtering policy", "content_filter"],
  ],
  gemini: [["input token count", "context_length"]],
  bedrock: [
    ["input is too long", "context_length"],
    ["maximum context length", "context_length"],
    ["prompt is too long", "context_length"],
    ["content filtering policy", "content_filter"],
  ],
  ollama: [
    ["exceeds the context length", "context_length"],
    ["context length exceeded", "context_length"],
    ["exceeds maximum context length", "context_length"],
  ],
};

/**
 * Whether a provider's error says that the request is too long for the model, or that its content is refused. By the
 * API's code at any status from 400 on; by its sentence only where the status says that the request is at fault. The
 * body is the provider's: whatever it is, the answer is one of the three.
 */
export function errorKind(family: Family, status: number, body: string): ErrorKind {
  if (status < 400 || body.length > LONGEST) return "other";
  const error = members(parsed(body));
  const inner =
    members(error?.["error"]) ?? (typeof error?.["error"] === "string" ? { message: error["error"] } : error);
  for (const code of [inner?.["code"], inner?.["type"], members(inner?.["innererror"])?.["code"], error?.["__type"]]) {
    const kind = typeof code === "string" ? CODES.get(code.toLowerCase()) : undefined;
    if (kind !== undefined) return kind;
  }
  if (status !== 400 && status !== 413 && status !== 422) return "other";
  const message = inner?.["message"] ?? inner?.["Message"];
  if (typeof message !== "string") return "other";
  const sentence = message.slice(0, LONGEST_MESSAGE).toLowerCase();
  return SENTENCES[family].find(([part]) => sentence.includes(part))?.[1] ?? "other";
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body) as unknown;
  } catch {
    return undefined;
  }
}

function members(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : undefined;
}
