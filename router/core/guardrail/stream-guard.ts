import type { Api } from "../inference/api.ts";
import type { FramePiece } from "./frame-collector.ts";
import { type GuardedFrame, guardedFrame, rewrittenFrame } from "./guarded-frame.ts";
import { joinedMatches, maskedText } from "./match.ts";
import { type Blocked, checkedFixed, checkedText, StreamChannel, type StreamCheck } from "./stream-check.ts";

export type StreamStep =
  | { readonly kind: "emit"; readonly frames: readonly Uint8Array[] }
  /** Nothing that was held may go out any more; it is so for good. */
  | ({ readonly kind: "blocked" } & Blocked);

export interface StreamGuardOptions {
  readonly api: Api;
  readonly checks: readonly StreamCheck[];
  /** UTF-16 units of a text that are held for a match at least; no built-in pattern that is checked is longer. */
  readonly window?: number;
  /** Octets of frames that may wait; more blocks. */
  readonly maximumHeld?: number;
}

interface Held {
  readonly frame: GuardedFrame;
  readonly pieces: readonly HeldPiece[];
  /** A whole text in it was masked. */
  readonly isRewritten: boolean;
}

interface HeldPiece {
  readonly piece: FramePiece;
  readonly channel: StreamChannel;
  readonly from: number;
  readonly to: number;
}

export const STREAM_WINDOW = 256;
const MAXIMUM_HELD = 1_048_576;
/** Frames of them: the shortest has three octets, and takes a hundred times as many. */
const MAXIMUM_FRAMES = 16_384;
const MAXIMUM_CHANNELS = 1_024;
/** UTF-16 units of a name that comes in pieces. */
const MAXIMUM_FIXED = 1_024;
/** Frames are let go of in the list after so many. */
const COMPACT_FROM = 64;

/**
 * Looks at the frames of a streamed answer (whole frames, terminators included) before they go out. A frame waits while
 * one of its texts may be the beginning of a match, and those behind it wait with it: order is kept, and frames that are
 * not changed go out as the very octets that came. A frame with a masked text is written anew in the same form. A frame
 * that cannot be read blocks.
 */
export class StreamGuard {
  readonly #api: Api;
  readonly #checks: readonly StreamCheck[];
  readonly #window: number;
  readonly #maximumHeld: number;
  readonly #channels = new Map<string, StreamChannel>();
  /** Names that come in pieces. */
  readonly #fixed = new Map<string, string>();
  #queue: Held[] = [];
  #first = 0;
  #heldBytes = 0;
  #blocked: Blocked | undefined;

  constructor({ api, checks, window = STREAM_WINDOW, maximumHeld = MAXIMUM_HELD }: StreamGuardOptions) {
    this.#api = api;
    this.#checks = checks;
    this.#window = window;
    this.#maximumHeld = maximumHeld;
  }

  /** Frames that wait. */
  get held(): number {
    return this.#queue.length - this.#first;
  }

  /** The octets may be used again afterwards: of those that wait, a copy does. */
  frame(bytes: Uint8Array): StreamStep {
    this.#blocked ??= this.#take(bytes);
    const step = this.#step();
    const last = this.#queue.at(-1);
    if (last?.frame.bytes === bytes) {
      this.#queue[this.#queue.length - 1] = { ...last, frame: { ...last.frame, bytes: new Uint8Array(bytes) } };
    }
    return step;
  }

  /** No frame will come any more. */
  end(): StreamStep {
    this.#blocked ??= this.#flush("");
    return this.#step();
  }

  #step(): StreamStep {
    if (this.#blocked === undefined) return { kind: "emit", frames: this.#release() };
    this.#queue = [];
    this.#first = 0;
    return { kind: "blocked", ...this.#blocked };
  }

  #take(bytes: Uint8Array): Blocked | undefined {
    const frame = guardedFrame(this.#api, bytes);
    if (frame === undefined) return this.#unjudged("unreadable");
    this.#heldBytes += bytes.length;
    const pieces: HeldPiece[] = [];
    let isRewritten = false;
    for (const piece of frame.texts?.pieces ?? []) {
      if (piece.isFixed) {
        const blocked = this.#takeFixed(piece);
        if (blocked !== undefined) return blocked;
        continue;
      }
      if (piece.channel === undefined) {
        const checked = checkedText(this.#checks, piece.text);
        if (typeof checked !== "string") return checked;
        if (checked === piece.text) continue;
        piece.put(checked);
        isRewritten = true;
        continue;
      }
      const channel = this.#channelOf(piece.channel);
      if (channel === undefined) return this.#unjudged("too_many_texts");
      const from = channel.length;
      const blocked = channel.push(piece.text);
      if (blocked !== undefined) return blocked;
      pieces.push({ piece, channel, from, to: channel.length });
    }
    this.#queue.push({ frame, pieces, isRewritten });
    for (const prefix of frame.texts?.ended ?? []) {
      const blocked = this.#flush(prefix);
      if (blocked !== undefined) return blocked;
    }
    return undefined;
  }

  /** A name is short and comes whole, or nearly so: all of it so far is looked at, and nothing waits for its end. */
  #takeFixed({ channel, text }: FramePiece): Blocked | undefined {
    if (channel === undefined) return checkedFixed(this.#checks, text);
    const known = this.#fixed.get(channel);
    if (known === undefined && this.#fixed.size >= MAXIMUM_CHANNELS) return this.#unjudged("too_many_texts");
    const whole = (known ?? "") + text;
    if (whole.length > MAXIMUM_FIXED) return this.#unjudged("held_too_much");
    this.#fixed.set(channel, whole);
    return checkedFixed(this.#checks, whole);
  }

  #unjudged(name: string): Blocked {
    return { guardrail: this.#checks[0]?.guardrail ?? "", name };
  }

  #channelOf(name: string): StreamChannel | undefined {
    const known = this.#channels.get(name);
    if (known !== undefined || this.#channels.size >= MAXIMUM_CHANNELS) return known;
    const channel = new StreamChannel(this.#checks, this.#window);
    this.#channels.set(name, channel);
    return channel;
  }

  #flush(prefix: string): Blocked | undefined {
    for (const [name, channel] of this.#channels) {
      const blocked = name.startsWith(prefix) ? channel.flush() : undefined;
      if (blocked !== undefined) return blocked;
    }
    return undefined;
  }

  #release(): readonly Uint8Array[] {
    const frames: Uint8Array[] = [];
    for (let held = this.#queue[this.#first]; held !== undefined; held = this.#queue[this.#first]) {
      if (!held.pieces.every(({ channel, to }) => channel.isSettled(to))) break;
      this.#first += 1;
      this.#heldBytes -= held.frame.bytes.length;
      frames.push(this.#written(held));
    }
    if (this.#first >= COMPACT_FROM || this.#first === this.#queue.length) {
      this.#queue = this.#queue.slice(this.#first);
      this.#first = 0;
    }
    const isTooMuch = this.#heldBytes > this.#maximumHeld || this.#queue.length - this.#first > MAXIMUM_FRAMES;
    if (isTooMuch) this.#blocked = this.#unjudged("held_too_much");
    return frames;
  }

  #written({ frame, pieces, isRewritten }: Held): Uint8Array {
    let isChanged = isRewritten;
    for (const { piece, channel, from, to } of pieces) {
      const matches = joinedMatches(channel.matches());
      const masked = matches.length === 0 ? piece.text : maskedText(piece.text, from, to, matches);
      channel.forget(to);
      if (masked === piece.text) continue;
      piece.put(masked);
      isChanged = true;
    }
    return isChanged ? rewrittenFrame(this.#api, frame) : frame.bytes;
  }
}
