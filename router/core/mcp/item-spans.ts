/** Where an item of an array stands: octets from its first to after its last. */
export interface ItemSpan {
  readonly at: number;
  readonly end: number;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;

/** The items of the array whose text stands in `octets` from `at` to `end`; it is known to be well-formed JSON. */
export function itemSpans(octets: Uint8Array, at: number, end: number): readonly ItemSpan[] {
  const spans: ItemSpan[] = [];
  const last = end - 1;
  let depth = 0;
  let from = -1;
  let to = 0;
  for (let place = at + 1; place < last; place++) {
    const octet = octets[place] ?? 0;
    if (isSpace(octet)) continue;
    if (octet === COMMA && depth === 0) {
      spans.push({ at: from, end: to });
      from = -1;
      continue;
    }
    if (from < 0) from = place;
    if (octet === QUOTE) place = closingQuote(octets, place);
    else if (opens(octet)) depth++;
    else if (closes(octet)) depth--;
    to = place + 1;
  }
  if (from >= 0) spans.push({ at: from, end: to });
  return spans;
}

function closingQuote(octets: Uint8Array, from: number): number {
  let at = from + 1;
  while (at < octets.length && octets[at] !== QUOTE) at += octets[at] === BACKSLASH ? 2 : 1;
  return at;
}

function isSpace(octet: number): boolean {
  return octet === 0x20 || octet === 0x0a || octet === 0x0d || octet === 0x09;
}

function opens(octet: number): boolean {
  return octet === 0x5b || octet === 0x7b;
}

function closes(octet: number): boolean {
  return octet === 0x5d || octet === 0x7d;
}
