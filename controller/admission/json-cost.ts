const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_ARRAY = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** What a JSON text will cost once it is parsed. */
export interface JsonCost {
  /** Values, at most one too many for an empty array or object. */
  readonly values: number;
  /** How deep arrays and objects stand in each other. */
  readonly depth: number;
}

/**
 * Counts without parsing: an object of two octets costs a hundred once parsed, and a million of them hold the event loop
 * for a third of a second. Of a text that is no JSON the counts mean nothing, and the parser will say so.
 */
export function jsonCost(octets: Uint8Array): JsonCost {
  let values = 1;
  let depth = 0;
  let deepest = 0;
  let inText = false;
  for (let at = 0; at < octets.length; at++) {
    const octet = octets[at];
    if (inText) {
      if (octet === BACKSLASH) at += 1;
      else if (octet === QUOTE) inText = false;
    } else if (octet === QUOTE) inText = true;
    else if (octet === COMMA) values += 1;
    else if (octet === OPEN_ARRAY || octet === OPEN_OBJECT) {
      values += 1;
      depth += 1;
      if (depth > deepest) deepest = depth;
    } else if (octet === CLOSE_ARRAY || octet === CLOSE_OBJECT) depth -= 1;
  }
  return { values, depth: deepest };
}
