import { ok, type Result } from "../base/result.ts";
import type { Json } from "../json/json.ts";
import { cacheControlOf } from "./cache-control.ts";
import { textBlock, textBlocks, userBlocks } from "./chat-part-to-block.ts";
import { asObject, isAbsent, isList, isObject, type JsonObject, present, textOf } from "./json-object.ts";
import { type Refusal, refuse, within } from "./refusal.ts";
import { anthropicToolId, isToolId } from "./tool-id.ts";
import { pastInputOf } from "./tool-input.ts";
import { Turns } from "./turns.ts";

/** Anthropic's own limit. */
const MAXIMUM_MESSAGES = 100_000;

interface Conversation {
  /** Text blocks: all system and developer messages, wherever they stood, as Anthropic's own chat endpoint does. */
  readonly system: readonly JsonObject[];
  readonly messages: readonly JsonObject[];
}

interface Building {
  readonly system: JsonObject[];
  readonly turns: Turns;
}

const DONE: Result<undefined, Refusal> = ok(undefined);

/** `messages` of a chat request. */
export function chatHistoryToMessages(messages: Json | undefined): Result<Conversation, Refusal> {
  if (!isList(messages)) return refuse(".messages", "The messages must be a list.");
  if (messages.length > MAXIMUM_MESSAGES) return refuse(".messages", "There are more than 100,000 messages.");
  const building: Building = { system: [], turns: new Turns() };
  for (const [index, message] of messages.entries()) {
    const read = readMessage(message, building);
    if (!read.ok) return within(`.messages[${index}]`, read.problem);
  }
  const turns = building.turns.messages();
  if (turns.length === 0) {
    return refuse(".messages", "The model's provider needs a message of a user or an assistant that is not empty.");
  }
  return ok({ system: building.system, messages: turns });
}

function readMessage(message: Json, building: Building): Result<undefined, Refusal> {
  if (!isObject(message)) return refuse("", "A message must be an object.");
  switch (textOf(message["role"]) ?? "") {
    case "system":
    case "developer":
      return readSystem(message, building);
    case "user":
      return readUser(message, building);
    case "assistant":
      return readAssistant(message, building);
    case "tool":
      return readToolResult(message, building);
    case "function":
      return refuse(".role", "Messages of functions cannot be carried over: use tools.");
    default:
      return refuse(".role", "The role must be system, developer, user, assistant or tool.");
  }
}

function readSystem(message: JsonObject, { system }: Building): Result<undefined, Refusal> {
  const blocks = textBlocks(message["content"]);
  if (!blocks.ok) return within(".content", blocks.problem);
  for (const block of blocks.value) system.push(block);
  return DONE;
}

function readUser(message: JsonObject, { turns }: Building): Result<undefined, Refusal> {
  const blocks = userBlocks(message["content"]);
  if (!blocks.ok) return within(".content", blocks.problem);
  turns.add("user", blocks.value);
  return DONE;
}

/** What it reasoned (`reasoning_content`) is left out: without the provider's signature it means nothing to Anthropic. */
function readAssistant(message: JsonObject, { turns }: Building): Result<undefined, Refusal> {
  if (!isAbsent(message["audio"])) return refuse(".audio", "Audio cannot be carried over to the model's provider.");
  if (!isAbsent(message["function_call"])) {
    return refuse(".function_call", "Calls of functions cannot be carried over: use tools.");
  }
  const text = textBlocks(message["content"]);
  if (!text.ok) return within(".content", text.problem);
  const calls = toolUses(message["tool_calls"]);
  if (!calls.ok) return within(".tool_calls", calls.problem);
  const refusal = textOf(message["refusal"]);
  turns.add("assistant", [...text.value, ...(refusal === undefined ? [] : textBlock(refusal)), ...calls.value]);
  return DONE;
}

function toolUses(calls: Json | undefined): Result<readonly JsonObject[], Refusal> {
  if (isAbsent(calls)) return ok([]);
  if (!isList(calls)) return refuse("", "The tool calls must be a list.");
  const uses: JsonObject[] = [];
  for (const [index, call] of calls.entries()) {
    const use = toolUse(call);
    if (!use.ok) return within(`[${index}]`, use.problem);
    uses.push(use.value);
  }
  return ok(uses);
}

function toolUse(call: Json): Result<JsonObject, Refusal> {
  if (!isObject(call)) return refuse("", "A tool call must be an object.");
  const type = call["type"];
  if (type !== undefined && type !== "function") return refuse(".type", "Only calls of functions can be carried over.");
  const id = readToolId(call["id"]);
  if (id === undefined) return refuse(".id", BAD_ID);
  const called = asObject(call["function"]);
  const name = textOf(called?.["name"]);
  if (name === undefined) return refuse(".function.name", "The name of a called function must be a string.");
  const text = called?.["arguments"];
  if (!isAbsent(text) && typeof text !== "string") {
    return refuse(".function.arguments", "The arguments of a call must be a string.");
  }
  return ok({ type: "tool_use", id, name, input: pastInputOf(text ?? "") });
}

const BAD_ID = "The id of a tool call must be a string of at most 256 characters, none of them a control character.";

function readToolId(id: Json | undefined): string | undefined {
  return typeof id === "string" && isToolId(id) ? anthropicToolId(id) : undefined;
}

function readToolResult(message: JsonObject, { turns }: Building): Result<undefined, Refusal> {
  const id = readToolId(message["tool_call_id"]);
  if (id === undefined) return refuse(".tool_call_id", BAD_ID);
  const blocks = textBlocks(message["content"]);
  if (!blocks.ok) return within(".content", blocks.problem);
  const [only, ...more] = blocks.value;
  turns.addResult(
    present({
      type: "tool_result",
      tool_use_id: id,
      content: more.length === 0 ? only?.["text"] : blocks.value,
      cache_control: cacheControlOf(message) ?? (more.length === 0 ? only?.["cache_control"] : undefined),
    }),
  );
  return DONE;
}
