const BACKSLASH = 0x5c;
const SMALL_U = 0x75;
/** What stands for a control character behind a backslash: b, f, n, r, t. */
export const CONTROLS: readonly number[] = [0x62, 0x66, 0x6e, 0x72, 0x74];
/** Stands for whatever is not ASCII: no octet of a secret. */
const OTHER = 0xff;
/** Backslashes in a row that are one escape: JSON within JSON within JSON has four. More are none. */
const MOST_BACKSLASHES = 4;

/** Octets that one octet of a secret takes at most, escaped. */
export const LONGEST_ESCAPE = MOST_BACKSLASHES + 5;

const NOWHERE = new Uint8Array(0);

/** A text without its escapes. */
export interface Unescaped {
  readonly octets: Uint8Array;
  /** Where in the text an escape begins that its end cuts; the text's length where none does. */
  readonly cut: number;
}

/**
 * The text with what JSON's escapes stand for, however deep they are nested: backslashes are dropped, `\uXXXX` is its
 * character, and what is not ASCII or a control character is one octet that stands for all of these. So all spellings of
 * one secret come out the same, whatever was escaped and how, and whether the text is JSON or not. Where a backslash that is
 * meant stands before what looks like the rest of an escape (`\\u0041`), it is taken for one within JSON in JSON.
 */
export function unescaped(text: Uint8Array): Unescaped {
  const octets = new Uint8Array(text.length);
  const { at, length } = read(text, octets, text.length);
  return { octets: octets.subarray(0, length), cut: at };
}

/** Where in the text the octet `index` of `unescaped` begins, with all of its escape. */
export function placeBefore(text: Uint8Array, index: number): number {
  return read(text, NOWHERE, index).at;
}

/** Reads up to `most` octets, into `into`, which may be too short for them. `at`: how far; before an escape that the end cuts. */
function read(text: Uint8Array, into: Uint8Array, most: number): { readonly at: number; readonly length: number } {
  let at = 0;
  let length = 0;
  while (length < most && at < text.length) {
    const octet = text[at] as number;
    if (octet !== BACKSLASH) {
      into[length++] = octet;
      at += 1;
      continue;
    }
    let end = at + 1;
    while (end - at < MOST_BACKSLASHES && text[end] === BACKSLASH) end += 1;
    if (end === text.length) break;
    if (text[end] === BACKSLASH) {
      into[length++] = OTHER;
      at = end;
    } else if (text[end] !== SMALL_U) {
      into[length++] = standsFor(text[end] as number, end - at);
      at = end + 1;
    } else {
      const digits = hexDigits(text, end + 1);
      if (digits < 4 && end + 1 + digits === text.length) break;
      into[length++] = digits === 4 ? character(text, end + 1) : SMALL_U;
      at = end + 1 + (digits === 4 ? 4 : 0);
    }
  }
  return { at, length };
}

/**
 * True where an escape stands in the text that may be of a secret, or where its end cuts one. `within` has a 1 for each octet that
 * may stand behind a backslash there: no secret holds what `\n` or `\t` stand for.
 */
export function hasEscape(text: Uint8Array, within: Uint8Array): boolean {
  const first = text.indexOf(BACKSLASH);
  if (first === -1) return false;
  for (let at = first; at < text.length; at += 1) {
    if (text[at] === BACKSLASH && (at + 1 === text.length || within[text[at + 1] as number] === 1)) return true;
  }
  return false;
}

/** What stands for a control character is of no secret; behind an even number of backslashes it may be a letter. */
function standsFor(octet: number, backslashes: number): number {
  return backslashes % 2 === 1 && CONTROLS.includes(octet) ? OTHER : octet;
}

function hexDigits(text: Uint8Array, from: number): number {
  let count = 0;
  while (count < 4 && hexDigit(text[from + count]) !== -1) count += 1;
  return count;
}

function character(text: Uint8Array, from: number): number {
  let value = 0;
  for (let at = from; at < from + 4; at += 1) value = value * 16 + hexDigit(text[at]);
  return value < 0x80 ? value : OTHER;
}

/** -1: none. */
function hexDigit(octet: number | undefined): number {
  if (octet === undefined) return -1;
  if (octet >= 0x30 && octet <= 0x39) return octet - 0x30;
  const letter = octet | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x61 + 10 : -1;
}
