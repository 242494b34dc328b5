import { latin1 } from "../wire/latin1.ts";
import { BROKEN, type FrameBoundary, UNFINISHED } from "./frame-boundary.ts";
import { crc32 } from "./frame-crc32.ts";
import { asciiOctets } from "./frame-skim-table.ts";

/*
 * AWS event streams (smithy.io "Amazon Event Stream specification"), all numbers big-endian:
 * total length 4 | length of headers 4 | CRC-32 of these eight 4 | headers | payload | CRC-32 of all before it 4.
 * A header: length of name 1 | name | type 1 | value; a text (type 7) has its length in two octets before it.
 */
const PRELUDE = 12;
const CHECK = 4;
/** As the specification has it: 16 MiB of payload and 128 KiB of headers. */
const LONGEST_FRAME = 16 * 1_048_576 + 131_072 + PRELUDE + CHECK;
const TEXT = 7;
/** Octets of a header's value by its type; 6 and 7 say it themselves. */
const VALUE_OCTETS: readonly (number | undefined)[] = [0, 0, 1, 2, 4, 8, undefined, undefined, 8, 16];
const MOST_HEADERS = 32;

/** Cuts a body by the lengths that its frames state. A frame's first twelve octets are checked before they are believed. */
export class EventStreamBoundary implements FrameBoundary {
  readonly #prelude = new Uint8Array(PRELUDE);
  #known = 0;
  /** Octets of the frame after its prelude still to come. */
  #left = 0;

  find(chunk: Uint8Array, from: number): number {
    let at = from;
    while (this.#known < PRELUDE) {
      if (at === chunk.length) return UNFINISHED;
      this.#prelude[this.#known++] = chunk[at++] ?? 0;
      if (this.#known < PRELUDE) continue;
      const total = uint32(this.#prelude, 0);
      const headers = uint32(this.#prelude, 4);
      if (total > LONGEST_FRAME || PRELUDE + headers + CHECK > total) return BROKEN;
      if (crc32(this.#prelude, 0, 8) !== uint32(this.#prelude, 8)) return BROKEN;
      this.#left = total - PRELUDE;
    }
    const end = at + this.#left;
    if (end > chunk.length) {
      this.#left = end - chunk.length;
      return UNFINISHED;
    }
    this.#known = 0;
    return end;
  }
}

export interface EventStreamFrame {
  /** `event`, `exception` or `error`. */
  readonly messageType: string;
  /** `:event-type`, `:exception-type` or `:error-code`, as the message's type says. */
  readonly name: string;
  readonly payloadFrom: number;
  readonly payloadTo: number;
}

/** Reads one whole frame; undefined: its checksum is wrong, or its headers are not headers. */
export function readEventStreamFrame(bytes: Uint8Array, from: number, to: number): EventStreamFrame | undefined {
  if (to - from < PRELUDE + CHECK || uint32(bytes, from) !== to - from) return undefined;
  if (crc32(bytes, from, to - CHECK) !== uint32(bytes, to - CHECK)) return undefined;
  const payloadFrom = from + PRELUDE + uint32(bytes, from + 4);
  if (payloadFrom > to - CHECK) return undefined;
  let messageType = "";
  let [event, exception, error] = ["", "", ""];
  let at = from + PRELUDE;
  for (let count = 0; at < payloadFrom; count++) {
    const nameFrom = at + 1;
    const nameTo = nameFrom + (bytes[at] ?? 0);
    const type = bytes[nameTo] ?? -1;
    const sized = type === 6 || type === TEXT;
    const valueFrom = nameTo + (sized ? 3 : 1);
    const length = sized ? ((bytes[nameTo + 1] ?? 0) << 8) | (bytes[nameTo + 2] ?? 0) : VALUE_OCTETS[type];
    if (length === undefined || valueFrom + length > payloadFrom || count === MOST_HEADERS) return undefined;
    at = valueFrom + length;
    // The four that matter begin with a colon, and their names have 11 to 15 octets.
    if (type !== TEXT || nameTo - nameFrom < 11 || nameTo - nameFrom > 15 || length > 256) continue;
    const value = latin1(bytes, valueFrom, at);
    switch (latin1(bytes, nameFrom, nameTo)) {
      case ":message-type":
        messageType = value;
        break;
      case ":event-type":
        event = value;
        break;
      case ":exception-type":
        exception = value;
        break;
      case ":error-code":
        error = value;
        break;
      default:
    }
  }
  const name = messageType === "exception" ? exception : messageType === "error" ? error : event;
  return { messageType, name, payloadFrom, payloadTo: to - CHECK };
}

/** A frame with text headers. Names have up to 255 octets, values up to 65,535, both in ASCII. */
export function eventStreamFrame(
  headers: readonly (readonly [name: string, value: string])[],
  payload: Uint8Array,
): Uint8Array {
  const head = headers.flatMap(([name, value]) => [
    name.length,
    ...asciiOctets(name),
    TEXT,
    value.length >> 8,
    value.length & 0xff,
    ...asciiOctets(value),
  ]);
  const total = PRELUDE + head.length + payload.length + CHECK;
  const frame = new Uint8Array(total);
  putUint32(frame, 0, total);
  putUint32(frame, 4, head.length);
  putUint32(frame, 8, crc32(frame, 0, 8));
  frame.set(head, PRELUDE);
  frame.set(payload, PRELUDE + head.length);
  putUint32(frame, total - CHECK, crc32(frame, 0, total - CHECK));
  return frame;
}

function uint32(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] ?? 0) * 0x100_0000 + (((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0))
  );
}

function putUint32(bytes: Uint8Array, at: number, value: number): void {
  for (let index = 0; index < 4; index++) bytes[at + index] = (value >>> (24 - 8 * index)) & 0xff;
}
