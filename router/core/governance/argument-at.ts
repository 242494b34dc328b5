import type { Json } from "../json/json.ts";

/** The reference tokens of an RFC 6901 pointer; throws for a text that is none, which the parser should have refused. */
export function pointerTokens(pointer: string): readonly string[] {
  if (pointer === "") return Object.freeze([]);
  if (!pointer.startsWith("/") || /~(?![01])/.test(pointer)) throw new Error("a JSON pointer came unchecked");
  // "~01" is "~1": the order counts (section 4).
  const tokens = pointer.slice(1).split("/");
  return Object.freeze(tokens.map((token) => token.replaceAll("~1", "/").replaceAll("~0", "~")));
}

/**
 * What stands at the pointer, or undefined. Own members only: `__proto__` and `constructor` are there where the
 * arguments say so and nowhere else. An array's index has no leading zero; "-" is after its end.
 */
export function argumentAt(value: Json, tokens: readonly string[]): Json | undefined {
  let found: Json | undefined = value;
  for (const token of tokens) {
    if (typeof found !== "object" || found === null) return undefined;
    if (isList(found)) found = /^(?:0|[1-9][0-9]{0,8})$/.test(token) ? found[Number(token)] : undefined;
    else found = Object.hasOwn(found, token) ? found[token] : undefined;
  }
  return found;
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}
