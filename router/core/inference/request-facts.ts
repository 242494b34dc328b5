import { fail, ok, type Result } from "../base/result.ts";
import type { Json } from "../json/json.ts";
import { type ScanPlan, scanPlan } from "../json/scan-plan.ts";
import type { ScannedObject } from "../json/scanned-object.ts";
import { ADDITIONAL_FIELDS, additionalFieldsProblem } from "./additional-fields.ts";
import type { Api } from "./api.ts";
import { choiceCount, choiceMembers, PROMPT_LISTS } from "./choice-count.ts";
import { type FactProblem, wrong } from "./fact-problem.ts";
import { hostedSwitches, isHosted, toolHolders } from "./hosted-tools.ts";
import { innerNameProblem } from "./inner-names.ts";
import { isJsonObject, memberOf } from "./meter-member.ts";
import { CAPS, leastCap, statedCap } from "./output-cap.ts";
import { ownData } from "./own-data.ts";
import { routingMembers, routingProblem } from "./routing-members.ts";
import { INPUT_ITEMS, isStoredItem } from "./stored-items.ts";

/** What the router must know of a request's body before anything comes of it. */
export interface RequestFacts {
  readonly model: string | undefined;
  readonly stream: boolean;
  /** The caller itself asked for the usage chunk of a chat stream. */
  readonly wantsUsage: boolean;
  /** The most output tokens of one choice that the request asks for; undefined: it does not say. */
  readonly maxOutput: number | undefined;
  /** Only where nothing is stated and the router knows no place to write a cap: the form is one of several vendors'. */
  readonly capUnknown: boolean;
  /** Answers that come out, of all prompts together: each may be as long as the cap. */
  readonly choices: number;
  /** A cap below this makes no valid request (Anthropic: `max_tokens` must exceed the thinking budget). */
  readonly least: number;
  /** What goes in cannot be bounded by the body's length: media, files, stored conversations. */
  readonly unbounded: boolean;
  /** The answer comes later, by another request that nobody meters. */
  readonly background: boolean;
  readonly tools: boolean;
  /** The provider may run tools for it: what goes in is not bounded by one reading, nor by the egress policy. */
  readonly hosted: boolean;
  /** The member by which the call asks to be billed otherwise than by the model's ordinary price; undefined: none. */
  readonly otherPrice: string | undefined;
}

/** Longest text of one captured member. */
const SHORT = 512;
const NUMBER = 32;
/** Members such as `generationConfig` may carry a JSON Schema. */
const CONFIG = 262_144;
/** Lists of tools: a longer one is not read, and counts as hosted. A longer list of requests is refused. */
const TOOLS = 1_048_576;
/** Of a member that must not be there, only null is of interest. */
const NULL = 4;
const DEPTH = 200;

const AUDIO = "audio";

/** Anywhere in a body but in `ownData`, these stand for content whose tokens the body's length does not bound. */
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
  "document_url",
  // Of a chat message: what the model once said, by its id. At the top: how it is to speak.
  AUDIO,
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

const plans = new Map<Api, ScanPlan>();

/** APIs, or forms, whose request may hold more than one prompt. */
const PROMPTED: ReadonlySet<Api> = new Set<Api>(["completions", "invoke"]);
/** A conversation that Anthropic has stored (beta); how Ollama makes a prompt of what it is given, be it many times. */
const UNBOUNDED_AT_TOP: Partial<Record<Api, string>> = { messages: "thread", ollama_generate: "template" };
/** Those of Google's batches of embeddings. */
export const REQUESTS = "requests";
/** Only Anthropic's form has it, and must have `max_tokens`. */
const ANTHROPIC_VERSION = "anthropic_version";

/** What to look for in the body of a request of this API. */
export function bodyPlan(api: Api): ScanPlan {
  const known = plans.get(api);
  if (known !== undefined) return known;
  const capture = new Map<string, number>([
    ["model", SHORT],
    ["stream", NUMBER],
    ["stream_options", SHORT],
    ["background", NUMBER],
    ["thinking", SHORT],
    ["service_tier", NUMBER],
    ["speed", NUMBER],
    ["inference_geo", NUMBER],
    [AUDIO, SHORT],
  ]);
  for (const { name, outer } of CAPS[api]) capture.set(outer ?? name, outer === undefined ? NUMBER : CONFIG);
  for (const name of choiceMembers(api)) capture.set(name, NUMBER);
  if (api === "invoke") capture.set(ANTHROPIC_VERSION, SHORT);
  if (api === "converse") capture.set(ADDITIONAL_FIELDS, CONFIG);
  if (api === "gemini_embed_batch") capture.set(REQUESTS, TOOLS);
  const optional = new Map<string, number>();
  for (const name of routingMembers(api)) optional.set(name, NULL);
  for (const name of hostedSwitches(api)) optional.set(name, SHORT);
  for (const name of toolHolders(api)) optional.set(name, TOOLS);
  const unbounded = UNBOUNDED_AT_TOP[api];
  if (unbounded !== undefined) optional.set(unbounded, NULL);
  const plan = scanPlan({
    capture: new Map([...capture, ...optional]),
    optional: new Set(optional.keys()),
    items: new Set(PROMPTED.has(api) ? PROMPT_LISTS : []),
    count: new Set(["tools"]),
    watch: new Set(UNBOUNDED),
    unread: ownData(api),
    shapes: api === "responses" ? INPUT_ITEMS : undefined,
    depth: DEPTH,
  });
  plans.set(api, plan);
  return plan;
}

/** Reads the facts out of a scanned body, or says which member is not what its API says, or must not be there. */
export function requestFacts(api: Api, body: ScannedObject): Result<RequestFacts, FactProblem> {
  const value = (name: string): Json | undefined => body.members.get(name)?.value;
  const problem =
    routingProblem(api, body) ?? innerNameProblem(body) ?? additionalFieldsProblem(value(ADDITIONAL_FIELDS));
  if (problem !== undefined) return fail(problem);
  const model = value("model");
  if (model !== undefined && typeof model !== "string") return wrong("model", "a text");
  const stream = value("stream");
  if (!isFlag(stream)) return wrong("stream", "true or false");
  const background = value("background");
  if (!isFlag(background)) return wrong("background", "true or false");
  const options = value("stream_options");
  if (options !== undefined && options !== null && !isJsonObject(options)) return wrong("stream_options", "an object");
  const asked = memberOf(options, "include_usage");
  if (!isFlag(asked)) return wrong("stream_options.include_usage", "true or false");
  const requests = value(REQUESTS);
  if (requests !== undefined && !(Array.isArray(requests) && requests.every(isJsonObject))) {
    return wrong(REQUESTS, "a list of objects");
  }
  const choices = choiceCount(api, body);
  if (!choices.ok) return choices;
  const maxOutput = statedCap(api, value);
  if (!maxOutput.ok) return maxOutput;
  const least = leastOf(value);
  if (!least.ok) return least;
  return ok({
    model,
    stream: stream === true || (stream !== false && stream !== null && DEFAULT_STREAMS.has(api)),
    wantsUsage: asked === true,
    maxOutput: maxOutput.value,
    capUnknown: api === "invoke" && maxOutput.value === undefined && !isAnthropicForm(body),
    choices: choices.value,
    least: least.value,
    unbounded: isUnbounded(api, body),
    background: background === true,
    tools: body.counts.has("tools"),
    hosted: isHosted(api, body),
    otherPrice: otherPriceOf(value),
  });
}

/** Of Bedrock's `invoke`: the form in which the router can write a cap where none is. */
export function isAnthropicForm({ members }: ScannedObject): boolean {
  return typeof members.get(ANTHROPIC_VERSION)?.value === "string";
}

function isFlag(value: Json | undefined): value is boolean | null | undefined {
  return value === undefined || value === null || typeof value === "boolean";
}

function leastOf(value: (name: string) => Json | undefined): Result<number, FactProblem> {
  const own = leastCap(value("thinking"), "thinking");
  if (!own.ok) return own;
  const fields = value(ADDITIONAL_FIELDS);
  if (fields === undefined) return own;
  for (const name of ["thinking", "reasoning_config"]) {
    const added = leastCap(memberOf(fields, name), `${ADDITIONAL_FIELDS}.${name}`);
    if (!added.ok || added.value > 1) return added;
  }
  return own;
}

function isUnbounded(api: Api, { members, counts, long, items, shapes }: ScannedObject): boolean {
  const atTop = UNBOUNDED_AT_TOP[api];
  return (
    UNBOUNDED.some(
      (name) => (counts.get(name) ?? 0) > (name === AUDIO && isJsonObject(members.get(AUDIO)?.value) ? 1 : 0),
    ) ||
    isJsonObject(members.get("prompt")?.value) ||
    items.has("prompt_embeds") ||
    (atTop !== undefined && (long.has(atTop) || isThere(members.get(atTop)?.value))) ||
    long.has("prompt") ||
    shapes.some(isStoredItem)
  );
}

function isThere(value: Json | undefined): boolean {
  return value !== undefined && value !== null;
}

/** What costs what the policy's price says, or less. */
const ORDINARY: ReadonlyMap<string, ReadonlySet<Json>> = new Map([
  ["service_tier", new Set<Json>([null, "auto", "default", "flex", "standard", "standard_only"])],
  ["speed", new Set<Json>([null, "standard"])],
  ["inference_geo", new Set<Json>([null, "global"])],
  // Audio that comes out has a price of its own, which few policies say.
  [AUDIO, new Set<Json>([null])],
]);

function otherPriceOf(value: (name: string) => Json | undefined): string | undefined {
  for (const [name, ordinary] of ORDINARY) {
    const asked = value(name);
    if (asked !== undefined && !ordinary.has(asked)) return name;
  }
  return undefined;
}

/** Ollama streams unless it is told not to. */
const DEFAULT_STREAMS: ReadonlySet<Api> = new Set<Api>(["ollama_chat", "ollama_generate"]);
