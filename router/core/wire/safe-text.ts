/**
 * What must not reach a log or a terminal as it is: control characters, separators of lines, invisible and
 * direction-changing marks (they show one name as another), lone surrogates.
 */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/**
 * Text that an agent chose, made fit for logs and audit: one line, well-formed UTF-16, each unsafe character as a
 * `\uXXXX` escape, at most `maximum` (at least 1) UTF-16 units, the cut marked with "…". Given its own result it
 * changes nothing. It says what was sent; it is not for comparing.
 */
export function safeText(text: string, maximum: number): string {
  // One unit more than fits shows that there is more, and bounds the work whatever the agent sent.
  const escaped = text.slice(0, maximum + 1).replace(UNSAFE, escapedUnits);
  if (escaped.length <= maximum) return escaped;
  return `${whole(escaped.slice(0, maximum - 1))}…`;
}

/** Without half an escape or half a surrogate pair at the end. */
function whole(text: string): string {
  return text.replace(/(?:\\(?:u[0-9a-f]{0,3})?|[\ud800-\udbff])$/, "");
}

/** Each UTF-16 unit as `\uXXXX`. */
function escapedUnits(character: string): string {
  let text = "";
  for (let at = 0; at < character.length; at++) {
    text += `\\u${character.charCodeAt(at).toString(16).padStart(4, "0")}`;
  }
  return text;
}
