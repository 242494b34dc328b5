import { fail, ok, type Result } from "../base/result.ts";
import type { Json } from "../json/json.ts";
import { asObject, isList, isObject, type JsonObject, present, textOf, typeOf } from "./json-object.ts";
import { finishReason } from "./stop-reasons.ts";
import { argumentsOf } from "./tool-input.ts";
import type { ResponseContext } from "./translation.ts";
import { chatUsage, countsOfMessages, NO_COUNTS } from "./usage-forms.ts";

/**
 * A message as a chat completion. Thinking becomes `reasoning_content`, the member by which DeepSeek, vLLM and others tell
 * it, without its signature; tools that the provider ran itself, and citations, are left out.
 */
export function messagesResponseToChat(body: Json, context: ResponseContext): Result<JsonObject, string> {
  const message = asObject(body);
  const content = message?.["content"];
  if (message === undefined || !isList(content)) return fail("The model's provider answered with no message.");
  let text = "";
  let reasoning = "";
  const calls: JsonObject[] = [];
  for (const block of content) {
    if (!isObject(block)) return fail("The model's provider answered with a content block that is no object.");
    switch (typeOf(block)) {
      case "text":
        text += textOf(block["text"]) ?? "";
        break;
      case "thinking":
        reasoning += textOf(block["thinking"]) ?? "";
        break;
      case "tool_use": {
        const call = toolCall(block);
        if (call === undefined) return fail("The model's provider answered with a malformed use of a tool.");
        calls.push(call);
        break;
      }
      default:
    }
  }
  return ok({
    id: context.id,
    object: "chat.completion",
    created: context.createdSeconds,
    model: context.model,
    choices: [
      {
        index: 0,
        message: present({
          role: "assistant",
          content: text === "" && calls.length > 0 ? null : text,
          refusal: null,
          reasoning_content: reasoning === "" ? undefined : reasoning,
          tool_calls: calls.length === 0 ? undefined : calls,
        }),
        logprobs: null,
        finish_reason: finishReason(textOf(message["stop_reason"]) ?? ""),
      },
    ],
    usage: chatUsage(countsOfMessages(message["usage"], NO_COUNTS)),
  });
}

function toolCall(block: JsonObject): JsonObject | undefined {
  const id = textOf(block["id"]);
  const name = textOf(block["name"]);
  const text = argumentsOf(block["input"]);
  if (id === undefined || name === undefined || text === undefined) return undefined;
  return { id, type: "function", function: { name, arguments: text } };
}
