import type { Api } from "../inference/api.ts";
import { mayHoldCall } from "./call-hint.ts";
import { frameContent } from "./frame-documents.ts";
import { type CallJudge, type DeniedCall, type OpenCall, OpenCalls } from "./open-calls.ts";
import { canCall, readCalls } from "./read-calls.ts";

export type GateStep =
  /** These may go on now, in this order. */
  | { readonly kind: "emit"; readonly frames: readonly Uint8Array[] }
  /** Nothing that was held may go on any more; it is so for good. */
  | ({ readonly kind: "blocked" } & DeniedCall);

export interface ToolCallGateOptions extends CallJudge {
  readonly api: Api;
  /** Octets of frames that may wait; more blocks. */
  readonly maximumHeld?: number;
}

interface Held {
  readonly bytes: Uint8Array;
  readonly calls: readonly OpenCall[];
}

const MAXIMUM_HELD = 1_048_576;
/** Frames of them: the shortest has three octets, and takes a hundred times as many. */
const MAXIMUM_FRAMES = 16_384;
/** Frames are let go of in the list after so many. */
const COMPACT_FROM = 64;

/**
 * Looks at the frames of a streamed answer (whole frames, terminators included) before they go on. While no call waits for its
 * verdict every frame goes on at once, as the very octets that came. From the first frame of a call that must be judged by
 * its arguments on, frames wait, those behind it too, so that their order is kept; a denied call blocks the stream, and no
 * octet of it has gone on. What may hold a call and cannot be told for sure blocks. A stream that just breaks off needs no
 * `end`: what waits has then not been judged.
 */
export class ToolCallGate {
  readonly #api: Api;
  readonly #calls: OpenCalls;
  readonly #maximumHeld: number;
  #queue: Held[] = [];
  #first = 0;
  #heldBytes = 0;
  #denied: DeniedCall | undefined;

  constructor({ api, maximumHeld = MAXIMUM_HELD, ...judge }: ToolCallGateOptions) {
    this.#api = api;
    this.#calls = new OpenCalls(judge, api === "responses");
    this.#maximumHeld = maximumHeld;
  }

  /** Frames that wait. */
  get held(): number {
    return this.#queue.length - this.#first;
  }

  /** The octets may be used again afterwards: of those that wait, a copy does. */
  frame(bytes: Uint8Array): GateStep {
    const isText = this.#denied === undefined && this.#calls.isEmpty && isReadable(this.#api) && !mayHoldCall(bytes);
    if (isText || !canCall(this.#api)) return { kind: "emit", frames: [bytes] };
    this.#denied ??= this.#take(bytes);
    const step = this.#step();
    const last = this.#queue.at(-1);
    if (last?.bytes === bytes) this.#queue[this.#queue.length - 1] = { ...last, bytes: new Uint8Array(bytes) };
    return step;
  }

  /** The stream has come to its end: no frame will come any more. */
  end(): GateStep {
    if (this.#denied === undefined) {
      const ended = this.#calls.take({ kind: "end", prefix: "", forgets: false });
      if ("why" in ended) this.#denied = ended;
    }
    return this.#step();
  }

  #take(bytes: Uint8Array): DeniedCall | undefined {
    const content = frameContent(this.#api, bytes);
    if (content === undefined) return UNREADABLE;
    const calls: OpenCall[] = [];
    if (content === "done") {
      const ended = this.#calls.take({ kind: "end", prefix: "", forgets: false });
      if ("why" in ended) return ended;
    } else if (content !== "nothing") {
      for (const { event, document } of content) {
        const read = readCalls(this.#api, document, event);
        if (read === undefined) return UNREADABLE;
        for (const mark of read.marks) {
          const taken = this.#calls.take(mark);
          if ("why" in taken) return taken;
          calls.push(...taken);
        }
      }
    }
    this.#queue.push({ bytes, calls });
    this.#heldBytes += bytes.length;
    return undefined;
  }

  #step(): GateStep {
    const frames = this.#denied === undefined ? this.#release() : [];
    if (this.#denied === undefined) return { kind: "emit", frames };
    this.#queue = [];
    this.#first = 0;
    return { kind: "blocked", ...this.#denied };
  }

  #release(): readonly Uint8Array[] {
    const frames: Uint8Array[] = [];
    for (let held = this.#queue[this.#first]; held !== undefined; held = this.#queue[this.#first]) {
      if (!held.calls.every(({ isAllowed }) => isAllowed)) break;
      this.#first += 1;
      this.#heldBytes -= held.bytes.length;
      frames.push(held.bytes);
    }
    if (this.#first >= COMPACT_FROM || this.#first === this.#queue.length) {
      this.#queue = this.#queue.slice(this.#first);
      this.#first = 0;
    }
    const isTooMuch = this.#heldBytes > this.#maximumHeld || this.held > MAXIMUM_FRAMES;
    if (isTooMuch) this.#denied = { name: undefined, why: "held_too_much" };
    return frames;
  }
}

/** The frames of this API hold their texts as they are, and not in base64. */
function isReadable(api: Api): boolean {
  return api !== "invoke";
}

const UNREADABLE: DeniedCall = { name: undefined, why: "unreadable" };
