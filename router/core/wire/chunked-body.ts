import { assertNever } from "../base/assert-never.ts";

export type ChunkedStep =
  /** Payload so far; give it the next buffer. */
  | { readonly state: "more"; readonly payload: readonly Uint8Array[] }
  /** The message has ended; `leftover` is what follows it, perhaps the next request. */
  | { readonly state: "end"; readonly payload: readonly Uint8Array[]; readonly leftover: Uint8Array }
  | { readonly state: "malformed"; readonly problem: string };

const CR = 0x0d;
const LF = 0x0a;

/** 13 hex digits stay below 2^53. */
const LONGEST_SIZE = 13;

/** What the next octet belongs to. */
type Expecting = "size" | "size-lf" | "data" | "data-cr" | "data-lf" | "last-cr" | "last-lf" | "nothing";

/**
 * Decodes the chunked content of one request (RFC 9112 section 7.1), buffer by buffer, without copying: payload and
 * leftover are views of what was given. Refused, because readers differ on where they end and no client needs them:
 * chunk extensions, trailer fields, white space, any line end but CR LF, "0x", sizes of more than 13 digits.
 */
export class ChunkedBody {
  #expecting: Expecting = "size";
  #digits = 0;
  /** Of the size line: the size so far. Within a chunk: the octets of it still to come. */
  #left = 0;

  /** Not to be called again after `end` or `malformed`. */
  read(bytes: Uint8Array): ChunkedStep {
    if (this.#ended()) throw new Error("the chunked content has ended");
    const payload: Uint8Array[] = [];
    let at = 0;
    while (at < bytes.length) {
      const expecting = this.#expecting;
      if (expecting === "nothing") break;
      if (expecting === "data") {
        const end = Math.min(bytes.length, at + this.#left);
        payload.push(bytes.subarray(at, end));
        this.#left -= end - at;
        if (this.#left === 0) this.#expecting = "data-cr";
        at = end;
        continue;
      }
      const problem = this.#frame(bytes[at++] ?? 0, expecting);
      if (problem !== undefined) {
        this.#expecting = "nothing";
        return { state: "malformed", problem };
      }
    }
    return this.#ended() ? { state: "end", payload, leftover: bytes.subarray(at) } : { state: "more", payload };
  }

  #ended(): boolean {
    return this.#expecting === "nothing";
  }

  /** Takes one octet that is not payload; returns what is wrong with it. */
  #frame(octet: number, expecting: Exclude<Expecting, "data" | "nothing">): string | undefined {
    switch (expecting) {
      case "size":
        return this.#size(octet);
      case "size-lf":
        return this.#expect(octet, LF, this.#left === 0 ? "last-cr" : "data");
      case "data-cr":
        return this.#expect(octet, CR, "data-lf");
      case "data-lf":
        return this.#expect(octet, LF, "size");
      case "last-cr":
        return octet === CR ? this.#expect(octet, CR, "last-lf") : "The chunked content has trailer fields.";
      case "last-lf":
        return this.#expect(octet, LF, "nothing");
      default:
        return assertNever(expecting);
    }
  }

  #size(octet: number): string | undefined {
    const digit = hexDigit(octet);
    if (digit !== undefined) {
      if (this.#digits === LONGEST_SIZE) return "A chunk size has more than 13 digits.";
      this.#left = this.#left * 16 + digit;
      this.#digits++;
      return undefined;
    }
    if (this.#digits === 0 || octet !== CR) return "A chunk size is not plain hex digits with CR LF after them.";
    this.#digits = 0;
    this.#expecting = "size-lf";
    return undefined;
  }

  #expect(octet: number, expected: number, next: Expecting): string | undefined {
    if (octet !== expected) return "A chunk does not end in CR LF.";
    this.#expecting = next;
    return undefined;
  }
}

function hexDigit(octet: number): number | undefined {
  if (octet >= 0x30 && octet <= 0x39) return octet - 0x30;
  const lower = octet | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x61 + 10 : undefined;
}
