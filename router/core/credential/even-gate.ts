import { LONGEST_ESCAPE } from "./json-escapes.ts";
import type { LeakPattern } from "./leak-pattern.ts";
import { LeakScan } from "./leak-scan.ts";

const NOTHING = new Uint8Array(0);
/** A chunk up to this goes out in one piece with what waited before it; a larger one is not copied. */
const SMALL = 4 * 1024;
/** Fewer of a secret's first octets stand at an end by chance. */
const FEWEST = 6;
/** Of the shortest form: so much of it is told to nobody. */
const PART = 1 / 4;

/** What a stream rested behind. */
export interface SecretPart {
  /** The place of the secret's pattern. */
  readonly pattern: number;
  /** The first octets of one of its forms. */
  readonly octets: Uint8Array;
}

/**
 * As `LeakGate`, where an agent may choose what the stream says and sees when it comes: how much waits does not depend on
 * what it is. The last octets always wait, one less than the longest form has with each of its octets escaped (476 for a
 * secret of 40 characters), until others come or the caller finds that none do (`rest`). A gate that held just what begins
 * a secret would tell of each guess whether it is right.
 */
export class EvenGate {
  readonly #scans: readonly { readonly scan: LeakScan; readonly fewest: number }[];
  readonly #send: (octets: Uint8Array) => void;
  readonly #most: number;
  /** In memory of its own. */
  #held: Uint8Array = NOTHING;

  /** `send` is called with views of chunks and with copies, never with nothing. */
  constructor(patterns: readonly LeakPattern[], send: (octets: Uint8Array) => void) {
    this.#scans = patterns.map((pattern) => ({ scan: new LeakScan(pattern), fewest: fewestOf(pattern) }));
    this.#most = Math.max(0, ...patterns.map(({ longest }) => longest * LONGEST_ESCAPE - 1));
    this.#send = send;
  }

  /** False: a secret was found; nothing of the chunk was sent, what waits never will be, and the stream must be cut. */
  push(chunk: Uint8Array): boolean {
    if (this.#scans.map(({ scan }) => scan.push(chunk)).includes(true)) return false;
    const held = this.#held;
    const goes = held.length + chunk.length - this.#most;
    if (chunk.length <= SMALL) {
      const joined = new Uint8Array(held.length + chunk.length);
      joined.set(held);
      joined.set(chunk, held.length);
      this.#held = goes > 0 ? joined.slice(goes) : joined;
      if (goes > 0) this.#send(joined.subarray(0, goes));
      return true;
    }
    // A form may be longer than the chunk: then all of it waits.
    const newer = Math.max(0, goes - held.length);
    const older = held.subarray(0, Math.max(0, goes - newer));
    const kept = held.subarray(older.length);
    this.#held = new Uint8Array(kept.length + chunk.length - newer);
    this.#held.set(kept);
    this.#held.set(chunk.subarray(newer), kept.length);
    if (older.length > 0) this.#send(older.slice());
    if (newer > 0) this.#send(chunk.subarray(0, newer));
    return true;
  }

  /**
   * Nothing came for a while: sends what waits. Where that ends in so much of a secret that it is no chance, sends nothing:
   * the stream must be cut.
   */
  rest(): SecretPart | undefined {
    // Octets of the form, not of its escapes: what an escape begins with is of no secret more than of any text.
    const pattern = this.#scans.findIndex(({ scan, fewest }) => scan.part.length >= fewest);
    const part = this.#scans[pattern]?.scan.part;
    if (part !== undefined) return { pattern, octets: part };
    this.end();
    return undefined;
  }

  /** The stream has ended, and what waits is no secret: sends it. Not after `push` was false. */
  end(): void {
    const held = this.#held;
    this.#held = NOTHING;
    if (held.length > 0) this.#send(held);
  }
}

function fewestOf({ forms }: LeakPattern): number {
  const shortest = Math.min(...forms.map(({ length }) => length));
  return Math.max(FEWEST, Math.ceil(shortest * PART));
}
