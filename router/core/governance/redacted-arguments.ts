import type { Json } from "../json/json.ts";
import { argumentAt, pointerTokens } from "./argument-at.ts";

/**
 * Arguments for a record: what stands at one of the RFC 6901 pointers is `sha256:` and the digest of its JSON text. The
 * given value is not changed. `digest`: SHA-256 in hex of a text.
 */
export function redactedArguments(value: Json, pointers: readonly string[], digest: (text: string) => string): Json {
  let redacted = value;
  for (const pointer of pointers) {
    const tokens = pointerTokens(pointer);
    const found = argumentAt(redacted, tokens);
    if (found !== undefined) redacted = replaced(redacted, tokens, `sha256:${digest(JSON.stringify(found))}`);
  }
  return redacted;
}

/** A copy of the way that leads there, and all else as it is. */
function replaced(value: Json, [token, ...rest]: readonly string[], text: string): Json {
  if (token === undefined || typeof value !== "object" || value === null) return text;
  if (isList(value)) return value.map((item, index) => (String(index) === token ? replaced(item, rest, text) : item));
  const members = Object.entries(value);
  // Not by assignment: `__proto__` is a name like any other.
  return Object.fromEntries(members.map(([name, item]) => [name, name === token ? replaced(item, rest, text) : item]));
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}
