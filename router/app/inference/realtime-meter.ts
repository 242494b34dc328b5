import { addUsage, METERED_EVENTS, realtimeEvent } from "../../core/inference/realtime-event.ts";
import type { Usage } from "../../core/inference/usage.ts";

/** Of one message; a response that is longer is not read. */
const MOST_OCTETS = 256 * 1024;
/** More are put together. */
const MOST_PARTS = 512;

/** Adds up what the responses on one connection said that they used. It keeps views of the message under way. */
export class RealtimeMeter {
  #parts: Uint8Array[] = [];
  #octets = 0;
  #tooLong = false;
  #open = 0;
  #usage: Usage | undefined;
  #unknown = false;

  /** Of all responses so far; undefined: none has said anything. */
  get usage(): Usage | undefined {
    return this.#usage;
  }

  /** Not all of it: a response is still under way, was too long to be read, or did not say what it used. */
  get partial(): boolean {
    return this.#unknown || this.#open > 0;
  }

  part(octets: Uint8Array): void {
    this.#octets += octets.length;
    if (this.#octets > MOST_OCTETS) this.#tooLong = true;
    if (this.#tooLong) {
      this.#parts.length = 0;
      return;
    }
    if (this.#parts.length === MOST_PARTS) this.#parts = [Buffer.concat(this.#parts)];
    // A small piece would keep the whole read that it came in.
    this.#parts.push(2 * octets.length < octets.buffer.byteLength ? octets.slice() : octets);
  }

  end(kind: "text" | "binary"): void {
    const parts = this.#parts;
    const isRead = kind === "text" && !this.#tooLong;
    if (kind === "text" && this.#tooLong) this.#unknown = true;
    this.#parts = [];
    this.#octets = 0;
    this.#tooLong = false;
    if (isRead) this.#read(parts);
  }

  #read(parts: readonly Uint8Array[]): void {
    const [first = new Uint8Array(0), ...more] = parts;
    const octets =
      more.length === 0 ? Buffer.from(first.buffer, first.byteOffset, first.byteLength) : Buffer.concat(parts);
    if (!METERED_EVENTS.some((name) => octets.includes(name))) return;
    const event = realtimeEvent(octets.toString("utf8"));
    if (event?.kind === "response_created") this.#open += 1;
    if (event?.kind !== "response_done") return;
    this.#open = Math.max(0, this.#open - 1);
    if (event.usage === undefined) this.#unknown = true;
    else this.#usage = this.#usage === undefined ? event.usage : addUsage(this.#usage, event.usage);
  }
}
