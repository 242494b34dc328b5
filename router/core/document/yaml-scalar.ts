import type { ScalarNode } from "./document-node.ts";
import { quoted } from "./quoted.ts";
import { isGap, LF } from "./yaml-cursor.ts";
import type { Cursor } from "./yaml-cursor.ts";

const COLON = 0x3a;
const HASH = 0x23;
const SPACE = 0x20;
const TAB = 0x09;
const DOUBLE_QUOTE = 0x22;
const SINGLE_QUOTE = 0x27;
const BACKSLASH = 0x5c;

/** Characters that end a plain value inside `[` or `{`. */
const FLOW_INDICATORS = ",[]{}";

export function isFlowIndicator(text: string, at: number): boolean {
  return at < text.length && FLOW_INDICATORS.includes(text.charAt(at));
}

/** Whether the `:` at this offset parts a key from its value. */
export function isColon(text: string, at: number, flow: boolean): boolean {
  if (text.charCodeAt(at) !== COLON) return false;
  return isGap(text, at + 1) || (flow && isFlowIndicator(text, at + 1));
}

/**
 * Reads a value without quotes up to the end of its line, a comment, a key's colon or (in flow) an indicator.
 * The first character was judged by the caller.
 */
export function readPlain(cursor: Cursor, flow: boolean): ScalarNode {
  const { text, at } = cursor;
  let end = at;
  for (let next = at; next < text.length; next += 1) {
    const code = text.charCodeAt(next);
    if (code === LF) break;
    if (code === SPACE || code === TAB) continue;
    if (code === COLON && isColon(text, next, flow)) break;
    if (code === HASH && next > at && isGap(text, next - 1)) break;
    if (flow && isFlowIndicator(text, next)) break;
    if (next > end && text.charCodeAt(next - 1) === TAB) {
      cursor.report.add(next - 1, "tab", "A tab stands in a value without quotes.");
    }
    end = next + 1;
  }
  cursor.at = end;
  return { kind: "scalar", at, text: text.slice(at, end), plain: true };
}

/** Reads `"..."` or `'...'` in one line; undefined where it does not end there. */
export function readQuoted(cursor: Cursor): ScalarNode | undefined {
  const { text, at } = cursor;
  const double = text.charCodeAt(at) === DOUBLE_QUOTE;
  const end = double ? endOfDoubleQuoted(text, at + 1) : endOfSingleQuoted(text, at + 1);
  if (end === -1) {
    const mark = text.charAt(at);
    cursor.report.add(at, "several_lines", `A text that begins with ${mark} must end with ${mark} in the same line.`);
    return undefined;
  }
  cursor.at = end + 1;
  const raw = text.slice(at + 1, end);
  return { kind: "scalar", at, text: double ? unescape(cursor, at + 1, raw) : raw.replaceAll("''", "'"), plain: false };
}

function endOfSingleQuoted(text: string, from: number): number {
  for (let next = from; next < text.length; next += 1) {
    const code = text.charCodeAt(next);
    if (code === LF) return -1;
    if (code !== SINGLE_QUOTE) continue;
    if (text.charCodeAt(next + 1) !== SINGLE_QUOTE) return next;
    next += 1;
  }
  return -1;
}

function endOfDoubleQuoted(text: string, from: number): number {
  for (let next = from; next < text.length; next += 1) {
    const code = text.charCodeAt(next);
    if (code === LF) return -1;
    if (code === DOUBLE_QUOTE) return next;
    if (code === BACKSLASH && text.charCodeAt(next + 1) !== LF) next += 1;
  }
  return -1;
}

/** YAML 1.2 section 5.7, without the escaped line break. */
const ESCAPES: Readonly<Record<string, string>> = {
  "0": "\0",
  a: "\u0007",
  b: "\b",
  t: "\t",
  "\t": "\t",
  n: "\n",
  v: "\v",
  f: "\f",
  r: "\r",
  e: "\u001B",
  " ": " ",
  '"': '"',
  "/": "/",
  "\\": "\\",
  N: "\u0085",
  _: "\u00A0",
  L: "\u2028",
  P: "\u2029",
};

/** Two, four or eight hexadecimal digits by the letter before them. */
const HEXADECIMAL = /x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})/y;

function unescape(cursor: Cursor, start: number, raw: string): string {
  let value = "";
  let from = 0;
  for (let at = raw.indexOf("\\"); at !== -1; at = raw.indexOf("\\", from)) {
    HEXADECIMAL.lastIndex = at + 1;
    const match = HEXADECIMAL.exec(raw);
    const digits = match?.[1] ?? match?.[2] ?? match?.[3];
    const character = digits === undefined ? ESCAPES[raw.charAt(at + 1)] : characterOf(digits);
    const end = at + 1 + (match?.[0].length ?? 1);
    if (character === undefined && !cursor.report.full) {
      cursor.report.add(start + at, "bad_escape", `${quoted(raw.slice(at, end))} is no escape of YAML.`);
    }
    value += raw.slice(from, at) + (character ?? "");
    from = end;
  }
  value += raw.slice(from);
  if (!value.isWellFormed()) cursor.report.add(start, "bad_escape", "The text holds half of a surrogate pair.");
  return value;
}

function characterOf(digits: string): string | undefined {
  const code = Number.parseInt(digits, 16);
  return code <= 0x10_ffff ? String.fromCodePoint(code) : undefined;
}
