import { fail, ok, type Result } from "../base/result.ts";
import type { Json } from "../json/json.ts";
import { messageOf } from "./chat-response-to-messages.ts";
import { anthropicError } from "./error-forms.ts";
import { asObject, isAbsent, isList, isObject, type JsonObject, textOf } from "./json-object.ts";
import { eventFrame } from "./sse-text.ts";
import { stopReason } from "./stop-reasons.ts";
import { frameObject, MAXIMUM_TOOL_CALLS } from "./stream-frame.ts";
import type { StreamContext, StreamTranslation } from "./translation.ts";
import { countsOfChat, messagesUsage, NO_COUNTS, type TokenCounts } from "./usage-forms.ts";

/** What the open content block holds: text, or the call with this index. */
type Open = "text" | number | undefined;

interface HeldCall {
  readonly id: string;
  readonly name: string;
  /** Its arguments so far. */
  text: string;
}

/** Characters of the arguments of all calls that are held. */
const MOST_HELD = 1024 * 1024;
const FINAL = "[DONE]";

/**
 * Chunks of a chat completion as events of a messages stream. The blocks of a message follow one another, each closed
 * before the next begins. Of calls that begin in one chunk the first is told as it comes, and the others, with all that
 * begin later, once the model has finished; parts of a call that was closed cannot be told. Usage comes after the finish reason: the last
 * events are held until `[DONE]`, or until the body ends in order.
 */
export class ChatStreamToMessages implements StreamTranslation {
  complete = false;
  error: { readonly type: string; readonly message: string } | undefined;
  readonly #context: StreamContext;
  #begun = false;
  #over = false;
  #finish: string | undefined;
  #refused = false;
  #counts: TokenCounts = NO_COUNTS;
  #open: Open;
  #blocks = 0;
  /** The calls that have begun, by their index. */
  readonly #calls = new Set<number>();
  /** Those that are told at the end, and the octets or so of what they say. */
  readonly #held = new Map<number, HeldCall>();
  #heldLength = 0;

  constructor(context: StreamContext) {
    this.#context = context;
  }

  /** `event` is "error" at some origins; otherwise chat has no event names. */
  frame(event: string | undefined, data: string): Result<string, string> {
    if (this.#over || data === "") return ok("");
    if (data.trim() === FINAL) {
      return this.#finish === undefined
        ? this.#failed("The model's provider ended the stream without a finish reason.")
        : ok(this.#close());
    }
    const value = frameObject(data);
    if (value === undefined) return this.#failed("The model's provider sent a chunk that is no JSON object.");
    if (event === "error" || !isAbsent(value["error"])) return this.#told(value);
    return this.#chunk(value);
  }

  end(): string {
    const closed = this.#over || this.#finish === undefined ? "" : this.#close();
    this.#over = true;
    return closed;
  }

  #chunk(chunk: JsonObject): Result<string, string> {
    this.#counts = countsOfChat(chunk["usage"]) ?? this.#counts;
    const choices = chunk["choices"];
    const choice = asObject(isList(choices) ? choices.find((one) => (asObject(one)?.["index"] ?? 0) === 0) : undefined);
    // Azure begins with its filter's results and no choice, and may send more of them after the end.
    if (choice === undefined || this.#finish !== undefined) return ok("");
    let text = this.#begin();
    const delta = asObject(choice["delta"]);
    text += this.#text(delta?.["content"]);
    const refusal = textOf(delta?.["refusal"]);
    if (refusal !== undefined) this.#refused = true;
    text += this.#text(refusal);
    const calls = delta?.["tool_calls"];
    if (!isAbsent(calls)) {
      const told = this.#toolCalls(calls);
      if (!told.ok) return told;
      text += told.value;
    }
    this.#finish = textOf(choice["finish_reason"]);
    if (this.#finish !== undefined) text += this.#heldCalls();
    return ok(text);
  }

  #begin(): string {
    if (this.#begun) return "";
    this.#begun = true;
    return eventFrame("message_start", { message: messageOf(this.#context, [], null, NO_COUNTS) });
  }

  #text(content: Json | undefined): string {
    const text = textOf(content);
    if (text === undefined) return "";
    const opened = this.#open === "text" ? "" : this.#openBlock("text", { type: "text", text: "" });
    return opened + this.#blockDelta({ type: "text_delta", text });
  }

  #toolCalls(calls: Json): Result<string, string> {
    if (!isList(calls)) return this.#failed(MALFORMED);
    let text = "";
    const before = this.#calls.size;
    for (const [position, call] of calls.entries()) {
      const isLater = this.#calls.size > before || this.#held.size > 0;
      const told = isObject(call) ? this.#toolCall(call, position, isLater) : this.#failed(MALFORMED);
      if (!told.ok) return told;
      text += told.value;
    }
    return ok(text);
  }

  /** Some origins give whole calls without an index: it is their place. `isLater`: one that begins now is held. */
  #toolCall(call: JsonObject, position: number, isLater: boolean): Result<string, string> {
    const index = call["index"] ?? position;
    if (typeof index !== "number") return this.#failed(MALFORMED);
    const called = asObject(call["function"]);
    const part = textOf(called?.["arguments"]);
    const held = this.#held.get(index);
    if (held !== undefined) return this.#hold(held, part);
    let text = "";
    if (this.#open !== index) {
      const name = textOf(called?.["name"]);
      if (this.#calls.has(index)) return this.#failed("The model's provider mixed the parts of several tool calls.");
      if (name === undefined || this.#calls.size === MAXIMUM_TOOL_CALLS) return this.#failed(MALFORMED);
      const id = textOf(call["id"]) ?? `${this.#context.id}_${this.#calls.size}`;
      this.#calls.add(index);
      if (isLater) {
        const later: HeldCall = { id, name, text: "" };
        this.#held.set(index, later);
        return this.#hold(later, part);
      }
      text += this.#openBlock(index, { type: "tool_use", id, name, input: {} });
    }
    return ok(part === undefined ? text : text + this.#blockDelta({ type: "input_json_delta", partial_json: part }));
  }

  #hold(call: HeldCall, part: string | undefined): Result<string, string> {
    if (part === undefined) return ok("");
    this.#heldLength += part.length;
    if (this.#heldLength > MOST_HELD) return this.#failed("The model's provider sent tool calls that are too long.");
    call.text += part;
    return ok("");
  }

  #heldCalls(): string {
    let text = "";
    for (const [index, { id, name, text: whole }] of this.#held) {
      text += this.#openBlock(index, { type: "tool_use", id, name, input: {} });
      if (whole !== "") text += this.#blockDelta({ type: "input_json_delta", partial_json: whole });
    }
    this.#held.clear();
    return text;
  }

  #openBlock(open: Open, block: JsonObject): string {
    const closed = this.#closeBlock();
    this.#open = open;
    return closed + eventFrame("content_block_start", { index: this.#blocks, content_block: block });
  }

  #blockDelta(delta: JsonObject): string {
    return eventFrame("content_block_delta", { index: this.#blocks, delta });
  }

  #closeBlock(): string {
    if (this.#open === undefined) return "";
    this.#open = undefined;
    return eventFrame("content_block_stop", { index: this.#blocks++ });
  }

  #close(): string {
    this.#over = true;
    this.complete = true;
    const delta: JsonObject = {
      stop_reason: stopReason(this.#finish ?? "", this.#calls.size > 0, this.#refused),
      stop_sequence: null,
      stop_details: null,
      container: null,
    };
    const closed = this.#closeBlock();
    const last = eventFrame("message_delta", { delta, usage: messagesUsage(this.#counts) });
    return `${closed}${last}${eventFrame("message_stop", {})}`;
  }

  #told(value: JsonObject): Result<string, string> {
    this.#over = true;
    const { body } = anthropicError(value, undefined);
    const told = asObject(body["error"]);
    this.error = { type: textOf(told?.["type"]) ?? "", message: textOf(told?.["message"]) ?? "" };
    return ok(`event: error\ndata: ${JSON.stringify(body)}\n\n`);
  }

  #failed(sentence: string): Result<string, string> {
    this.#over = true;
    return fail(sentence);
  }
}

const MALFORMED = "The model's provider sent a malformed tool call.";
