/**
 * What a terminal does not show as it stands: control characters, lone surrogates, what is not assigned (C); marks that
 * sit on the character before (M); every space and separator but U+0020 (Z); what is invisible by design (DI, and the
 * blank of Braille); and the scripts that are written from right to left, which turn around what stands beside them.
 */
const STEERING =
  /[[\p{C}\p{M}\p{Z}\p{DI}\u2800\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]--[ ]]/gv;
const PLAIN = /^[\x21-\x7e]*$/;

/**
 * Text of a record, for a terminal: what steers one is a `\uXXXX` escape of each UTF-16 unit, and so are spaces that
 * follow a space, with which a long text could wrap into the picture of another line. At most `maximum` units, the cut
 * marked with "…".
 */
export function shownText(text: string, maximum: number): string {
  const cut = text.slice(0, maximum + 1);
  const shown = PLAIN.test(cut) ? cut : cut.replace(STEERING, escaped).replace(/(?<= ) /g, escaped);
  return cutText(shown, maximum);
}

/** As `shownText`, for what is one word by nature: no space is left in it. `-` for nothing. */
export function shownWord(text: string | null, maximum: number): string {
  if (text === null || text === "") return "-";
  return cutText(shownText(text, maximum).replaceAll(" ", escaped), maximum);
}

/** The same JSON value on a terminal. Other octets than the file's: not for hashing. */
export function shownJson(line: string): string {
  return line.replace(STEERING, escaped);
}

/** At most `maximum` units, without half an escape or half a surrogate pair at the cut. */
export function cutText(text: string, maximum: number): string {
  if (text.length <= maximum) return text;
  return `${text.slice(0, maximum - 1).replace(/(?:\\(?:u[0-9a-f]{0,3})?|[\ud800-\udbff])$/, "")}…`;
}

function escaped(character: string): string {
  let text = "";
  for (let at = 0; at < character.length; at += 1) {
    text += `\\u${character.charCodeAt(at).toString(16).padStart(4, "0")}`;
  }
  return text;
}
