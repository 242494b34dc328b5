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

/** What the open content block holds: text, or this call. */
type Open = "text" | Call | undefined;

interface Call {
  /** The id that the provider gave it; undefined: none. */
  readonly said: string | undefined;
  readonly id: string;
  readonly name: string;
  /** It is told at the end: its arguments so far. */
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
  /** The calls that have begun, by their index, or by their id where none has an index. */
  readonly #calls = new Map<number | string, Call>();
  /** They have an index; undefined: none has said. */
  #isIndexed: boolean | undefined;
  /** Those that are told at the end, and the octets or so of what they say. */
  readonly #held = new Set<Call>();
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
    for (const call of calls) {
      const isLater = this.#calls.size > before || this.#held.size > 0;
      const told = isObject(call) ? this.#toolCall(call, isLater) : this.#failed(MALFORMED);
      if (!told.ok) return told;
      text += told.value;
    }
    return ok(text);
  }

  /** A part of a call, or a whole one. `isLater`: one that begins now is held. */
  #toolCall(part: JsonObject, isLater: boolean): Result<string, string> {
    const index = part["index"] ?? undefined;
    if (index !== undefined && typeof index !== "number") return this.#failed(MALFORMED);
    const said = textOf(part["id"]);
    const called = asObject(part["function"]);
    const name = textOf(called?.["name"]);
    const text = textOf(called?.["arguments"]);
    if (index !== undefined || said !== undefined) {
      const isIndexed = index !== undefined;
      if (this.#isIndexed === !isIndexed) return this.#failed(MIXED);
      this.#isIndexed = isIndexed;
    }
    const known = this.#known(index, said, name);
    if (known === undefined) return this.#beginCall({ index, said, name }, text, isLater);
    // One id or name too many: to whom the arguments belong, nobody can say.
    if (name !== undefined || (said !== undefined && known.said !== undefined && said !== known.said)) {
      return this.#failed(MIXED);
    }
    if (this.#held.has(known)) return this.#hold(known, text);
    if (this.#open !== known) return this.#failed(MIXED);
    return ok(text === undefined ? "" : this.#blockDelta({ type: "input_json_delta", partial_json: text }));
  }

  /** The call that goes on. Google's have no index, and each its own id; whole ones may have neither. */
  #known(index: number | undefined, said: string | undefined, name: string | undefined): Call | undefined {
    const key = index ?? said;
    if (key !== undefined) return this.#calls.get(key);
    if (name !== undefined || this.#calls.size !== 1) return undefined;
    const [only] = this.#calls.values();
    return only;
  }

  #beginCall(
    { index, said, name }: { index: number | undefined; said: string | undefined; name: string | undefined },
    text: string | undefined,
    isLater: boolean,
  ): Result<string, string> {
    const count = this.#calls.size;
    if (name === undefined || count === MAXIMUM_TOOL_CALLS) return this.#failed(MALFORMED);
    const id = said ?? `${this.#context.id}_${count}`;
    const key = index ?? id;
    if (this.#calls.has(key)) return this.#failed(MIXED);
    const call: Call = { said, id, name, text: "" };
    this.#calls.set(key, call);
    if (isLater) {
      this.#held.add(call);
      return this.#hold(call, text);
    }
    const opened = this.#openBlock(call, { type: "tool_use", id, name, input: {} });
    return ok(
      text === undefined ? opened : opened + this.#blockDelta({ type: "input_json_delta", partial_json: text }),
    );
  }

  #hold(call: Call, part: string | undefined): Result<string, string> {
    if (part === undefined) return ok("");
    this.#heldLength += part.length;
    if (this.#heldLength > MOST_HELD) return this.#failed("The model's provider sent tool calls that are too long.");
    call.text += part;
    return ok("");
  }

  #heldCalls(): string {
    let text = "";
    for (const call of this.#held) {
      const { id, name, text: whole } = call;
      text += this.#openBlock(call, { type: "tool_use", id, name, input: {} });
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
const MIXED = "The model's provider mixed the parts of several tool calls.";
