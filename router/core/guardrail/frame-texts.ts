import type { Api } from "../inference/api.ts";
import { FrameCollector, type FramePiece, isMembers, type Members } from "./frame-collector.ts";
import { hasTwins } from "./frame-twins.ts";
import { bodyTexts } from "./written-texts.ts";

export interface FrameTexts {
  readonly pieces: readonly FramePiece[];
  /** Texts whose channels begin so have ended with this frame. */
  readonly ended: readonly string[];
  /** The frame after `put`, and without `logprobs`, which spell the text once more. */
  rewritten(): string;
}

/** Every channel begins with it. */
const EVERYTHING = "";

/** The APIs whose streams can be guarded. AWS event streams are not read here. */
export function canGuardStream(api: Api): boolean {
  return readers[api] !== undefined;
}

/**
 * The texts in one frame: the JSON of an SSE event's data or of an NDJSON line. Undefined: it cannot be read, or an object
 * in it has two members of one name, of which the agent may take the other.
 */
export function frameTexts(api: Api, data: string): FrameTexts | undefined {
  if (data === "[DONE]") return { pieces: [], ended: [EVERYTHING], rewritten: () => data };
  const frame = parsed(data);
  const read = readers[api];
  if (frame === undefined || read === undefined || hasTwins(data, frame)) return undefined;
  const collector = new FrameCollector(frame);
  read(frame, collector);
  if (collector.hasLongNumber) {
    const texts = bodyTexts(data, "output");
    if (texts === undefined) return undefined;
    for (const { kind, value } of texts.said) if (kind === "number") collector.addFixed(value);
  }
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

type Reader = (frame: Members, into: FrameCollector) => void;

/** Members that no reader knows are texts by themselves. */
function rest(frame: Members, into: FrameCollector, but: string): void {
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
      if (isMembers(block)) for (const name of Object.keys(block)) into.add(block, name, channel + name, false, 1);
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

function membersIn(value: unknown): readonly Members[] {
  return Array.isArray(value) ? value.filter(isMembers) : [];
}

function numberIn(members: Members, name: string): number {
  const value = members[name];
  return typeof value === "number" ? value : 0;
}
