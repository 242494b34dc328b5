import { ok, type Result } from "../base/result.ts";
import type { Json } from "../json/json.ts";
import { chatHistoryToMessages } from "./chat-history-to-messages.ts";
import { chatToolsToMessages } from "./chat-tools-to-messages.ts";
import {
  asObject,
  isAbsent,
  isList,
  isObject,
  isShallow,
  type JsonObject,
  present,
  textOf,
  typeOf,
} from "./json-object.ts";
import { type Refusal, refuse } from "./refusal.ts";
import { checkMembers, type MemberRule } from "./request-members.ts";
import { flagMember, numberMember, tokensMember } from "./request-number.ts";
import type { TranslationTarget } from "./translation.ts";

// Bodies made here are for version 2023-06-01 of Anthropic's API; 2026-10-21 takes no `temperature` and no `top_p`.

const isEmpty = (value: Json): boolean => isObject(value) && Object.keys(value).length === 0;

const RULES: ReadonlyMap<string, MemberRule> = new Map<string, MemberRule>([
  ...[
    "model messages max_tokens max_completion_tokens temperature top_p stop stream tools tool_choice",
    "parallel_tool_calls response_format reasoning_effort user safety_identifier",
  ].flatMap((names) => names.split(" ").map((name): [string, MemberRule] => [name, "carried"])),
  ...[
    "stream_options seed store metadata prediction prompt_cache_key prompt_cache_options prompt_cache_retention",
    "service_tier verbosity frequency_penalty presence_penalty",
  ].flatMap((names) => names.split(" ").map((name): [string, MemberRule] => [name, "dropped"])),
  ["n", { onlyIf: (value) => value === 1, sentence: "The model's provider gives one choice only." }],
  ["logprobs", { onlyIf: (value) => value === false, sentence: "The model's provider gives no log probabilities." }],
  ["top_logprobs", { onlyIf: (value) => value === 0, sentence: "The model's provider gives no log probabilities." }],
  ["logit_bias", { onlyIf: isEmpty, sentence: "The model's provider takes no bias of tokens." }],
  ["audio", { onlyIf: () => false, sentence: "The model's provider gives no audio." }],
  [
    "modalities",
    {
      onlyIf: (value) => isList(value) && value.every((one) => one === "text"),
      sentence: "The model's provider gives text only.",
    },
  ],
  ["web_search_options", { onlyIf: () => false, sentence: "The model's provider has no search of this form." }],
  ["moderation", { onlyIf: () => false, sentence: "The model's provider has no moderation of this form." }],
  [
    "functions",
    { onlyIf: (value) => isList(value) && value.length === 0, sentence: "Use tools instead of functions." },
  ],
  [
    "function_call",
    { onlyIf: (value) => value === "none" || value === "auto", sentence: "Use tools instead of functions." },
  ],
]);

/** A chat request as a body for `POST /v1/messages`. */
export function chatRequestToMessages(body: JsonObject, target: TranslationTarget): Result<JsonObject, Refusal> {
  const members = checkMembers(body, RULES);
  if (!members.ok) return members;
  const history = chatHistoryToMessages(body["messages"]);
  if (!history.ok) return history;
  const tools = chatToolsToMessages(body);
  if (!tools.ok) return tools;
  const cap = outputCap(body, target.maxOutput);
  if (!cap.ok) return cap;
  const temperature = numberMember(body, "temperature", 0, 2);
  if (!temperature.ok) return temperature;
  const topP = numberMember(body, "top_p", 0, 1);
  if (!topP.ok) return topP;
  const stop = stopSequences(body["stop"]);
  if (!stop.ok) return stop;
  const stream = flagMember(body, "stream");
  if (!stream.ok) return stream;
  const output = outputConfig(body);
  if (!output.ok) return output;
  const sampling = target.sampling !== false;
  const { system, messages } = history.value;
  return ok(
    present({
      model: target.model,
      max_tokens: cap.value,
      system: system.length === 0 ? undefined : system,
      messages,
      tools: tools.value.tools,
      tool_choice: tools.value.toolChoice,
      temperature: sampling ? moved(temperature.value) : undefined,
      top_p: sampling ? moved(topP.value) : undefined,
      stop_sequences: stop.value,
      stream: stream.value ? true : undefined,
      thinking: body["reasoning_effort"] === "none" ? { type: "disabled" } : undefined,
      output_config: output.value,
      metadata: endUser(body),
    }),
  );
}

function outputCap(body: JsonObject, maximum: number): Result<number, Refusal> {
  const tokens = tokensMember(body, "max_tokens");
  if (!tokens.ok) return tokens;
  const completion = tokensMember(body, "max_completion_tokens");
  if (!completion.ok) return completion;
  return ok(Math.min(tokens.value ?? maximum, completion.value ?? maximum, maximum));
}

/**
 * A temperature or `top_p` that differs from the default of both APIs, 1: newer models refuse the two together even at their
 * defaults. Above 1, which Anthropic does not have, it is 1, as at Anthropic's own chat endpoint.
 */
function moved(value: number | undefined): number | undefined {
  return value === undefined || value >= 1 ? undefined : value;
}

/** Sequences of white space alone are left out: Anthropic refuses them, and its own chat endpoint ignores them. */
function stopSequences(stop: Json | undefined): Result<readonly string[] | undefined, Refusal> {
  if (isAbsent(stop)) return ok(undefined);
  const sequences: string[] = [];
  for (const sequence of isList(stop) ? stop : [stop]) {
    if (typeof sequence !== "string") return refuse(".stop", "The value must be a string or a list of strings.");
    if (sequence.trim() !== "") sequences.push(sequence);
  }
  return ok(sequences.length === 0 ? undefined : sequences);
}

/** As `output_config.effort`, which has no level below low. */
const EFFORTS: ReadonlyMap<string, string> = new Map([
  ["minimal", "low"],
  ["low", "low"],
  ["medium", "medium"],
  ["high", "high"],
  ["xhigh", "xhigh"],
  ["max", "max"],
]);

function outputConfig(body: JsonObject): Result<JsonObject | undefined, Refusal> {
  const effort = body["reasoning_effort"];
  const level = typeof effort === "string" ? EFFORTS.get(effort) : undefined;
  if (!isAbsent(effort) && effort !== "none" && level === undefined) {
    return refuse(".reasoning_effort", "The value must be none, minimal, low, medium, high, xhigh or max.");
  }
  const format = outputFormat(body["response_format"]);
  if (!format.ok) return format;
  const config = present({ effort: level, format: format.value });
  return ok(isEmpty(config) ? undefined : config);
}

function outputFormat(format: Json | undefined): Result<JsonObject | undefined, Refusal> {
  if (isAbsent(format)) return ok(undefined);
  switch (typeOf(format)) {
    case "text":
      return ok(undefined);
    case "json_schema": {
      const schema = asObject(asObject(asObject(format)?.["json_schema"])?.["schema"]);
      return schema !== undefined && isShallow(schema)
        ? ok({ type: "json_schema", schema })
        : refuse(".response_format.json_schema.schema", "There must be a JSON Schema that nests at most 256 deep.");
    }
    case "json_object":
      return refuse(".response_format.type", "The model's provider promises JSON for a schema only: use json_schema.");
    default:
      return refuse(".response_format.type", "The type must be text or json_schema.");
  }
}

const MAXIMUM_USER = 256;

function endUser(body: JsonObject): JsonObject | undefined {
  const user = textOf(body["safety_identifier"]) ?? textOf(body["user"]);
  return user === undefined || user.length > MAXIMUM_USER ? undefined : { user_id: user };
}
