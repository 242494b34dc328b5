import { Findings } from "./frame-findings.ts";
import { type SkimRow, type SkimTable, rowAt } from "./frame-skim-table.ts";

// Of this module, not imported: see frame-skim.ts.
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const COMMA = 0x2c;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const SPACE = 0x20;
const LETTER_N = 0x6e;

/** Octets of all kept values of one object together; what goes beyond is not kept. */
const MOST_KEPT = 65_536;
const LONGEST_NAME = 64;

type Place =
  /** Before the object: white space. */
  | "before"
  | "between"
  /** In a string that may be a member's name. */
  | "name"
  | "after-name"
  | "value"
  /** In a string whose octets are counted. */
  | "text"
  /** In a kept string, number or literal. */
  | "kept-string"
  | "kept-scalar"
  | "after";

/**
 * What FrameSkim does, for an object that comes in pieces and is not held: its findings are copies of at most 64 KiB
 * together. Two to three nanoseconds an octet: for documents and for frames too long to hold.
 */
export class LongSkim {
  readonly #table: SkimTable;
  readonly findings = new Findings();
  #kept = new Uint8Array(1_024);
  #keptLength = 0;
  readonly #name = new Uint8Array(LONGEST_NAME);
  #nameLength = 0;
  #row: SkimRow | undefined;
  #place: Place = "before";
  #escaped = false;
  #depth = 0;
  #closing = -1;
  /** Where the value being kept began; -1: none is, or it did not fit. */
  #valueFrom = -1;

  constructor(table: SkimTable) {
    this.#table = table;
    this.findings.clear(this.#kept);
  }

  /** The object has ended. */
  get done(): boolean {
    return this.#place === "after";
  }

  /** The index after the octets that belong to the object: beyond its end they are left. -1: no object begins here. */
  push(bytes: Uint8Array, from: number, to: number): number {
    let at = from;
    while (at < to && this.#place !== "after") {
      const octet = bytes[at] ?? 0;
      switch (this.#place) {
        case "before":
          if (octet > SPACE && octet !== OPEN_OBJECT) return -1;
          if (octet === OPEN_OBJECT) {
            this.#depth = 1;
            this.#place = "between";
          }
          break;
        case "between":
          this.#between(octet);
          break;
        case "name":
          this.#inName(octet);
          // What is longer than any name is mostly text, and long.
          if (this.#nameLength > LONGEST_NAME && !this.#escaped) at = plainEnd(bytes, at + 1, to) - 1;
          break;
        case "after-name":
          if (octet > SPACE) this.#afterName(octet);
          break;
        case "value":
          if (octet > SPACE) this.#value(octet);
          break;
        case "text": {
          const end = this.#escaped ? at : plainEnd(bytes, at, to);
          this.findings.textOctets += end - at;
          if (end < to) this.#inText(bytes[end] ?? 0);
          at = end;
          break;
        }
        case "kept-string":
          this.#keep(octet);
          if (this.#ends(octet)) this.#found();
          break;
        case "kept-scalar":
          if (octet === COMMA || octet === CLOSE_OBJECT || octet === CLOSE_LIST || octet <= SPACE) {
            this.#found();
            this.#between(octet);
          } else {
            this.#keep(octet);
          }
          break;
      }
      at++;
    }
    return Math.min(at, to);
  }

  #between(octet: number): void {
    if (this.#closing >= 0) this.#keep(octet);
    if (octet === QUOTE) {
      this.#place = "name";
      this.#nameLength = 0;
    } else if (octet === OPEN_OBJECT || octet === OPEN_LIST) {
      this.#depth++;
    } else if (octet === CLOSE_OBJECT || octet === CLOSE_LIST) {
      this.#depth--;
      if (this.#depth === this.#closing) {
        this.#closing = -1;
        this.#found();
      }
      if (this.#depth === 0) this.#place = "after";
    }
  }

  #inName(octet: number): void {
    if (this.#closing >= 0) {
      this.#keep(octet);
      if (this.#ends(octet)) this.#place = "between";
    } else if (this.#ends(octet)) {
      this.#row =
        this.#nameLength <= LONGEST_NAME ? rowAt(this.#table, this.#name, 0, this.#nameLength, this.#depth) : undefined;
      this.#place = this.#row === undefined ? "between" : "after-name";
      this.#nameLength = 0;
    } else {
      if (this.#nameLength < LONGEST_NAME) this.#name[this.#nameLength] = octet;
      this.#nameLength = Math.min(this.#nameLength + 1, LONGEST_NAME + 1);
    }
  }

  #afterName(octet: number): void {
    this.#place = octet === COLON ? "value" : "between";
    if (octet !== COLON) this.#between(octet);
  }

  #value(octet: number): void {
    const kept = this.#row?.value === true;
    this.#place = "between";
    if (octet === QUOTE) {
      this.#place = kept ? "kept-string" : this.#row?.text === true ? "text" : "name";
      this.#nameLength = 0;
    } else if (octet === OPEN_OBJECT || octet === OPEN_LIST) {
      this.#depth++;
      if (kept) this.#closing = this.#depth - 1;
    } else if (octet === LETTER_N || !kept || octet === CLOSE_OBJECT || octet === CLOSE_LIST) {
      this.#between(octet);
      return;
    } else {
      this.#place = "kept-scalar";
    }
    if (!kept) return;
    this.#valueFrom = this.#keptLength;
    this.#keep(octet);
  }

  #inText(octet: number): void {
    if (this.#ends(octet)) this.#place = "between";
    else this.findings.textOctets++;
  }

  /** The octet is the quote that ends the string. */
  #ends(octet: number): boolean {
    if (this.#escaped) {
      this.#escaped = false;
      return false;
    }
    this.#escaped = octet === BACKSLASH;
    return octet === QUOTE;
  }

  #keep(octet: number): void {
    if (this.#valueFrom < 0) return;
    if (this.#keptLength === MOST_KEPT) {
      this.#keptLength = this.#valueFrom;
      this.#valueFrom = -1;
      return;
    }
    if (this.#keptLength === this.#kept.length) {
      const larger = new Uint8Array(this.#kept.length * 2);
      larger.set(this.#kept);
      this.#kept = larger;
      this.findings.bytes = larger;
    }
    this.#kept[this.#keptLength++] = octet;
  }

  #found(): void {
    this.#place = "between";
    if (this.#valueFrom >= 0 && this.#row !== undefined) {
      this.findings.add(this.#row.index, this.#valueFrom, this.#keptLength);
    }
    this.#valueFrom = -1;
  }
}

/** The index of the next quote or backslash, or `to`. */
function plainEnd(bytes: Uint8Array, from: number, to: number): number {
  for (let at = from; at < to; at++) {
    const octet = bytes[at];
    if (octet === QUOTE || octet === BACKSLASH) return at;
  }
  return to;
}
