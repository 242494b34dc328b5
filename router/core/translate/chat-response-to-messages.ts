import { fail, ok, type Result } from "../base/result.ts";
import type { Json } from "../json/json.ts";
import { asObject, isAbsent, isList, type JsonObject, textOf } from "./json-object.ts";
import { stopReason } from "./stop-reasons.ts";
import { inputOf } from "./tool-input.ts";
import type { ResponseContext } from "./translation.ts";
import { countsOfChat, messagesUsage, NO_COUNTS, type TokenCounts } from "./usage-forms.ts";

/**
 * A chat completion as a message. What the model reasoned is left out: as a thinking block it would need a signature, and
 * callers give those blocks back, also to Anthropic. Where the output cap cut the arguments of a call, the call is left out.
 */
export function chatResponseToMessages(body: Json, context: ResponseContext): Result<JsonObject, string> {
  const completion = asObject(body);
  const choices = completion?.["choices"];
  const choice = asObject(isList(choices) ? choices[0] : undefined);
  const message = asObject(choice?.["message"]);
  if (choice === undefined || message === undefined) return fail("The model's provider answered with no choice.");
  const finish = textOf(choice["finish_reason"]) ?? "";
  const content: JsonObject[] = [];
  for (const text of [chatText(message["content"]), textOf(message["refusal"])]) {
    if (text !== undefined) content.push({ type: "text", text });
  }
  const calls = message["tool_calls"];
  if (!isAbsent(calls) && !isList(calls)) return fail("The model's provider answered with malformed tool calls.");
  for (const [index, call] of (calls ?? []).entries()) {
    const use = toolUse(asObject(call), `${context.id}_${index}`);
    if (use !== undefined) content.push(use);
    else if (finish !== "length") return fail("The model's provider answered with a malformed tool call.");
  }
  const usedTools = content.some((block) => block["type"] === "tool_use");
  return ok(
    messageOf(
      context,
      content,
      stopReason(finish, usedTools, textOf(message["refusal"]) !== undefined),
      countsOfChat(completion?.["usage"]) ?? NO_COUNTS,
    ),
  );
}

export function messageOf(
  context: ResponseContext,
  content: readonly JsonObject[],
  reason: string | null,
  counts: TokenCounts,
): JsonObject {
  return {
    id: context.id,
    type: "message",
    role: "assistant",
    model: context.model,
    content,
    stop_reason: reason,
    stop_sequence: null,
    stop_details: null,
    container: null,
    usage: messagesUsage(counts),
  };
}

/** Text content; some origins answer with parts. */
function chatText(content: Json | undefined): string | undefined {
  if (!isList(content)) return textOf(content);
  let text = "";
  for (const part of content) text += textOf(asObject(part)?.["text"]) ?? "";
  return textOf(text);
}

function toolUse(call: JsonObject | undefined, otherwise: string): JsonObject | undefined {
  const called = asObject(call?.["function"]);
  const name = textOf(called?.["name"]);
  const text = called?.["arguments"];
  const input = typeof text === "string" ? inputOf(text) : isAbsent(text) ? {} : undefined;
  if (name === undefined || input === undefined) return undefined;
  return { type: "tool_use", id: textOf(call?.["id"]) ?? otherwise, name, input };
}
