import { assertNever } from "../../core/base/assert-never.ts";
import { isBadText, MOST_FIELDS, MOST_HEAD_BYTES, readField } from "./model-answer-head.ts";

const LF = 0x0a;
const CR = 0x0d;
const SEMICOLON = 0x3b;

/** 13 hex digits stay below 2^53. */
const LONGEST_SIZE = 13;
/** Of one chunk's extensions. None is known to be in use. */
const LONGEST_EXTENSION = 1_024;
/** RFC 9112 section 7.1.1, without its white space. */
const EXTENSIONS =
  /^(?:;[!#$%&'*+.^_`|~0-9A-Za-z-]+(?:=(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+|"(?:[\t !#-[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"))?)+$/;

/** RFC 9110 section 6.5.1: too late, and someone may believe it. */
const OF_FRAMING: ReadonlySet<string> = new Set(["content-length", "transfer-encoding"]);

/** Below it chunks of one read are handed on as one: passing on single octets costs a hundred times as much. */
const SMALL_CHUNK = 64;

/** What the next octet belongs to. */
type Expecting = "size" | "extension" | "size-lf" | "data" | "data-cr" | "data-lf" | "trailer" | "trailer-lf" | "end";

/**
 * Decodes the chunked content of one answer (RFC 9112 section 7.1), read by read; only the smallest chunks are copied. Extensions
 * and trailer fields are held to their form and dropped. Refused: any line end but CR LF, white space around a size,
 * sizes of more than 13 digits, too much of extensions or trailers, and trailers that say where a body ends.
 */
export class AnswerChunks {
  /** What is wrong with it: after `read` gave -1. */
  problem: string | undefined;
  #expecting: Expecting = "size";
  /** Of the size so far. */
  #digits = 0;
  /** Of the size line: the size so far. Within a chunk: the octets of it still to come. */
  #left = 0;
  /** Of extensions or of a trailer line so far. */
  #line = "";
  #trailerOctets = 0;
  #trailers = 0;

  /** Where it ended within `octets`; their length where it has not, -1 where it is none. `to` gets views and joined copies. */
  read(octets: Buffer, from: number, to: { data(content: Buffer): void }): number {
    let at = from;
    let joined: Buffer | undefined;
    let given = 0;
    let length = 0;
    const giveJoined = (): void => {
      if (joined === undefined || given === length) return;
      const content = joined.subarray(given, length);
      given = length;
      to.data(content);
    };
    while (at < octets.length && this.#expecting !== "end") {
      if (this.#expecting === "data") {
        const end = Math.min(octets.length, at + this.#left);
        this.#left -= end - at;
        if (this.#left === 0) this.#expecting = "data-cr";
        if (end - at < SMALL_CHUNK && end < octets.length) {
          // The rest of the read is room enough.
          joined ??= Buffer.allocUnsafe(octets.length - at);
          length += octets.copy(joined, length, at, end);
        } else {
          giveJoined();
          to.data(at === 0 && end === octets.length ? octets : octets.subarray(at, end));
        }
        at = end;
        continue;
      }
      this.problem = this.#frame(octets[at] ?? 0, this.#expecting);
      if (this.problem !== undefined) break;
      at += 1;
    }
    giveJoined();
    return this.problem === undefined ? at : -1;
  }

  get ended(): boolean {
    return this.#expecting === "end";
  }

  /** Takes one octet that is not content; returns what is wrong with it. */
  #frame(octet: number, expecting: Exclude<Expecting, "data" | "end">): string | undefined {
    switch (expecting) {
      case "size":
        return this.#size(octet);
      case "extension":
        return this.#extension(octet);
      case "size-lf":
        return this.#expect(octet, LF, this.#left === 0 ? "trailer" : "data");
      case "data-cr":
        return this.#expect(octet, CR, "data-lf");
      case "data-lf":
        return this.#expect(octet, LF, "size");
      case "trailer":
        return this.#trailerOctet(octet);
      case "trailer-lf":
        return this.#trailerEnd(octet);
      default:
        return assertNever(expecting);
    }
  }

  #size(octet: number): string | undefined {
    const digit = hexDigit(octet);
    if (digit !== undefined) {
      if (this.#digits === LONGEST_SIZE) return "a chunk size has more than 13 digits";
      this.#left = this.#left * 16 + digit;
      this.#digits += 1;
      return undefined;
    }
    if (this.#digits === 0 || (octet !== CR && octet !== SEMICOLON)) return "a chunk size is none";
    this.#digits = 0;
    this.#expecting = octet === CR ? "size-lf" : "extension";
    if (octet !== CR) this.#line = ";";
    return undefined;
  }

  #extension(octet: number): string | undefined {
    if (octet === CR) {
      const line = this.#line;
      this.#line = "";
      this.#expecting = "size-lf";
      return EXTENSIONS.test(line) ? undefined : "a chunk extension is none";
    }
    if (octet === LF || this.#line.length > LONGEST_EXTENSION) return "a chunk extension is too long or is none";
    this.#line += String.fromCharCode(octet);
    return undefined;
  }

  #trailerOctet(octet: number): string | undefined {
    this.#trailerOctets += 1;
    if (this.#trailerOctets > MOST_HEAD_BYTES) return "the trailers are too long";
    if (octet === CR) this.#expecting = "trailer-lf";
    else this.#line += String.fromCharCode(octet);
    return undefined;
  }

  #trailerEnd(octet: number): string | undefined {
    if (octet !== LF) return "a trailer line does not end in CR LF";
    const line = this.#line;
    this.#line = "";
    this.#expecting = line === "" ? "end" : "trailer";
    if (line === "") return undefined;
    this.#trailers += 1;
    if (this.#trailers > MOST_FIELDS) return "it has too many trailers";
    const field = isBadText(line) ? undefined : readField(line, 0, line.length);
    if (field === undefined) return "a trailer line is none";
    return OF_FRAMING.has(field.name) ? "a trailer says where the body ends" : undefined;
  }

  #expect(octet: number, expected: number, next: Expecting): string | undefined {
    if (octet !== expected) return "a chunk does not end in CR LF";
    this.#expecting = next;
    return undefined;
  }
}

function hexDigit(octet: number): number | undefined {
  if (octet >= 0x30 && octet <= 0x39) return octet - 0x30;
  const lower = octet | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x61 + 10 : undefined;
}
