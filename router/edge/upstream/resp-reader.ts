import { fail, ok, type Result } from "../../core/base/result.ts";

/** What a script answers: whole numbers below 2^53, texts, nothing, and lists of these. */
export type RespValue = number | string | undefined | readonly RespValue[];

/** One reply: a value, or the server's own words for why there is none. */
export type RespReply = Result<RespValue, string>;

/** Of one reply, all together; nothing that is asked of the server comes near. */
export const MAXIMUM_REPLY = 131_072;
const MAXIMUM_LINE = 2_048;
const MAXIMUM_ITEMS = 8_192;
const MAXIMUM_DEPTH = 2;
/** More octets are needed. */
const MORE = -1;
const CR = 0x0d;
const LF = 0x0a;

/**
 * Reads RESP2 (redis.io, "Serialization protocol specification") from octets that come in pieces. Everything is bounded,
 * and nothing is skipped: after the first octet that no server would send, no later one means anything.
 */
export class RespReader {
  #rest: Buffer | undefined;
  #value: RespValue;
  #broken = false;

  /** The replies that end in this piece; undefined where it holds, or leads to, something that is none. */
  read(piece: Buffer): readonly RespReply[] | undefined {
    if (this.#broken) return undefined;
    const octets = this.#rest === undefined ? piece : Buffer.concat([this.#rest, piece]);
    this.#rest = undefined;
    const replies: RespReply[] = [];
    let at = 0;
    while (at < octets.length) {
      const next = this.#reply(octets, at, replies);
      if (next === undefined) {
        this.#broken = true;
        return undefined;
      }
      if (next === MORE) break;
      at = next;
    }
    if (at < octets.length) this.#rest = Buffer.from(octets.subarray(at));
    this.#broken = (this.#rest?.length ?? 0) > MAXIMUM_REPLY;
    return this.#broken ? undefined : replies;
  }

  #reply(octets: Buffer, at: number, replies: RespReply[]): number | undefined {
    if (octets[at] === 0x2d) {
      const end = lineEnd(octets, at + 1);
      if (end === undefined || end === MORE) return end;
      replies.push(fail(octets.toString("latin1", at + 1, end)));
      return end + 2;
    }
    const next = this.#read(octets, at, 0);
    if (next !== undefined && next !== MORE) replies.push(ok(this.#value));
    return next;
  }

  /** Leaves the value that begins at `at` in `#value`, and returns where it ends. */
  #read(octets: Buffer, at: number, depth: number): number | undefined {
    if (at >= octets.length) return MORE;
    const end = lineEnd(octets, at + 1);
    if (end === undefined || end === MORE) return end;
    const line = octets.toString("latin1", at + 1, end);
    const next = end + 2;
    if (octets[at] === 0x2b) {
      this.#value = line;
      return next;
    }
    const number = wholeNumber(line);
    if (number === undefined) return undefined;
    if (octets[at] === 0x24) return this.#text(octets, next, number);
    if (octets[at] === 0x2a) return this.#list(octets, next, number, depth);
    this.#value = number;
    return octets[at] === 0x3a ? next : undefined;
  }

  #text(octets: Buffer, at: number, length: number): number | undefined {
    this.#value = undefined;
    if (length === -1) return at;
    if (length < 0 || length > MAXIMUM_REPLY) return undefined;
    const end = at + length;
    if (octets.length < end + 2) return MORE;
    if (octets[end] !== CR || octets[end + 1] !== LF) return undefined;
    this.#value = octets.toString("latin1", at, end);
    return end + 2;
  }

  #list(octets: Buffer, from: number, length: number, depth: number): number | undefined {
    this.#value = undefined;
    if (length === -1) return from;
    if (length < 0 || length > MAXIMUM_ITEMS || depth >= MAXIMUM_DEPTH) return undefined;
    const items: RespValue[] = [];
    let at = from;
    for (let count = 0; count < length; count += 1) {
      const next = this.#read(octets, at, depth + 1);
      if (next === undefined || next === MORE) return next;
      items.push(this.#value);
      at = next;
    }
    this.#value = items;
    return at;
  }
}

/** Where the line that begins at `from` ends with CR LF. */
function lineEnd(octets: Buffer, from: number): number | undefined {
  const end = octets.indexOf(CR, from);
  const length = (end === -1 ? octets.length : end) - from;
  if (length > MAXIMUM_LINE) return undefined;
  if (end === -1 || end + 1 >= octets.length) return MORE;
  return octets[end + 1] === LF ? end : undefined;
}

function wholeNumber(line: string): number | undefined {
  if (!/^-?[0-9]{1,16}$/.test(line)) return undefined;
  const number = Number(line);
  return Number.isSafeInteger(number) ? number : undefined;
}
