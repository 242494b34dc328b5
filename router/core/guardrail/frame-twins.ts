import { stringEnd } from "./json-strings.ts";

const QUOTE = 0x22;
const COLON = 0x3a;
/** More than is looked at below the places of a frame that its API's reader knows. */
const MAXIMUM_DEPTH = 96;

/**
 * Whether an object of a JSON text, at any depth, has two members of one name: parsed it has fewer members than the text
 * has colons outside strings. True, too, where it is nested deeper than any frame. `parsed` is what `JSON.parse` made of it.
 */
export function hasTwins(text: string, parsed: object): boolean {
  return memberCount(parsed, 0) !== colonCount(text);
}

function colonCount(text: string): number {
  let count = 0;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit === QUOTE) at = (stringEnd(text, at) ?? text.length) - 1;
    else if (unit === COLON) count += 1;
  }
  return count;
}

function memberCount(value: object, depth: number): number {
  if (depth > MAXIMUM_DEPTH) return Number.NaN;
  const isList = Array.isArray(value);
  const values: readonly unknown[] = isList ? value : Object.values(value);
  let count = isList ? 0 : values.length;
  for (const inner of values) if (typeof inner === "object" && inner !== null) count += memberCount(inner, depth + 1);
  return count;
}
