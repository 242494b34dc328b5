import { ok, type Result } from "../base/result.ts";
import type { Json } from "../json/json.ts";
import type { Api } from "./api.ts";
import { type FactProblem, wrong } from "./fact-problem.ts";
import { isJsonObject } from "./meter-member.ts";

/** Where an API's request says how many tokens may come out: a member, or a member of a member. */
export interface CapPlace {
  readonly outer: string | undefined;
  readonly name: string;
}

const place = (name: string, outer?: string): CapPlace => ({ name, outer });

const NO_CAP: readonly CapPlace[] = [];

/**
 * All places of each API. Google's JSON reader takes either spelling of a name, in either holder. The body of Bedrock's
 * `invoke` is the model vendor's own: this is the closed list of the vendors' forms (Amazon Bedrock User Guide, "Inference
 * request parameters and response fields for foundation models").
 */
export const CAPS: Readonly<Record<Api, readonly CapPlace[]>> = {
  // `n_predict` is llama.cpp's, which takes it before the others.
  chat: [place("max_completion_tokens"), place("max_tokens"), place("n_predict")],
  completions: [place("max_tokens"), place("n_predict")],
  responses: [place("max_output_tokens")],
  embeddings: NO_CAP,
  messages: [place("max_tokens")],
  count_tokens: NO_CAP,
  generate_content: [
    place("maxOutputTokens", "generationConfig"),
    place("max_output_tokens", "generationConfig"),
    place("maxOutputTokens", "generation_config"),
    place("max_output_tokens", "generation_config"),
  ],
  gemini_count_tokens: NO_CAP,
  gemini_embed: NO_CAP,
  gemini_embed_batch: NO_CAP,
  converse: [place("maxTokens", "inferenceConfig")],
  invoke: [
    // Anthropic, Mistral, Cohere, AI21 Jamba, DeepSeek, Qwen
    place("max_tokens"),
    // OpenAI
    place("max_completion_tokens"),
    // Anthropic's text completions
    place("max_tokens_to_sample"),
    // Meta
    place("max_gen_len"),
    // AI21 Jurassic
    place("maxTokens"),
    // TwelveLabs
    place("maxOutputTokens"),
    // Models of the customer's own
    place("max_new_tokens"),
    // Amazon Nova
    place("maxTokens", "inferenceConfig"),
    place("max_new_tokens", "inferenceConfig"),
    // Amazon Titan
    place("maxTokenCount", "textGenerationConfig"),
  ],
  ollama_chat: [place("num_predict", "options")],
  ollama_generate: [place("num_predict", "options")],
  ollama_embed: NO_CAP,
};

/** The most that a count of tokens may be: what no provider's model comes near. */
export const MOST_TOKENS = 100_000_000;

/** The largest of those stated, since nobody here knows which of two an origin takes; undefined where one says that there is none. */
export function statedCap(
  api: Api,
  value: (name: string) => Json | undefined,
): Result<number | undefined, FactProblem> {
  let most: number | undefined;
  let isOpen = false;
  for (const { name, outer } of CAPS[api]) {
    const holder = outer === undefined ? undefined : value(outer);
    if (holder !== undefined && holder !== null && !isJsonObject(holder)) return wrong(outer ?? name, "an object");
    const cap = outer === undefined ? value(name) : isJsonObject(holder) ? holder[name] : undefined;
    if (cap === undefined || cap === null) continue;
    // llama.cpp, and Ollama with it: -1 is no cap, -2 the whole context.
    if ((name === "num_predict" || name === "n_predict") && (cap === -1 || cap === -2)) {
      isOpen = true;
      continue;
    }
    const param = outer === undefined ? name : `${outer}.${name}`;
    if (!isCount(cap, MOST_TOKENS)) return wrong(param, `a whole number from 1 to ${MOST_TOKENS}`);
    most = Math.max(most ?? 0, cap);
  }
  return ok(isOpen ? undefined : most);
}

/**
 * The least cap that makes a valid request: Anthropic's `max_tokens` must exceed the budget for thinking, whatever API
 * the model is asked by.
 */
export function leastCap(thinking: Json | undefined, param: string): Result<number, FactProblem> {
  const budget = isJsonObject(thinking) ? thinking["budget_tokens"] : undefined;
  if (budget === undefined || budget === null) return ok(1);
  if (!isCount(budget, MOST_TOKENS)) return wrong(`${param}.budget_tokens`, "a positive whole number");
  return ok(budget + 1);
}

export function isCount(value: Json, most: number): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 1 && value <= most;
}
