import type { Api } from "../inference/api.ts";
import { type GuardedFrame, guardedFrame, rewrittenFrame } from "./guarded-frame.ts";

const MAXIMUM_HELD = 8_388_608;

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
    if (frame === undefined || this.#heldBytes > this.#maximumHeld) {
      this.#failed = true;
      this.#frames.length = 0;
      return false;
    }
    this.#frames.push(frame);
    for (const { channel, text } of frame.texts?.pieces ?? []) {
      if (channel === undefined) this.#whole.push(text);
      else this.#channels.set(channel, (this.#channels.get(channel) ?? "") + text);
    }
    return true;
  }

  texts(): readonly string[] {
    return [...this.#channels.values(), ...this.#whole];
  }

  /**
   * All frames. With `masked`, as many as `texts` gave: each changed text stands where its first piece stood. Nothing, where
   * the answer could not be judged or the count is another.
   */
  release(masked?: readonly string[]): readonly Uint8Array[] {
    if (this.#failed) return [];
    if (masked === undefined) return this.#frames.map(({ bytes }) => bytes);
    if (masked.length !== this.#channels.size + this.#whole.length) return [];
    const changed = new Map<string, string>();
    for (const [index, [channel, text]] of [...this.#channels].entries()) {
      const put = masked[index] ?? "";
      if (put !== text) changed.set(channel, put);
    }
    let whole = this.#channels.size;
    return this.#frames.map((frame) => {
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
        piece.put(text);
        isChanged = true;
      }
      return isChanged ? rewrittenFrame(this.#api, frame) : frame.bytes;
    });
  }
}
