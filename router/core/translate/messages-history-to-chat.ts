import { ok, type Result } from "../base/result.ts";
import type { Json } from "../json/json.ts";
import { isAbsent, isList, isObject, type JsonObject, present, textOf, typeOf } from "./json-object.ts";
import { blocksOf, contentOf, textPart, userParts } from "./messages-block-to-part.ts";
import { type Refusal, refuse, within } from "./refusal.ts";
import { isToolId } from "./tool-id.ts";
import { argumentsOf } from "./tool-input.ts";

type Messages = Result<readonly JsonObject[], Refusal>;

/** Anthropic's own limit. */
const MAXIMUM_MESSAGES = 100_000;

/** `system` and `messages` of a messages request. */
export function messagesHistoryToChat(system: Json | undefined, messages: Json | undefined): Messages {
  if (!isList(messages) || messages.length === 0) return refuse(".messages", "There must be a list of messages.");
  if (messages.length > MAXIMUM_MESSAGES) return refuse(".messages", "There are more than 100,000 messages.");
  const head = isAbsent(system) ? ok([]) : systemMessages(system);
  if (!head.ok) return within(".system", head.problem);
  const chat: JsonObject[] = [...head.value];
  for (const [index, message] of messages.entries()) {
    const read = readMessage(message);
    if (!read.ok) return within(`.messages.${index}`, read.problem);
    for (const one of read.value) chat.push(one);
  }
  // In chat the model would begin anew where in messages it goes on with these words.
  return chat.at(-1)?.["role"] === "assistant"
    ? refuse(".messages", "The model's provider cannot go on with a message that was begun: end with a user's message.")
    : ok(chat);
}

function readMessage(message: Json): Messages {
  if (!isObject(message)) return refuse("", "A message must be an object.");
  switch (textOf(message["role"]) ?? "") {
    case "user":
      return inContent(userMessages(message["content"]));
    case "assistant":
      return inContent(assistantMessages(message["content"]));
    case "system":
      return inContent(systemMessages(message["content"]));
    default:
      return refuse(".role", "The role must be user, assistant or system.");
  }
}

function inContent(messages: Messages): Messages {
  return messages.ok ? messages : within(".content", messages.problem);
}

function systemMessages(content: Json | undefined): Messages {
  const blocks = blocksOf(content);
  if (!blocks.ok) return blocks;
  const parts: JsonObject[] = [];
  for (const [index, block] of blocks.value.entries()) {
    const part = textPart(block);
    if (!part.ok) return within(typeof content === "string" ? "" : `.${index}`, part.problem);
    parts.push(...part.value);
  }
  return ok(parts.length === 0 ? [] : [{ role: "system", content: contentOf(parts) }]);
}

/** Results of tools first, as chat demands, then what the user said, led by what those results hold besides text. */
function userMessages(content: Json | undefined): Messages {
  const blocks = blocksOf(content);
  if (!blocks.ok) return blocks;
  const results: JsonObject[] = [];
  const parts: JsonObject[] = [];
  for (const [index, block] of blocks.value.entries()) {
    if (typeOf(block) === "tool_result" && isObject(block)) {
      const result = toolResult(block);
      if (!result.ok) return within(`.${index}`, result.problem);
      results.push(result.value.message);
      for (const part of result.value.rest) parts.push(part);
      continue;
    }
    const read = userParts(block);
    if (!read.ok) return within(`.${index}`, read.problem);
    for (const part of read.value) parts.push(part);
  }
  const silent = parts.length === 0 && results.length > 0;
  return ok(silent ? results : [...results, { role: "user", content: contentOf(parts) }]);
}

interface ToolResult {
  readonly message: JsonObject;
  /** Images and files, for which a message of a tool has no place. */
  readonly rest: readonly JsonObject[];
}

function toolResult(block: JsonObject): Result<ToolResult, Refusal> {
  const id = block["tool_use_id"];
  if (typeof id !== "string" || !isToolId(id)) return refuse(".tool_use_id", BAD_ID);
  const content = block["content"];
  const blocks = isAbsent(content) ? ok([]) : blocksOf(content);
  if (!blocks.ok) return within(".content", blocks.problem);
  const texts: JsonObject[] = [];
  const rest: JsonObject[] = [];
  for (const [index, inner] of blocks.value.entries()) {
    const parts = userParts(inner);
    if (!parts.ok) return within(`.content.${index}`, parts.problem);
    for (const part of parts.value) (part["type"] === "text" ? texts : rest).push(part);
  }
  const told = block["is_error"] === true ? failed(texts) : texts;
  return ok({ message: { role: "tool", tool_call_id: id, content: contentOf(told) }, rest });
}

/** Chat has no mark for a result that is an error: the model is told in words. */
function failed(texts: readonly JsonObject[]): readonly JsonObject[] {
  const [first, ...more] = texts;
  const text = textOf(first?.["text"]);
  return [{ type: "text", text: text === undefined ? "Error" : `Error: ${text}` }, ...more];
}

const BAD_ID = "The id of a tool use must be a string of at most 256 characters, none of them a control character.";

/** Thinking is left out: it is bound to the provider that signed it. */
function assistantMessages(content: Json | undefined): Messages {
  const blocks = blocksOf(content);
  if (!blocks.ok) return blocks;
  let text = "";
  const calls: JsonObject[] = [];
  for (const [index, block] of blocks.value.entries()) {
    switch (typeOf(block)) {
      case "thinking":
      case "redacted_thinking":
        continue;
      case "tool_use": {
        const call = isObject(block) ? toolCall(block) : refuse("", "A content block must be an object.");
        if (!call.ok) return within(`.${index}`, call.problem);
        calls.push(call.value);
        continue;
      }
      default: {
        const parts = textPart(block);
        if (!parts.ok) return within(`.${index}`, parts.problem);
        for (const part of parts.value) text += textOf(part["text"]) ?? "";
      }
    }
  }
  if (text === "" && calls.length === 0) return ok([]);
  return ok([
    present({
      role: "assistant",
      content: text === "" ? null : text,
      tool_calls: calls.length === 0 ? undefined : calls,
    }),
  ]);
}

function toolCall(block: JsonObject): Result<JsonObject, Refusal> {
  const id = block["id"];
  if (typeof id !== "string" || !isToolId(id)) return refuse(".id", BAD_ID);
  const name = textOf(block["name"]);
  if (name === undefined) return refuse(".name", "The name of a used tool must be a string.");
  const text = argumentsOf(block["input"]);
  return text === undefined
    ? refuse(".input", "The input of a tool use must be an object that nests at most 256 deep.")
    : ok({ id, type: "function", function: { name, arguments: text } });
}
