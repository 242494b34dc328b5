import { fail, ok, type Result } from "../base/result.ts";
import type { Json } from "../json/json.ts";
import { type ScanPlan, scanPlan } from "../json/scan-plan.ts";
import type { ScannedObject } from "../json/scanned-object.ts";
import type { Api } from "./api.ts";

/** What the router must know of a request's body before anything comes of it. */
export interface RequestFacts {
  readonly model: string | undefined;
  readonly stream: boolean;
  /** The caller itself asked for the usage chunk of a chat stream. */
  readonly wantsUsage: boolean;
  /** The most output tokens of one choice that the request asks for; undefined: it does not say. */
  readonly maxOutput: number | undefined;
  readonly choices: number;
  /** A cap below this makes no valid request (Anthropic: `max_tokens` must exceed the thinking budget). */
  readonly least: number;
  /** What goes in cannot be bounded by the body's length: media, files, stored conversations. */
  readonly unbounded: boolean;
  /** The answer comes later, by another request that nobody meters. */
  readonly background: boolean;
  readonly tools: boolean;
  /** The member by which the call asks to be billed otherwise than by the model's ordinary price; undefined: none. */
  readonly otherPrice: string | undefined;
}

export interface FactProblem {
  readonly param: string;
  /** One sentence that repeats nothing the client sent. */
  readonly sentence: string;
}

/** Longest text of one captured member. */
const SHORT = 512;
const NUMBER = 32;
/** Members such as `generationConfig` may carry a JSON Schema. */
const CONFIG = 262_144;
const DEPTH = 200;
/** The most that a count may be: what no provider's model comes near. */
const MOST_TOKENS = 100_000_000;
const MOST_CHOICES = 128;

/** Anywhere in a body, these stand for content whose tokens the body's length does not bound. */
const UNBOUNDED = [
  "image_url",
  "image",
  "images",
  "source",
  "file",
  "file_id",
  "file_url",
  "fileId",
  "fileUrl",
  "file_data",
  "fileData",
  "input_audio",
  "audio_url",
  "video_url",
  "video",
  "document",
  "inline_data",
  "inlineData",
  "s3Location",
  "cachedContent",
  "cached_content",
  "container",
  "previous_response_id",
  "conversation",
  "prompt_id",
] as const;

const NO_CAP: readonly CapPlace[] = [];

/** Where an API's request says how many tokens may come out: a member, or a member of a member. */
interface CapPlace {
  readonly outer: string | undefined;
  readonly name: string;
}

const place = (name: string, outer?: string): CapPlace => ({ name, outer });

/** In order: the first is written where a request names none. */
export const CAPS: Readonly<Record<Api, readonly CapPlace[]>> = {
  chat: [place("max_completion_tokens"), place("max_tokens")],
  completions: [place("max_tokens")],
  responses: [place("max_output_tokens")],
  embeddings: NO_CAP,
  messages: [place("max_tokens")],
  count_tokens: NO_CAP,
  generate_content: [place("maxOutputTokens", "generationConfig"), place("max_output_tokens", "generation_config")],
  gemini_count_tokens: NO_CAP,
  gemini_embed: NO_CAP,
  converse: [place("maxTokens", "inferenceConfig")],
  invoke: [place("max_tokens"), place("max_gen_len"), place("maxTokens", "inferenceConfig")],
  ollama_chat: [place("num_predict", "options")],
  ollama_generate: [place("num_predict", "options")],
  ollama_embed: NO_CAP,
};

const plans = new Map<Api, ScanPlan>();

/** What to look for in the body of a request of this API. */
export function bodyPlan(api: Api): ScanPlan {
  const known = plans.get(api);
  if (known !== undefined) return known;
  const capture = new Map<string, number>([
    ["model", SHORT],
    ["stream", NUMBER],
    ["stream_options", SHORT],
    ["n", NUMBER],
    ["best_of", NUMBER],
    ["background", NUMBER],
    ["thinking", SHORT],
    ["service_tier", NUMBER],
    ["speed", NUMBER],
    ["inference_geo", NUMBER],
    ["audio", SHORT],
  ]);
  for (const { name, outer } of CAPS[api]) capture.set(outer ?? name, outer === undefined ? NUMBER : CONFIG);
  if (api === "responses") capture.set("prompt", CONFIG);
  const plan = scanPlan({ capture, count: new Set<string>([...UNBOUNDED, "tools"]), depth: DEPTH });
  plans.set(api, plan);
  return plan;
}

/** Reads the facts out of a scanned body, or says which member is not what its API says. */
export function requestFacts(api: Api, body: ScannedObject): Result<RequestFacts, FactProblem> {
  const value = (name: string): Json | undefined => body.members.get(name)?.value;
  const model = value("model");
  if (model !== undefined && typeof model !== "string") return wrong("model", "a text");
  const stream = value("stream");
  if (stream !== undefined && stream !== null && typeof stream !== "boolean") return wrong("stream", "true or false");
  const background = value("background");
  if (background !== undefined && background !== null && typeof background !== "boolean") {
    return wrong("background", "true or false");
  }
  const options = value("stream_options");
  if (options !== undefined && options !== null && !isObject(options)) return wrong("stream_options", "an object");
  const asked = isObject(options) ? options["include_usage"] : undefined;
  if (asked !== undefined && asked !== null && typeof asked !== "boolean") {
    return wrong("stream_options.include_usage", "true or false");
  }
  const choices = choicesOf(api, value);
  if (!choices.ok) return choices;
  const maxOutput = statedCap(api, value);
  if (!maxOutput.ok) return maxOutput;
  const least = leastOf(value("thinking"));
  if (!least.ok) return least;
  return ok({
    model,
    stream: stream === true || (stream !== false && stream !== null && DEFAULT_STREAMS.has(api)),
    wantsUsage: asked === true,
    maxOutput: maxOutput.value,
    choices: choices.value,
    least: least.value,
    unbounded: UNBOUNDED.some((name) => body.counts.has(name)) || isObject(value("prompt")),
    background: background === true,
    tools: body.counts.has("tools"),
    otherPrice: otherPriceOf(value),
  });
}

/** What costs what the policy's price says, or less. */
const ORDINARY: Readonly<Record<string, ReadonlySet<Json>>> = {
  service_tier: new Set<Json>([null, "auto", "default", "flex", "standard", "standard_only"]),
  speed: new Set<Json>([null, "standard"]),
  inference_geo: new Set<Json>([null, "global"]),
  // Audio that comes out has a price of its own, which few policies say.
  audio: new Set<Json>([null]),
};

function otherPriceOf(value: (name: string) => Json | undefined): string | undefined {
  return Object.entries(ORDINARY).find(([name, ordinary]) => {
    const asked = value(name);
    return asked !== undefined && !ordinary.has(asked);
  })?.[0];
}

/** Ollama streams unless it is told not to. */
const DEFAULT_STREAMS: ReadonlySet<Api> = new Set<Api>(["ollama_chat", "ollama_generate"]);

function choicesOf(api: Api, value: (name: string) => Json | undefined): Result<number, FactProblem> {
  let most = 1;
  for (const name of ["n", "best_of"]) {
    const count = value(name);
    if (count === undefined || count === null) continue;
    if (!isCount(count) || count > MOST_CHOICES) return wrong(name, `a whole number from 1 to ${MOST_CHOICES}`);
    most = Math.max(most, count);
  }
  if (api !== "generate_content") return ok(most);
  for (const [outer, inner] of [
    ["generationConfig", "candidateCount"],
    ["generation_config", "candidate_count"],
  ] as const) {
    const config = value(outer);
    // Google's JSON reader takes either spelling.
    for (const name of isObject(config) ? [inner, "candidateCount", "candidate_count"] : []) {
      const count = isObject(config) ? config[name] : undefined;
      if (count === undefined || count === null) continue;
      if (!isCount(count) || count > MOST_CHOICES) return wrong(name, `a whole number from 1 to ${MOST_CHOICES}`);
      most = Math.max(most, count);
    }
  }
  return ok(most);
}

/** The largest of those stated, since nobody here knows which of two an origin takes. */
function statedCap(api: Api, value: (name: string) => Json | undefined): Result<number | undefined, FactProblem> {
  let most: number | undefined;
  for (const { name, outer } of CAPS[api]) {
    const holder = outer === undefined ? undefined : value(outer);
    if (holder !== undefined && holder !== null && !isObject(holder)) return wrong(outer ?? name, "an object");
    const cap = outer === undefined ? value(name) : isObject(holder) ? holder[name] : undefined;
    if (cap === undefined || cap === null) continue;
    // Ollama: -1 is no cap, -2 the whole context.
    if (name === "num_predict" && (cap === -1 || cap === -2)) continue;
    if (!isCount(cap) || cap > MOST_TOKENS) return wrong(name, `a whole number from 1 to ${MOST_TOKENS}`);
    most = Math.max(most ?? 0, cap);
  }
  return ok(most);
}

function leastOf(thinking: Json | undefined): Result<number, FactProblem> {
  const budget = isObject(thinking) ? thinking["budget_tokens"] : undefined;
  if (budget === undefined || budget === null) return ok(1);
  if (!isCount(budget) || budget > MOST_TOKENS) return wrong("thinking.budget_tokens", "a positive whole number");
  return ok(budget + 1);
}

function isCount(value: Json): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 1;
}

function isObject(value: Json | undefined): value is { readonly [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function wrong(param: string, needed: string): { readonly ok: false; readonly problem: FactProblem } {
  return fail({ param, sentence: `The member ${param} must be ${needed}.` });
}
