import { latin1 } from "../wire/latin1.ts";
import { OctetBuffer } from "./octet-buffer.ts";

/** One event of a server's stream (WHATWG HTML section 9.2.6). */
export interface ServerEvent {
  /** Visible ASCII; undefined: it has none, or none that a header could carry. */
  readonly id: string | undefined;
  /** `message` where it has no name of its own. */
  readonly name: string;
  /** Its lines joined with LF. Undefined: it has none. */
  readonly data: Uint8Array | undefined;
  /** Milliseconds. */
  readonly retry: number | undefined;
}

const LF = 0x0a;
const CR = 0x0d;
const COLON = 0x3a;
const SPACE = 0x20;
const NEW_LINE = Uint8Array.of(LF);
/** Octets of a line beside its data, and of a field that is no data. */
const FIELD = 16;
const MOST_FIELD = 2_048;
const MOST_ID = 1_024;
const VISIBLE = /^[\x21-\x7e]{1,1024}$/;
const NAME = /^[\x21-\x7e]{1,64}$/;

/**
 * Reads events out of chunks that are cut anywhere. Lines end with LF, CR LF or CR, also mixed; a byte order mark at the
 * beginning is none of the first name; an event that the stream's end cuts off is none. Never holds more than twice `most`.
 */
export class ServerEvents {
  readonly #most: number;
  /** The beginning of a line that an earlier chunk held. */
  readonly #line: OctetBuffer;
  #data: OctetBuffer;
  #hasData = false;
  #id: string | undefined;
  #name = "message";
  #retry: number | undefined;
  #seen = false;
  #first = true;
  #afterCr = false;
  #failed = false;

  /** `most`: octets of an event's data. */
  constructor(most: number) {
    this.#most = most;
    this.#line = new OctetBuffer(most + FIELD);
    this.#data = new OctetBuffer(most);
  }

  /** Octets of what has begun and has not ended. */
  get held(): number {
    return this.#line.length + this.#data.length;
  }

  /** Calls `emit` for each event that ends in the chunk. False: an event is longer than allowed; nothing more is read. */
  push(chunk: Uint8Array, emit: (event: ServerEvent) => void): boolean {
    let at = 0;
    if (this.#afterCr && chunk[0] === LF) at = 1;
    if (chunk.length > 0) this.#afterCr = false;
    while (at < chunk.length && !this.#failed) {
      const end = lineEnd(chunk, at);
      if (end === chunk.length) {
        this.#failed = !this.#line.add(chunk, at, end);
        break;
      }
      if (this.#line.length === 0) this.#readLine(chunk, at, end, emit);
      else if (this.#line.add(chunk, at, end)) {
        const line = this.#line.peek();
        this.#readLine(line, 0, line.length, emit);
        this.#line.clear();
      } else this.#failed = true;
      at = end + 1;
      if (chunk[end] !== CR) continue;
      if (at === chunk.length) this.#afterCr = true;
      else if (chunk[at] === LF) at += 1;
    }
    return !this.#failed;
  }

  #readLine(octets: Uint8Array, start: number, end: number, emit: (event: ServerEvent) => void): void {
    let from = start;
    if (this.#first) {
      this.#first = false;
      if (octets[from] === 0xef && octets[from + 1] === 0xbb && octets[from + 2] === 0xbf) from += 3;
    }
    if (from === end) return this.#dispatch(emit);
    const colon = octets.subarray(from, Math.min(end, from + FIELD)).indexOf(COLON);
    const nameEnd = colon < 0 ? end : from + colon;
    // A comment, or a name longer than any.
    if (nameEnd === from || nameEnd - from > FIELD) return;
    let valueAt = Math.min(end, nameEnd + 1);
    if (octets[valueAt] === SPACE && valueAt < end) valueAt += 1;
    this.#field(latin1(octets, from, nameEnd), octets, valueAt, end);
  }

  #field(name: string, octets: Uint8Array, from: number, end: number): void {
    if (name === "data") {
      this.#failed = (this.#hasData && !this.#data.add(NEW_LINE)) || !this.#data.add(octets, from, end);
      this.#hasData = true;
      this.#seen = true;
      return;
    }
    if (end - from > MOST_FIELD) return;
    const value = latin1(octets, from, end);
    switch (name) {
      case "id":
        this.#id = value.length <= MOST_ID && VISIBLE.test(value) ? value : undefined;
        this.#seen = true;
        return;
      case "event":
        this.#name = value === "" ? "message" : NAME.test(value) ? value : "?";
        return;
      case "retry":
        if (/^[0-9]{1,9}$/.test(value)) {
          this.#retry = Number(value);
          this.#seen = true;
        }
        return;
      default:
    }
  }

  #dispatch(emit: (event: ServerEvent) => void): void {
    const event: ServerEvent = {
      id: this.#id,
      name: this.#name,
      data: this.#hasData ? this.#data.take() : undefined,
      retry: this.#retry,
    };
    const seen = this.#seen;
    this.#data = new OctetBuffer(this.#most);
    this.#hasData = false;
    this.#id = undefined;
    this.#name = "message";
    this.#retry = undefined;
    this.#seen = false;
    if (seen) emit(event);
  }
}

/** The index of the LF or CR that ends the line at `from`, or the length. */
function lineEnd(chunk: Uint8Array, from: number): number {
  for (let at = from; at < chunk.length; at++) {
    const octet = chunk[at];
    if (octet === LF || octet === CR) return at;
  }
  return chunk.length;
}
