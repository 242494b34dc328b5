/** Longer excerpts of a document than this are cut in messages. */
const MAXIMUM = 80;

/** Control characters, line separators, invisible and direction-changing marks, lone surrogates; and our own escapes. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}"\\]/gu;

/** Text from a document (its author's choice, not ours), made fit for a message on a terminal or in a log. */
export function quoted(text: string): string {
  const cut = text.length > MAXIMUM ? `${text.slice(0, MAXIMUM)}…` : text;
  return `"${cut.replace(UNSAFE, escaped)}"`;
}

function escaped(character: string): string {
  if (character === '"' || character === "\\") return `\\${character}`;
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}
