import type { TextMatcher } from "./text-pattern.ts";
import { NO, type Truth, UNKNOWN, YES } from "./truth.ts";

/** Units of a text read again for a glob with `?`, for each of its own and at all. */
const STEPS_PER_UNIT = 8;
const FREE_STEPS = 65_536;

/** What every text that a glob takes begins with. */
export function literalPrefix(glob: string): string {
  const wild = glob.search(/[*?]/);
  return wild < 0 ? glob : glob.slice(0, wild);
}

export function isLiteral(glob: string): boolean {
  return !/[*?]/.test(glob);
}

/**
 * `*` stands for any run of characters, none too, line feeds and slashes too; `?` for one character (of one or two UTF-16
 * units). There is no escape. Unknown: a text that asks more of a glob with `?` than is good.
 */
export function textGlob(glob: string): TextMatcher {
  if (glob.includes("?")) return (text) => stepwise(glob, text);
  const pieces = glob.split("*");
  const first = pieces[0] ?? "";
  if (pieces.length === 1) return (text) => (text === first ? YES : NO);
  const last = pieces.at(-1) ?? "";
  const inner = pieces.slice(1, -1).filter((piece) => piece !== "");
  return (text) => {
    const end = text.length - last.length;
    if (end < first.length || !text.startsWith(first) || !text.endsWith(last)) return NO;
    let from = first.length;
    // Each piece at its first place after the one before: if any placement fits, this one does.
    for (const piece of inner) {
      const found = text.indexOf(piece, from);
      if (found < 0) return NO;
      from = found + piece.length;
    }
    return from <= end ? YES : NO;
  };
}

/** Greedy with one place to come back to, the last `*`. */
function stepwise(glob: string, text: string): Truth {
  let steps = STEPS_PER_UNIT * text.length + FREE_STEPS;
  let at = 0;
  let next = 0;
  let resumeGlob = -1;
  let resumeText = 0;
  while (at < text.length) {
    if (steps <= 0) return UNKNOWN;
    steps -= 1;
    const expected = glob[next];
    if (expected === "*") {
      next += 1;
      resumeGlob = next;
      resumeText = at;
    } else if (expected === "?") {
      next += 1;
      at += unitsAt(text, at);
    } else if (expected === text[at]) {
      next += 1;
      at += 1;
    } else if (resumeGlob >= 0) {
      resumeText += unitsAt(text, resumeText);
      at = resumeText;
      next = resumeGlob;
    } else {
      return NO;
    }
  }
  while (glob[next] === "*") next += 1;
  return next === glob.length ? YES : NO;
}

/** Of the character there, in a text that is well-formed. */
function unitsAt(text: string, at: number): number {
  const unit = text.charCodeAt(at);
  return unit >= 0xd800 && unit <= 0xdbff ? 2 : 1;
}
