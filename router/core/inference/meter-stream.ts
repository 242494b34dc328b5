import { assertNever } from "../base/assert-never.ts";
import { EventStreamBoundary } from "./event-stream.ts";
import { FrameAssembly } from "./frame-assembly.ts";
import type { FrameBoundary } from "./frame-boundary.ts";
import { BedrockReader } from "./meter-bedrock.ts";
import { chatReader } from "./meter-chat.ts";
import { geminiReader } from "./meter-gemini.ts";
import { LongObject } from "./meter-long-object.ts";
import { messagesReader } from "./meter-messages.ts";
import { ollamaReader } from "./meter-ollama.ts";
import type { ObjectReader } from "./meter-reader.ts";
import { responsesReader } from "./meter-responses.ts";
import { type FrameVerdict, SseReader } from "./meter-sse.ts";
import type { MeterState } from "./meter-state.ts";
import { NdjsonBoundary, NdjsonReader } from "./ndjson-frames.ts";
import type { MeteredBody } from "./meter-body.ts";
import type { MeterOptions } from "./meter-options.ts";
import { SseBoundary } from "./sse-frames.ts";

/** Octets of a frame that are held while it is not whole. A longer one passes in pieces and is read as it passes. */
const LONGEST_HELD = 1_048_576;

const LF = 0x0a;
const CR = 0x0d;

/** The frames of an API's stream: where they end, and who reads them. */
interface Framing {
  readonly boundary: FrameBoundary;
  readonly reader: { read(bytes: Uint8Array, from: number, to: number): FrameVerdict };
  /** Who reads the object of a frame that is too long to hold; undefined: nobody. */
  readonly longObject: () => LongObject | undefined;
  readonly garbage: string;
}

export function streamBody(options: MeterOptions, state: MeterState): MeteredBody {
  return new StreamBody(framing(options, state), options.wholeFrames || options.dropUsageFrame, state);
}

function framing({ api, dropUsageFrame }: MeterOptions, state: MeterState): Framing {
  switch (api) {
    case "chat":
    case "completions":
      return sse(chatReader(dropUsageFrame), state, true);
    case "responses":
      return sse(responsesReader, state, false);
    case "messages":
      return sse(messagesReader, state, false);
    case "generate_content":
      return sse(geminiReader, state, false);
    case "converse":
    case "invoke":
      return {
        boundary: new EventStreamBoundary(),
        reader: new BedrockReader(state, api === "invoke"),
        longObject: () => undefined,
        garbage: "A frame of the event stream is malformed, or its checksum is wrong.",
      };
    case "ollama_chat":
    case "ollama_generate":
      return {
        boundary: new NdjsonBoundary(),
        reader: new NdjsonReader(ollamaReader, state),
        longObject: () => new LongObject(ollamaReader, state, false),
        garbage: "A line of the stream is not a JSON object.",
      };
    case "embeddings":
    case "count_tokens":
    case "gemini_count_tokens":
    case "gemini_embed":
    case "gemini_embed_batch":
    case "ollama_embed":
      throw new Error(`${api} has no stream`);
    default:
      return assertNever(api);
  }
}

function sse(objects: ObjectReader, state: MeterState, done: boolean): Framing {
  return {
    boundary: new SseBoundary(),
    reader: new SseReader(objects, state, done),
    longObject: () => new LongObject(objects, state, true),
    garbage: "A frame of the event stream does not hold a JSON object.",
  };
}

class StreamBody implements MeteredBody {
  readonly #framing: Framing;
  readonly #state: MeterState;
  readonly #frames: FrameAssembly;
  /** Octets are handed on up to the ends of frames only. */
  readonly #whole: boolean;
  #stopped = false;
  #long: LongObject | undefined;
  /** The last frame ended in a CR: an LF after it goes where it went. */
  #afterCr = false;
  #dropped = false;
  /** Within `push`: what of the chunk may be handed on and has not been. */
  #chunk: Uint8Array | undefined;
  #from = 0;
  #to = 0;
  #emit: ((bytes: Uint8Array) => void) | undefined;

  constructor(stream: Framing, whole: boolean, state: MeterState) {
    this.#framing = stream;
    this.#whole = whole;
    this.#state = state;
    this.#frames = new FrameAssembly(stream.boundary, LONGEST_HELD, {
      frame: (bytes, from, to) => {
        this.#frame(bytes, from, to);
      },
      piece: (bytes, from, to, first, last) => {
        this.#piece(bytes, from, to, first, last);
      },
    });
  }

  push(chunk: Uint8Array, emit: (bytes: Uint8Array) => void): void {
    if (this.#stopped || chunk.length === 0) return;
    if (!this.#whole) emit(chunk);
    if (this.#state.garbage !== undefined) return;
    this.#begin(chunk, emit);
    if (this.#frames.push(chunk) === "broken") this.#state.garbage ??= this.#framing.garbage;
    this.#flush();
  }

  end(emit: (bytes: Uint8Array) => void): void {
    const rest = this.#frames.rest();
    const over = this.#stopped || this.#state.garbage !== undefined;
    this.#stopped = true;
    if (over || rest === undefined) return;
    this.#begin(rest, emit);
    // A frame without its end is not garbage but cut short.
    const start = this.#lead(rest, 0);
    const verdict = this.#framing.reader.read(rest, start, rest.length);
    if (verdict !== "drop") this.#hand(rest, start, rest.length);
    this.#flush();
  }

  stop(): boolean {
    this.#stopped = true;
    return !this.#frames.oversize && (this.#whole || this.#frames.rest() === undefined);
  }

  #begin(chunk: Uint8Array, emit: (bytes: Uint8Array) => void): void {
    this.#chunk = chunk;
    this.#emit = emit;
    this.#from = 0;
    this.#to = 0;
  }

  #frame(bytes: Uint8Array, from: number, to: number): void {
    if (this.#state.garbage !== undefined) return;
    const start = this.#lead(bytes, from);
    const verdict = this.#framing.reader.read(bytes, start, to);
    if (verdict === "garbage") {
      this.#state.garbage = this.#framing.garbage;
      return;
    }
    this.#afterCr = bytes[to - 1] === CR;
    this.#dropped = verdict === "drop";
    if (verdict === "keep") this.#hand(bytes, start, to);
  }

  #piece(bytes: Uint8Array, from: number, to: number, first: boolean, last: boolean): void {
    if (this.#state.garbage !== undefined) return;
    const start = first ? this.#lead(bytes, from) : from;
    if (first) this.#long = this.#framing.longObject();
    if (this.#long?.push(bytes, from, to, first) === false) {
      this.#state.garbage = this.#framing.garbage;
      return;
    }
    // What nobody reads has come all the same.
    if (last && this.#long === undefined) this.#state.content(0);
    this.#afterCr = false;
    this.#hand(bytes, start, to);
  }

  /** The index after an LF that belongs to the end of the frame before. */
  #lead(bytes: Uint8Array, from: number): number {
    if (!this.#afterCr || bytes[from] !== LF) return from;
    this.#afterCr = false;
    if (!this.#dropped) this.#hand(bytes, from, from + 1);
    return from + 1;
  }

  /** Hands on at the end of the push what is of the chunk, so that it is one buffer; a copy at once. */
  #hand(bytes: Uint8Array, from: number, to: number): void {
    if (!this.#whole) return;
    if (bytes !== this.#chunk) {
      this.#flush();
      this.#emit?.(bytes.subarray(from, to));
    } else {
      if (this.#to !== from) {
        this.#flush();
        this.#from = from;
      }
      this.#to = to;
    }
  }

  #flush(): void {
    const chunk = this.#chunk;
    if (!this.#whole || chunk === undefined || this.#from === this.#to) return;
    this.#emit?.(this.#from === 0 && this.#to === chunk.length ? chunk : chunk.subarray(this.#from, this.#to));
    this.#from = this.#to;
  }
}
