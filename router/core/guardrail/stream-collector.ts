import type { Api } from "../inference/api.ts";
import { type GuardedFrame, guardedFrame, rewrittenFrame } from "./guarded-frame.ts";

const MAXIMUM_HELD = 8_388_608;
/** Frames of them: the shortest has three octets, and takes a hundred times as many. */
const MAXIMUM_FRAMES = 65_536;

/**
 * Keeps a whole streamed answer, for a check that somebody else makes: nothing goes out before the stream's end. A text is
 * all that was written in one place (of a choice, of a block), then come those that stand by themselves.
 */
export class StreamCollector {
  readonly #api: Api;
  readonly #maximumHeld: number;
  readonly #frames: GuardedFrame[] = [];
  /** By channel, what came. */
  readonly #channels = new Map<string, string>();
  readonly #whole: string[] = [];
  /** Channels that may not be masked. */
  readonly #fixed = new Set<string>();
  #heldBytes = 0;
  #failed = false;

  constructor(api: Api, maximumHeld = MAXIMUM_HELD) {
    this.#api = api;
    this.#maximumHeld = maximumHeld;
  }

  /** The octets may be used again afterwards. False, from then on, where a frame cannot be read or too much is held: then the answer cannot be judged. */
  frame(bytes: Uint8Array): boolean {
    this.#heldBytes += bytes.length;
    const frame = this.#failed ? undefined : guardedFrame(this.#api, new Uint8Array(bytes));
    const isTooMuch = this.#heldBytes > this.#maximumHeld || this.#frames.length >= MAXIMUM_FRAMES;
    if (frame === undefined || isTooMuch) {
      this.#failed = true;
      this.#frames.length = 0;
      return false;
    }
    this.#frames.push(frame);
    for (const { channel, text, isFixed } of frame.texts?.pieces ?? []) {
      if (channel === undefined) {
        this.#whole.push(text);
        continue;
      }
      this.#channels.set(channel, (this.#channels.get(channel) ?? "") + text);
      if (isFixed) this.#fixed.add(channel);
    }
    return true;
  }

  texts(): readonly string[] {
    return [...this.#channels.values(), ...this.#whole];
  }

  /**
   * All frames. With `masked`, as many as `texts` gave: each changed text stands where its first piece stood. Undefined, where
   * the answer could not be judged, the count is another, or a text is changed that may not be masked.
   */
  release(masked?: readonly string[]): readonly Uint8Array[] | undefined {
    if (this.#failed) return undefined;
    if (masked === undefined) return this.#frames.map(({ bytes }) => bytes);
    if (masked.length !== this.#channels.size + this.#whole.length) return undefined;
    const changed = new Map<string, string>();
    for (const [index, [channel, text]] of [...this.#channels].entries()) {
      const put = masked[index] ?? "";
      if (put === text) continue;
      if (this.#fixed.has(channel)) return undefined;
      changed.set(channel, put);
    }
    const frames: Uint8Array[] = [];
    let whole = this.#channels.size;
    for (const frame of this.#frames) {
      let isChanged = false;
      for (const piece of frame.texts?.pieces ?? []) {
        let text: string | undefined;
        if (piece.channel === undefined) {
          text = masked[whole];
          whole += 1;
        } else {
          text = changed.get(piece.channel);
          // The pieces that follow are empty.
          if (text !== undefined) changed.set(piece.channel, "");
        }
        if (text === undefined || text === piece.text) continue;
        if (piece.isFixed) return undefined;
        piece.put(text);
        isChanged = true;
      }
      frames.push(isChanged ? rewrittenFrame(this.#api, frame) : frame.bytes);
    }
    return frames;
  }
}
