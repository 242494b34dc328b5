import type { Api } from "../inference/api.ts";
import { frameText } from "../inference/frame-text.ts";
import { readFrame } from "../inference/sse-frames.ts";
import { octetsOf } from "../json/utf8.ts";
import { type FrameTexts, frameTexts } from "./frame-texts.ts";

/** A frame as it came, and what is in it. */
export interface GuardedFrame {
  readonly bytes: Uint8Array;
  readonly event: string | undefined;
  /** Undefined: it holds nothing (a comment, an empty line). */
  readonly texts: FrameTexts | undefined;
}

/** Undefined: it cannot be read. */
export function guardedFrame(api: Api, bytes: Uint8Array): GuardedFrame | undefined {
  const { event, data } = isLines(api) ? lineOf(bytes) : readFrame(bytes);
  if (data === undefined || data === "") return { bytes, event, texts: undefined };
  const texts = frameTexts(api, data);
  return texts && { bytes, event, texts };
}

/** The frame with what was put into its texts, in the form of the API's stream. */
export function rewrittenFrame(api: Api, { bytes, event, texts }: GuardedFrame): Uint8Array {
  if (texts === undefined) return bytes;
  if (isLines(api)) return octetsOf(`${texts.rewritten()}\n`);
  return octetsOf(`${event === undefined ? "" : `event: ${event}\n`}data: ${texts.rewritten()}\n\n`);
}

function isLines(api: Api): boolean {
  return api === "ollama_chat" || api === "ollama_generate";
}

function lineOf(bytes: Uint8Array): { readonly event: undefined; readonly data: string } {
  return { event: undefined, data: frameText(bytes, 0, bytes.length).trim() };
}
