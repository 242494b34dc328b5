import { type Api, APIS } from "../inference/api.ts";
import { readEventStreamFrame } from "../inference/event-stream.ts";
import { frameText } from "../inference/frame-text.ts";
import { lineEnd, readFrame } from "../inference/sse-frames.ts";
import { readSource, type SourceDocument } from "./source-tree.ts";
import { memberIn } from "./source-member.ts";

/** What a frame says, and under which event. */
export interface FrameDocument {
  readonly event: string | undefined;
  readonly document: SourceDocument;
}

/** A frame without anything that a client reads, or the mark that ends OpenAI's streams. */
export type FrameContent = "nothing" | "done" | readonly FrameDocument[];

/** Undefined: a client may read something in it that we do not. */
export function frameContent(api: Api, bytes: Uint8Array): FrameContent | undefined {
  switch (APIS[api].family) {
    case "bedrock":
      return bedrockContent(api, bytes);
    case "ollama":
      return parsed(undefined, frameText(bytes, 0, bytes.length));
    default:
      return sseContent(bytes);
  }
}

function parsed(event: string | undefined, text: string): FrameContent | undefined {
  if (text.trim() === "") return "nothing";
  if (text === "[DONE]") return "done";
  const document = readSource(text);
  return document && [{ event, document }];
}

const FIELDS: ReadonlySet<string> = new Set(["", "data", "event", "id", "retry"]);
const COLON = 0x3a;
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];

function sseContent(bytes: Uint8Array): FrameContent | undefined {
  const { event, data } = readFrame(bytes);
  const said = parsed(event, data ?? "");
  const loose = looseLines(bytes);
  if (loose === "") return said;
  // Google writes its errors bare, and its SDKs read every line, whatever its field.
  const bare = parsed(undefined, loose);
  if (said === undefined || typeof bare !== "object") return undefined;
  return typeof said === "object" ? [...said, ...bare] : bare;
}

/** Lines that are no field of an event stream, joined with LF. */
function looseLines(bytes: Uint8Array): string {
  const loose: string[] = [];
  let at = BYTE_ORDER_MARK.every((octet, index) => bytes[index] === octet) ? BYTE_ORDER_MARK.length : 0;
  while (at < bytes.length) {
    const end = lineEnd(bytes, at, bytes.length);
    const colon = bytes.indexOf(COLON, at);
    const name = frameText(bytes, at, colon === -1 || colon > end ? end : Math.min(colon, at + 6));
    if (end > at && !FIELDS.has(name)) loose.push(frameText(bytes, at, end));
    at = end + 1;
  }
  return loose.join("\n");
}

/** Of `invoke` a chunk holds an object of the model's own in base64. */
function bedrockContent(api: Api, bytes: Uint8Array): FrameContent | undefined {
  const frame = readEventStreamFrame(bytes, 0, bytes.length);
  if (frame === undefined) return undefined;
  const event = frame.messageType === "event" ? frame.name : undefined;
  const said = parsed(event, frameText(bytes, frame.payloadFrom, frame.payloadTo));
  if (api !== "invoke" || typeof said !== "object") return said;
  const chunk = said[0] === undefined ? undefined : memberIn(said[0].document.root, "bytes");
  if (chunk === undefined) return said;
  const octets = chunk.kind === "text" ? fromBase64(chunk.value) : undefined;
  const inner = octets && parsed(event, frameText(octets, 0, octets.length));
  return typeof inner === "object" ? [...said, ...inner] : inner;
}

function fromBase64(text: string): Uint8Array | undefined {
  try {
    return Uint8Array.fromBase64(text, { lastChunkHandling: "strict" });
  } catch {
    return undefined;
  }
}
