import { ok, type Result } from "../base/result.ts";
import type { Json } from "../json/json.ts";
import { asObject, isAbsent, isList, isShallow, type JsonObject, present, textOf } from "./json-object.ts";
import { messagesHistoryToChat } from "./messages-history-to-chat.ts";
import { messagesToolsToChat } from "./messages-tools-to-chat.ts";
import { type Refusal, refuse } from "./refusal.ts";
import { checkMembers, type MemberRule } from "./request-members.ts";
import { flagMember, numberMember, tokensMember } from "./request-number.ts";
import type { TranslationTarget } from "./translation.ts";

const RULES: ReadonlyMap<string, MemberRule> = new Map<string, MemberRule>([
  ...[
    "model messages system max_tokens temperature top_p stop_sequences stream tools tool_choice thinking output_config",
    "output_format metadata",
  ].flatMap((names) => names.split(" ").map((name): [string, MemberRule] => [name, "carried"])),
  ...["top_k cache_control service_tier speed diagnostics context_management"].flatMap((names) =>
    names.split(" ").map((name): [string, MemberRule] => [name, "dropped"]),
  ),
  ["container", { onlyIf: () => false, sentence: "The model's provider has no containers of this form." }],
  ["inference_geo", { onlyIf: () => false, sentence: "The model's provider cannot be told where to compute." }],
  [
    "mcp_servers",
    {
      onlyIf: (value) => isList(value) && value.length === 0,
      sentence: "The model's provider does not call MCP servers.",
    },
  ],
]);

/** A messages request as a body for `POST /v1/chat/completions`. */
export function messagesRequestToChat(body: JsonObject, target: TranslationTarget): Result<JsonObject, Refusal> {
  const members = checkMembers(body, RULES);
  if (!members.ok) return members;
  const messages = messagesHistoryToChat(body["system"], body["messages"]);
  if (!messages.ok) return messages;
  const tools = messagesToolsToChat(body);
  if (!tools.ok) return tools;
  const tokens = tokensMember(body, "max_tokens");
  if (!tokens.ok) return tokens;
  const temperature = numberMember(body, "temperature", 0, 1);
  if (!temperature.ok) return temperature;
  const topP = numberMember(body, "top_p", 0, 1);
  if (!topP.ok) return topP;
  const stop = stopSequences(body["stop_sequences"]);
  if (!stop.ok) return stop;
  const stream = flagMember(body, "stream");
  if (!stream.ok) return stream;
  const format = responseFormat(asObject(body["output_config"])?.["format"] ?? body["output_format"]);
  if (!format.ok) return format;
  const sampling = target.sampling !== false;
  return ok(
    present({
      model: target.model,
      max_completion_tokens: Math.min(tokens.value ?? target.maxOutput, target.maxOutput),
      messages: messages.value,
      tools: tools.value.tools,
      tool_choice: tools.value.toolChoice,
      parallel_tool_calls: tools.value.parallel,
      temperature: sampling ? temperature.value : undefined,
      top_p: sampling ? topP.value : undefined,
      stop: stop.value,
      stream: stream.value ? true : undefined,
      stream_options: stream.value ? { include_usage: true } : undefined,
      reasoning_effort: reasoningEffort(body),
      response_format: format.value,
      user: endUser(body),
    }),
  );
}

function stopSequences(stop: Json | undefined): Result<readonly Json[] | undefined, Refusal> {
  if (isAbsent(stop)) return ok(undefined);
  if (!isList(stop) || !stop.every((one) => typeof one === "string")) {
    return refuse(".stop_sequences", "The value must be a list of strings.");
  }
  return ok(stop.length === 0 ? undefined : stop);
}

const EFFORTS: ReadonlySet<Json> = new Set(["low", "medium", "high", "xhigh", "max"]);

/** Budgets of thinking, in tokens from which on it is that effort. */
const BUDGETS: readonly (readonly [number, string])[] = [
  [16_384, "high"],
  [4096, "medium"],
  [0, "low"],
];

/**
 * What the caller said of effort, or a budget of thinking as an effort. To let the model decide (adaptive), or not to
 * think, is to say nothing: models without reasoning refuse the member.
 */
function reasoningEffort(body: JsonObject): Json | undefined {
  const effort = asObject(body["output_config"])?.["effort"];
  if (effort !== undefined && EFFORTS.has(effort)) return effort;
  const thinking = asObject(body["thinking"]);
  const budget = thinking?.["budget_tokens"];
  if (thinking?.["type"] !== "enabled" || typeof budget !== "number") return undefined;
  return BUDGETS.find(([from]) => budget >= from)?.[1];
}

function responseFormat(format: Json | undefined): Result<JsonObject | undefined, Refusal> {
  if (isAbsent(format)) return ok(undefined);
  const schema = asObject(asObject(format)?.["schema"]);
  if (asObject(format)?.["type"] !== "json_schema" || schema === undefined || !isShallow(schema)) {
    return refuse(".output_config.format", "The format must be a JSON Schema that nests at most 256 deep.");
  }
  return ok({ type: "json_schema", json_schema: { name: "response", schema, strict: true } });
}

/** What OpenAI takes as the name of an end user. */
const MAXIMUM_USER = 64;

function endUser(body: JsonObject): string | undefined {
  const user = textOf(asObject(body["metadata"])?.["user_id"]);
  return user === undefined || user.length > MAXIMUM_USER ? undefined : user;
}
