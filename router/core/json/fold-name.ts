/**
 * The form in which two names are equal to an origin that ignores case. Each character is raised and then lowered, one for one: so
 * U+017F and U+212A are "s" and "k", as in the folding of Go's encoding/json, and the dotted and the dotless i are "i", as in
 * Java's equalsIgnoreCase. What follows U+0000 is left away, since origins written in C do not see it.
 */
export function foldName(name: string): string {
  const end = name.indexOf("\0");
  const seen = end === -1 ? name : name.slice(0, end);
  if (ASCII.test(seen)) return seen.toLowerCase();
  let folded = "";
  for (const character of seen) folded += foldCharacter(character);
  return folded;
}

// oxlint-disable-next-line no-control-regex -- all of ASCII is meant
const ASCII = /^[\x00-\x7f]*$/;

function foldCharacter(character: string): string {
  const upper = character.toUpperCase();
  const lower = (isOne(upper) ? upper : character).toLowerCase();
  // Of U+0130 the first is "i", and the second the dot that its simple form does without.
  return String.fromCodePoint(lower.codePointAt(0) ?? 0);
}

function isOne(text: string): boolean {
  return text.length === ((text.codePointAt(0) ?? 0) > 0xffff ? 2 : 1);
}
