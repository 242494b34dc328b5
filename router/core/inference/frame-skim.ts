import { Findings } from "./frame-findings.ts";
import { type SkimTable, rowAt } from "./frame-skim-table.ts";

// Of this module, not imported: the engine folds its own constants into the loop, and imported ones it loads each time.
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const COMMA = 0x2c;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const SPACE = 0x20;
/** null begins with it, and no other value. */
const LETTER_N = 0x6e;
const LF = 0x0a;
const CR = 0x0d;

/**
 * One look over a JSON object that finds a few members and makes nothing of the rest. It follows strings and brackets,
 * so that no text of a model's passes for a member; it does not judge the grammar: whoever uses a value parses it.
 * Within a value that was found nothing more is looked for. About a nanosecond an octet.
 */
export class FrameSkim {
  readonly #table: SkimTable;
  readonly findings = new Findings();
  /** A line ended between the tokens of the object. */
  lines = false;

  constructor(table: SkimTable) {
    this.#table = table;
  }

  /** The index after the object that begins at `start`; -1: none begins there, or it does not end before `end`. */
  run(bytes: Uint8Array, start: number, end: number): number {
    const findings = this.findings;
    findings.clear(bytes);
    this.lines = false;
    if (bytes[start] !== OPEN_OBJECT) return -1;
    let depth = 0;
    /** The depth at which the found list or object that is open closes; -1: none is. */
    let closing = -1;
    let at = start;
    while (at < end) {
      const octet = bytes[at++];
      if (octet === QUOTE) {
        const name = at;
        at = stringEnd(bytes, at, end) + 1;
        if (at === 0) return -1;
        if (closing >= 0) continue;
        const row = rowAt(this.#table, bytes, name, at - 1, depth);
        if (row === undefined) continue;
        const colon = skipSpace(bytes, at, end);
        if (bytes[colon] !== COLON) continue;
        const value = skipSpace(bytes, colon + 1, end);
        const first = bytes[value];
        if (first === QUOTE) {
          at = stringEnd(bytes, value + 1, end) + 1;
          if (at === 0) return -1;
          if (row.text) findings.textOctets += at - value - 2;
          else if (row.value) findings.add(row.index, value, at);
        } else if (first === OPEN_OBJECT || first === OPEN_LIST) {
          at = value;
          if (row.value) {
            closing = depth;
            findings.add(row.index, value, value);
          } else if (!row.text && bytes[skipSpace(bytes, value + 1, end)] === CLOSE_LIST) {
            findings.add(row.index, value, value);
          }
        } else {
          at = scalarEnd(bytes, value, end);
          if (first !== LETTER_N && row.value) findings.add(row.index, value, at);
        }
      } else if (octet === OPEN_OBJECT || octet === OPEN_LIST) {
        depth++;
      } else if (octet === CLOSE_OBJECT || octet === CLOSE_LIST) {
        depth--;
        if (depth === closing) {
          findings.close(at);
          closing = -1;
        }
        if (depth === 0) return at;
      } else if (octet === LF || octet === CR) {
        this.lines = true;
      }
    }
    return -1;
  }
}

/** The index of the quote that ends a string, or -1. */
function stringEnd(bytes: Uint8Array, from: number, end: number): number {
  for (let at = from; at < end; at++) {
    const octet = bytes[at];
    if (octet === QUOTE) return at;
    if (octet === BACKSLASH) at++;
  }
  return -1;
}

function skipSpace(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end && (bytes[at] ?? 0) <= SPACE) at++;
  return at;
}

/** The index after a number or a literal. */
function scalarEnd(bytes: Uint8Array, from: number, end: number): number {
  for (let at = from; at < end; at++) {
    const octet = bytes[at] ?? 0;
    if (octet === COMMA || octet === CLOSE_OBJECT || octet === CLOSE_LIST || octet <= SPACE) return at;
  }
  return end;
}
