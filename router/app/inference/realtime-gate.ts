import { HeldOctets } from "../../core/base/held-octets.ts";
import type { LeakPattern } from "../../core/credential/leak-pattern.ts";
import { LeakScan } from "../../core/credential/leak-scan.ts";
import { type FrameSink, ServerFrames } from "../../core/wire/websocket-frames.ts";
import type { RealtimeMeter } from "./realtime-meter.ts";

/** Octets that wait for what may become a secret; more can only be frames without payload, which nobody sends. */
const MOST_WAITING = 256 * 1024;

const LEAK = "The provider's messages hold the router's own credential.";

/**
 * Passes a provider's WebSocket frames on as they come, and looks into them: for secrets, across fragments, and for what
 * is metered. The beginning of a secret waits for what follows it, and no longer than its message does: a peer that
 * waits for the last octet of a message would wait for ever.
 */
export class RealtimeGate implements FrameSink {
  readonly #frames = new ServerFrames();
  readonly #pattern: LeakPattern | undefined;
  readonly #meter: RealtimeMeter;
  #message: LeakScan | undefined;
  #controlFrame: LeakScan | undefined;
  #chunk: Uint8Array = new Uint8Array(0);
  /** From and to of the message's payload in this chunk, one after the other. */
  readonly #marks: number[] = [];
  /** Where the payload of the control frame under way begins in this chunk. */
  #controlFrom = 0;
  #leaks = false;
  readonly #waiting = new HeldOctets();

  /** `pattern` undefined: nothing is secret. */
  constructor(pattern: LeakPattern | undefined, meter: RealtimeMeter) {
    this.#pattern = pattern;
    this.#meter = meter;
    this.#message = this.#scan();
    this.#controlFrame = this.#scan();
  }

  /** One sentence where the connection must be cut: nothing of the chunk was sent, and nothing may be pushed after it. */
  push(chunk: Uint8Array, send: (octets: Uint8Array) => void): string | undefined {
    this.#chunk = chunk;
    this.#marks.length = 0;
    this.#controlFrom = 0;
    const problem = this.#frames.push(chunk, this);
    if (this.#leaks) return LEAK;
    if (problem !== undefined) return problem;
    const goes = this.#goes();
    if (goes === undefined) return this.#wait(chunk);
    for (const octets of this.#waiting.take()) send(octets);
    if (goes > 0) send(goes === chunk.length ? chunk : chunk.subarray(0, goes));
    return goes < chunk.length ? this.#wait(chunk.subarray(goes)) : undefined;
  }

  payload(from: number, to: number, control: boolean): void {
    const part = this.#chunk.subarray(from, to);
    if (control) {
      this.#controlFrom = from;
      if (this.#controlFrame?.push(part) === true) this.#leaks = true;
      return;
    }
    if (this.#message?.push(part) === true) this.#leaks = true;
    this.#marks.push(from, to);
    this.#meter.part(part);
  }

  end(kind: "text" | "binary" | "control"): void {
    if (kind === "control") {
      if (this.#controlFrame !== undefined && this.#controlFrame.begun.length > 0) this.#controlFrame = this.#scan();
      return;
    }
    if (this.#message !== undefined && this.#message.begun.length > 0) this.#message = this.#scan();
    this.#meter.end(kind);
  }

  /** How many octets of the chunk may go; undefined: none, nor what waits. */
  #goes(): number | undefined {
    const message = this.#message?.begun.length ?? 0;
    const control = this.#controlFrame?.begun.length ?? 0;
    let goes: number | undefined = this.#chunk.length;
    if (control > 0) goes = control > this.#chunk.length - this.#controlFrom ? undefined : this.#controlFrom;
    if (message === 0 || goes === undefined) return goes;
    let left = message;
    for (let at = this.#marks.length - 2; at >= 0; at -= 2) {
      const from = this.#marks[at] ?? 0;
      const to = this.#marks[at + 1] ?? 0;
      if (to - from >= left) return Math.min(goes, to - left);
      left -= to - from;
    }
    return undefined;
  }

  #wait(octets: Uint8Array): string | undefined {
    this.#waiting.push(octets);
    return this.#waiting.length > MOST_WAITING ? "The provider sends frames without payload." : undefined;
  }

  #scan(): LeakScan | undefined {
    return this.#pattern === undefined ? undefined : new LeakScan(this.#pattern);
  }
}
