import type { Api } from "../inference/api.ts";
import { isFreeMember, isWrittenMember } from "./written-texts.ts";

/** A string in a frame that a model wrote. */
export interface FramePiece {
  readonly text: string;
  /** The text that it continues; undefined: it is a text by itself. */
  readonly channel: string | undefined;
  put(text: string): void;
}

export interface FrameTexts {
  readonly pieces: readonly FramePiece[];
  /** Texts whose channels begin so have ended with this frame. */
  readonly ended: readonly string[];
  /** The frame after `put`, and without `logprobs`, which spell the text once more. */
  rewritten(): string;
}

type Members = Record<string, unknown>;

const MAXIMUM_DEPTH = 64;
/** Every channel begins with it. */
const EVERYTHING = "";

/** The APIs whose streams can be guarded. AWS event streams are not read here. */
export function canGuardStream(api: Api): boolean {
  return readers[api] !== undefined;
}

/** The texts in one frame: the JSON of an SSE event's data or of an NDJSON line. Undefined: it cannot be read. */
export function frameTexts(api: Api, data: string): FrameTexts | undefined {
  if (data === "[DONE]") return { pieces: [], ended: [EVERYTHING], rewritten: () => data };
  const frame = parsed(data);
  const read = readers[api];
  if (frame === undefined || read === undefined) return undefined;
  const collector = new Collector(frame);
  read(frame, collector);
  return collector.isTooDeep ? undefined : collector;
}

function parsed(data: string): Members | undefined {
  try {
    const value: unknown = JSON.parse(data);
    return isMembers(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

class Collector implements FrameTexts {
  readonly pieces: FramePiece[] = [];
  readonly ended: string[] = [];
  readonly #spelled: Members[] = [];
  readonly #frame: Members;
  isTooDeep = false;

  constructor(frame: Members) {
    this.#frame = frame;
  }

  /** All strings in a member's value. Those of one place, over all frames, are one text where there is a `channel`. */
  add(holder: Members | unknown[], key: string | number, channel: string | undefined, isFree = false, depth = 0): void {
    const value: unknown = (holder as Members)[key];
    if (typeof value === "string") {
      if (isFree || typeof key === "number" || isWrittenMember(key)) this.#piece(holder, key, value, channel);
      return;
    }
    if (typeof value !== "object" || value === null) return;
    if (depth > MAXIMUM_DEPTH) {
      this.isTooDeep = true;
      return;
    }
    if (key === "logprobs" && !Array.isArray(holder)) this.#spelled.push(holder);
    const free = isFree || (typeof key === "string" && isFreeMember(key) && depth > 0 && !Array.isArray(value));
    if (Array.isArray(value)) {
      // Items of a list follow each other, unless they are numbered.
      for (const [index, item] of (value as unknown[]).entries()) {
        const number = isMembers(item) && typeof item["index"] === "number" ? `#${item["index"]}` : "";
        this.add(value as unknown[], index, channel === undefined ? undefined : channel + number, free, depth + 1);
      }
    } else {
      for (const name of Object.keys(value)) {
        this.add(value as Members, name, channel === undefined ? undefined : `${channel}/${name}`, free, depth + 1);
      }
    }
  }

  rewritten(): string {
    for (const holder of this.#spelled) holder["logprobs"] = null;
    return JSON.stringify(this.#frame);
  }

  #piece(holder: Members | unknown[], key: string | number, text: string, channel: string | undefined): void {
    const put = (value: string): void => {
      // "__proto__" is a member like others.
      Object.defineProperty(holder, key, { value, enumerable: true, configurable: true, writable: true });
    };
    this.pieces.push({ text, channel, put });
  }
}

type Reader = (frame: Members, into: Collector) => void;

/** Members that no reader knows are texts by themselves. */
function rest(frame: Members, into: Collector, but: string): void {
  for (const name of Object.keys(frame)) if (name !== but) into.add(frame, name, undefined);
}

/** `choices[]`, of which `delta` and `text` go on; each choice has its `index`. */
const readChoices: Reader = (frame, into) => {
  rest(frame, into, "choices");
  for (const choice of membersIn(frame["choices"])) {
    const channel = `choice#${numberIn(choice, "index")}/`;
    for (const name of Object.keys(choice)) into.add(choice, name, name === "message" ? undefined : channel + name);
    if (typeof choice["finish_reason"] === "string") into.ended.push(channel);
  }
};

/** Server-sent events of Anthropic: a block begins with what its deltas go on with. */
const readMessages: Reader = (frame, into) => {
  const channel = `block#${numberIn(frame, "index")}/`;
  switch (frame["type"]) {
    case "content_block_start":
    case "content_block_delta": {
      const member = frame["type"] === "content_block_start" ? "content_block" : "delta";
      const block = frame[member];
      if (isMembers(block)) for (const name of Object.keys(block)) into.add(block, name, channel + name);
      rest(frame, into, member);
      return;
    }
    case "content_block_stop":
      into.ended.push(channel);
      break;
    case "message_stop":
      into.ended.push(EVERYTHING);
      break;
    default:
  }
  rest(frame, into, "");
};

/** Typed events: `<what>.delta` goes on, `<what>.done` says it once more, the last say everything once more. */
const readResponses: Reader = (frame, into) => {
  const type = typeof frame["type"] === "string" ? frame["type"] : "";
  const [, what = "", step = ""] = /^(.*)\.(delta|done)$/.exec(type) ?? [];
  const place = ["item_id", "output_index", "content_index", "summary_index"].map((name) => String(frame[name]));
  const channel = `${what}#${place.join("#")}/`;
  if (step === "delta") {
    for (const name of Object.keys(frame)) into.add(frame, name, channel + name);
    return;
  }
  if (step === "done") into.ended.push(channel);
  if (/^response\.(?:completed|incomplete|failed)$/.test(type)) into.ended.push(EVERYTHING);
  rest(frame, into, "");
};

/** `candidates[].content.parts[]`, of which `text` goes on, thoughts apart; calls and results are whole. */
const readCandidates: Reader = (frame, into) => {
  rest(frame, into, "candidates");
  for (const candidate of membersIn(frame["candidates"])) {
    const channel = `candidate#${numberIn(candidate, "index")}/`;
    const content = candidate["content"];
    if (isMembers(content)) {
      rest(content, into, "parts");
      for (const part of membersIn(content["parts"])) {
        into.add(part, "text", channel + (part["thought"] === true ? "thought" : "text"));
        rest(part, into, "text");
      }
    }
    rest(candidate, into, "content");
    if (typeof candidate["finishReason"] === "string") into.ended.push(channel);
  }
};

/** Ollama's lines: `message.content`, `message.thinking`, `response`, `thinking` go on; tool calls are whole. */
const readLine: Reader = (frame, into) => {
  into.add(frame, "response", "response");
  into.add(frame, "thinking", "thinking");
  const { message } = frame;
  if (isMembers(message)) {
    for (const name of Object.keys(message)) {
      into.add(message, name, name === "content" || name === "thinking" ? `message/${name}` : undefined);
    }
  }
  for (const name of Object.keys(frame)) {
    if (name !== "response" && name !== "thinking" && name !== "message") into.add(frame, name, undefined);
  }
  if (frame["done"] === true) into.ended.push(EVERYTHING);
};

const readers: Readonly<Partial<Record<Api, Reader>>> = {
  chat: readChoices,
  completions: readChoices,
  responses: readResponses,
  messages: readMessages,
  generate_content: readCandidates,
  ollama_chat: readLine,
  ollama_generate: readLine,
};

function isMembers(value: unknown): value is Members {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function membersIn(value: unknown): readonly Members[] {
  return Array.isArray(value) ? value.filter(isMembers) : [];
}

function numberIn(members: Members, name: string): number {
  const value = members[name];
  return typeof value === "number" ? value : 0;
}
