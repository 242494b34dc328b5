import { fail, ok, type Result } from "../base/result.ts";
import type { Json } from "../json/json.ts";
import { openaiError } from "./error-forms.ts";
import { asObject, isObject, type JsonObject, textOf, typeOf } from "./json-object.ts";
import { dataFrame, DONE } from "./sse-text.ts";
import { finishReason } from "./stop-reasons.ts";
import { frameObject, MAXIMUM_TOOL_CALLS } from "./stream-frame.ts";
import { argumentsOf } from "./tool-input.ts";
import type { StreamContext, StreamTranslation } from "./translation.ts";
import { chatUsage, countsOfMessages, NO_COUNTS, type TokenCounts } from "./usage-forms.ts";

interface ToolBlock {
  /** Its place among the calls of tools. */
  readonly call: number;
  /** The input, where the provider gave it whole and sends no parts. */
  readonly whole: Json | undefined;
  started: boolean;
}

/**
 * Events of a messages stream as chunks of a chat completion. The last chunks are held until `message_stop`, so that a
 * stream that is cut has neither a finish reason nor an end.
 */
export class MessagesStreamToChat implements StreamTranslation {
  complete = false;
  error: { readonly type: string; readonly message: string } | undefined;
  readonly #context: StreamContext;
  /** What stands before and after the `delta` of every chunk. */
  readonly #before: string;
  readonly #after: string;
  #begun = false;
  #over = false;
  #stopReason: string | undefined;
  #counts: TokenCounts = NO_COUNTS;
  #calls = 0;
  /** By the index of the block, while it is open. */
  readonly #tools = new Map<number, ToolBlock>();

  constructor(context: StreamContext) {
    this.#context = context;
    const head = JSON.stringify(this.#head());
    this.#before = `data: ${head.slice(0, -1)},"choices":[{"index":0,"delta":`;
    this.#after = `,"logprobs":null,"finish_reason":null}]${context.includeUsage ? ',"usage":null' : ""}}\n\n`;
  }

  frame(event: string | undefined, data: string): Result<string, string> {
    if (this.#over || data === "") return ok("");
    const value = frameObject(data);
    if (value === undefined) return this.#failed("The model's provider sent an event that is no JSON object.");
    switch (textOf(value["type"]) ?? event ?? "") {
      case "message_start":
        return this.#start(asObject(value["message"]));
      case "content_block_start":
        return this.#blockStart(value["index"], asObject(value["content_block"]));
      case "content_block_delta":
        return this.#blockDelta(value["index"], asObject(value["delta"]));
      case "content_block_stop":
        return this.#blockStop(value["index"]);
      case "message_delta":
        this.#stopReason = textOf(asObject(value["delta"])?.["stop_reason"]) ?? this.#stopReason;
        this.#counts = countsOfMessages(value["usage"], this.#counts);
        return ok("");
      case "message_stop":
        return this.#stop();
      case "error":
        return this.#told(value);
      default:
        return ok("");
    }
  }

  /** A messages stream ends with `message_stop`, and with nothing else. */
  end(): string {
    this.#over = true;
    return "";
  }

  #start(message: JsonObject | undefined): Result<string, string> {
    if (this.#begun) return this.#failed("The model's provider began a second message in one stream.");
    this.#begun = true;
    this.#counts = countsOfMessages(message?.["usage"], this.#counts);
    return ok(this.#delta('{"role":"assistant","content":"","refusal":null}'));
  }

  #blockStart(index: Json | undefined, block: JsonObject | undefined): Result<string, string> {
    if (!this.#begun || block === undefined || typeof index !== "number") return this.#outOfOrder();
    const text = textOf(block["text"]);
    if (block["type"] === "text")
      return ok(text === undefined ? "" : this.#delta(`{"content":${JSON.stringify(text)}}`));
    if (block["type"] !== "tool_use") return ok("");
    const id = textOf(block["id"]);
    const name = textOf(block["name"]);
    if (id === undefined || name === undefined || this.#calls === MAXIMUM_TOOL_CALLS || this.#tools.has(index)) {
      return this.#failed("The model's provider sent a malformed use of a tool.");
    }
    const call = this.#calls++;
    this.#tools.set(index, { call, whole: block["input"], started: false });
    return ok(this.#toolDelta({ index: call, id, type: "function", function: { name, arguments: "" } }));
  }

  #blockDelta(index: Json | undefined, delta: JsonObject | undefined): Result<string, string> {
    if (!this.#begun || delta === undefined || typeof index !== "number") return this.#outOfOrder();
    switch (typeOf(delta)) {
      case "text_delta": {
        const text = textOf(delta["text"]);
        return ok(text === undefined ? "" : this.#delta(`{"content":${JSON.stringify(text)}}`));
      }
      case "thinking_delta": {
        const thinking = textOf(delta["thinking"]);
        return ok(thinking === undefined ? "" : this.#delta(`{"reasoning_content":${JSON.stringify(thinking)}}`));
      }
      case "input_json_delta": {
        const tool = this.#tools.get(index);
        const part = textOf(delta["partial_json"]);
        if (tool === undefined || part === undefined) return ok("");
        tool.started = true;
        return ok(this.#argumentsDelta(tool, part));
      }
      default:
        return ok("");
    }
  }

  /** Callers parse the arguments as JSON: a call without input has an empty object. */
  #blockStop(index: Json | undefined): Result<string, string> {
    if (!this.#begun || typeof index !== "number") return this.#outOfOrder();
    const tool = this.#tools.get(index);
    if (tool === undefined) return ok("");
    this.#tools.delete(index);
    if (tool.started) return ok("");
    const text = argumentsOf(tool.whole ?? {});
    return text === undefined
      ? this.#failed("The model's provider sent a malformed use of a tool.")
      : ok(this.#argumentsDelta(tool, text));
  }

  #stop(): Result<string, string> {
    if (!this.#begun) return this.#outOfOrder();
    this.#over = true;
    this.complete = true;
    const { includeUsage } = this.#context;
    const finish = { index: 0, delta: {}, logprobs: null, finish_reason: finishReason(this.#stopReason ?? "") };
    const last = dataFrame({ ...this.#head(), choices: [finish], ...(includeUsage ? { usage: null } : {}) });
    const usage = includeUsage ? dataFrame({ ...this.#head(), choices: [], usage: chatUsage(this.#counts) }) : "";
    return ok(`${last}${usage}${DONE}`);
  }

  #told(value: JsonObject): Result<string, string> {
    this.#over = true;
    const { body } = openaiError(value, undefined);
    const told = body["error"];
    if (isObject(told)) this.error = { type: textOf(told["type"]) ?? "", message: textOf(told["message"]) ?? "" };
    return ok(dataFrame(body));
  }

  #head(): JsonObject {
    const { id, createdSeconds, model } = this.#context;
    return { id, object: "chat.completion.chunk", created: createdSeconds, model };
  }

  #delta(json: string): string {
    return `${this.#before}${json}${this.#after}`;
  }

  #toolDelta(call: JsonObject): string {
    return this.#delta(JSON.stringify({ tool_calls: [call] }));
  }

  #argumentsDelta({ call }: ToolBlock, part: string): string {
    return this.#delta(`{"tool_calls":[{"index":${call},"function":{"arguments":${JSON.stringify(part)}}}]}`);
  }

  #outOfOrder(): Result<string, string> {
    return this.#failed("The model's provider sent the events of a message out of order.");
  }

  #failed(sentence: string): Result<string, string> {
    this.#over = true;
    return fail(sentence);
  }
}
