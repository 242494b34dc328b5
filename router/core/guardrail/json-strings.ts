/** What of a JSON text can hold a message. Offsets are in UTF-16 units of the text; a string's include its quotes. */
export interface JsonToken {
  readonly kind: "name" | "string" | "number";
  /** Of a string, without escapes; of a number, as it is written. */
  readonly value: string;
  readonly start: number;
  readonly end: number;
  /** Of the member that it is the value of, or within an array that is; for a name, of the object's member. */
  readonly member: string;
  /** Containers around it: 1 for a value of the top-level object. */
  readonly depth: number;
}

/** A token's value as whoever reads the JSON shows it: 4.1e3 is the number 4100. */
export function shownValue({ kind, value }: JsonToken): string {
  return kind === "number" && EXPONENT.test(value) ? String(Number(value)) : value;
}

const EXPONENT = /[.eE]/;

interface Container {
  readonly isObject: boolean;
  /** The member's name that comes or stands, and for an array the one it is the value of. */
  member: string;
  expectsName: boolean;
}

const MAXIMUM_DEPTH = 512;
/** Outside strings: numbers, `true`, `false`, `null` and what separates them. */
const WORD = /[-+.0-9A-Za-z]+/y;
const NUMBER = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?$/;

/**
 * Gives every name, string and number of a JSON text in order, also of members that stand twice, and says when a value
 * begins and ends. False where the text is not JSON, so far as that something could hide in it: then what was given does
 * not count. It is not a judge of JSON otherwise.
 */
export function eachJsonToken(
  text: string,
  token: (token: JsonToken) => void,
  container?: (step: "object" | "array" | "end", at: number, member: string) => void,
): boolean {
  const open: Container[] = [];
  if (text.trim() === "") return false;
  for (let at = 0; at < text.length; at += 1) {
    const inner = open.at(-1);
    const member = inner?.member ?? "";
    switch (text.charCodeAt(at)) {
      case 0x20:
      case 0x09:
      case 0x0a:
      case 0x0d:
      case 0x3a:
        break;
      case 0x2c:
        if (inner !== undefined) inner.expectsName = inner.isObject;
        break;
      case 0x7b:
      case 0x5b: {
        if (open.length >= MAXIMUM_DEPTH) return false;
        const isObject = text.charCodeAt(at) === 0x7b;
        open.push({ isObject, member: isObject ? "" : member, expectsName: isObject });
        container?.(isObject ? "object" : "array", at, member);
        break;
      }
      case 0x7d:
      case 0x5d:
        if (inner?.isObject !== (text.charCodeAt(at) === 0x7d)) return false;
        open.pop();
        container?.("end", at + 1, open.at(-1)?.member ?? "");
        break;
      case 0x22: {
        const end = stringEnd(text, at);
        const value = end === undefined ? undefined : stringValue(text, at, end);
        if (end === undefined || value === undefined) return false;
        const isName = inner?.expectsName === true;
        if (isName) {
          inner.member = value;
          inner.expectsName = false;
        }
        const kind = isName ? "name" : "string";
        token({ kind, value, start: at, end, member: isName ? value : member, depth: open.length });
        at = end - 1;
        break;
      }
      default: {
        WORD.lastIndex = at;
        const word = WORD.exec(text)?.[0] ?? "";
        if (NUMBER.test(word)) {
          token({ kind: "number", value: word, start: at, end: at + word.length, member, depth: open.length });
        } else if (word !== "true" && word !== "false" && word !== "null") {
          return false;
        }
        at += word.length - 1;
      }
    }
  }
  return open.length === 0;
}

/** The index after the closing quote of the string at `start`. */
export function stringEnd(text: string, start: number): number | undefined {
  for (let at = text.indexOf('"', start + 1); at >= 0; at = text.indexOf('"', at + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(at - 1 - backslashes) === 0x5c) backslashes += 1;
    if (backslashes % 2 === 0) return at + 1;
  }
  return undefined;
}

function stringValue(text: string, start: number, end: number): string | undefined {
  const inside = text.slice(start + 1, end - 1);
  if (!inside.includes("\\")) return inside;
  try {
    return JSON.parse(text.slice(start, end)) as string;
  } catch {
    return undefined;
  }
}
