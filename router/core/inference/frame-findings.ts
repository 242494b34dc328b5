import type { Json } from "../json/json.ts";
import { latin1 } from "../wire/latin1.ts";
import { equalAt } from "./frame-skim-table.ts";

const NOTHING = new Uint8Array(0);
/** Values of one object: 128 choices with two members each, and some. What comes after is not kept. */
const MOST_VALUES = 512;
/** A value that is parsed: a usage object has below 2 KiB. */
const LONGEST_VALUE = 65_536;

/** What a skim found in one object. A key is its index in the list of keys. */
export class Findings {
  /** Where the values stand. */
  bytes: Uint8Array = NOTHING;
  /** The octets of all strings of `text` keys together, as they are written. */
  textOctets = 0;
  /** Key, from, to of each value, in the order in which they came. */
  readonly #values: number[] = [];

  clear(bytes: Uint8Array): void {
    this.bytes = bytes;
    this.textOctets = 0;
    this.#values.length = 0;
  }

  add(key: number, from: number, to: number): void {
    if (this.#values.length < MOST_VALUES * 3) this.#values.push(key, from, to);
  }

  /** Sets where the value found last has ended. */
  close(to: number): void {
    this.#values[this.#values.length - 1] = to;
  }

  has(key: number): boolean {
    return this.#last(key) >= 0;
  }

  count(key: number): number {
    let count = 0;
    for (let at = 0; at < this.#values.length; at += 3) if (this.#values[at] === key) count++;
    return count;
  }

  /** The last value is this JSON text. */
  is(key: number, octets: Uint8Array): boolean {
    const at = this.#last(key);
    if (at < 0) return false;
    const from = this.#values[at + 1] ?? 0;
    return (this.#values[at + 2] ?? 0) - from === octets.length && equalAt(this.bytes, from, octets);
  }

  /** The last value's text ends in these octets. */
  endsIn(key: number, octets: Uint8Array): boolean {
    const at = this.#last(key);
    if (at < 0) return false;
    const to = this.#values[at + 2] ?? 0;
    return to - (this.#values[at + 1] ?? 0) >= octets.length && equalAt(this.bytes, to - octets.length, octets);
  }

  /** The last value, as `JSON.parse` of the whole would have it; undefined: none, or not JSON, or longer than 64 KiB. */
  json(key: number): Json | undefined {
    const at = this.#last(key);
    return at < 0 ? undefined : this.#parse(at);
  }

  /** The last value, if it is a string; otherwise an empty one. */
  text(key: number): string {
    const value = this.json(key);
    return typeof value === "string" ? value : "";
  }

  /** All values of a key, in order. */
  all(key: number): Json[] {
    const values: Json[] = [];
    for (let at = 0; at < this.#values.length; at += 3) {
      if (this.#values[at] !== key) continue;
      const value = this.#parse(at);
      if (value !== undefined) values.push(value);
    }
    return values;
  }

  #last(key: number): number {
    for (let at = this.#values.length - 3; at >= 0; at -= 3) if (this.#values[at] === key) return at;
    return -1;
  }

  /** Octets above ASCII read as Latin-1: no number depends on them, and no text of them is used as it stands. */
  #parse(at: number): Json | undefined {
    const from = this.#values[at + 1] ?? 0;
    const to = this.#values[at + 2] ?? 0;
    if (to - from > LONGEST_VALUE) return undefined;
    try {
      return JSON.parse(latin1(this.bytes, from, to)) as Json;
    } catch {
      return undefined;
    }
  }
}
