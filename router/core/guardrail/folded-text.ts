/** Units normalised together: `normalize` takes quadratic time over a run of combining marks (200,000: 12 s). */
const BLOCK = 64;
/** Units folded at a time: replacing keeps a list of all places, which for 8 MiB of escapes would be more than the heap. */
const PART = 4_096;
const LONGEST_ESCAPE = 6;

// oxlint-disable-next-line no-control-regex -- all of ASCII is meant
const NOT_ASCII = /[^\x00-\x7f]+/g;
const UNSEEN = /[\p{Mn}\p{Me}\p{Cf}\p{Default_Ignorable_Code_Point}]/gu;
/** Arabic sentences in one character, eighteen units long and nothing that is looked for. */
const LONG_LIGATURES = /[\ufdfa\ufdfb]/g;
const ESCAPE = /\\u([0-9A-Fa-f]{4})/g;

/**
 * The text as a reader understands it whom look-alikes do not mislead: compatible forms are plain (full-width letters,
 * circled digits: NFKD), marks, accents and invisible characters are gone, all spaces, dashes and decimal digits are
 * ASCII's, and `\u0041`, as JSON within a text has it, is the character. Letters of other scripts that look like Latin
 * ones stay what they are. Offsets are not those of the text. Undefined: nothing differs.
 */
export function foldedText(text: string): string | undefined {
  const parts: string[] = [];
  for (let from = 0; from < text.length;) {
    const to = cutAfter(text, from);
    parts.push(foldedPart(text.slice(from, to)));
    from = to;
  }
  const folded = parts.join("");
  return folded === text ? undefined : folded;
}

/** Where a part ends that begins at `from`: neither in an escape nor in a pair of surrogates. */
function cutAfter(text: string, from: number): number {
  const to = from + PART;
  if (to >= text.length) return text.length;
  const backslash = text.lastIndexOf("\\", to - 1);
  if (backslash > to - LONGEST_ESCAPE && backslash > from) return backslash;
  const isPair = (text.charCodeAt(to - 1) & 0xfc00) === 0xd800;
  return isPair ? to - 1 : to;
}

function foldedPart(part: string): string {
  const plain = part.includes("\\u") ? part.replaceAll(ESCAPE, (_, hex: string) => unit(hex)) : part;
  return plain.replaceAll(NOT_ASCII, foldRun);
}

/** Something in it may read otherwise once folded. */
export function mayFold(text: string): boolean {
  return text.search(NOT_ASCII) >= 0 || text.includes("\\u");
}

function foldRun(run: string): string {
  let folded = "";
  for (let at = 0; at < run.length; at += BLOCK) {
    folded += run
      .slice(at, at + BLOCK)
      .replaceAll(LONG_LIGATURES, "")
      .normalize("NFKD")
      .replaceAll(UNSEEN, "")
      .replaceAll(/\p{Zs}/gu, " ")
      .replaceAll(/\p{Pd}/gu, "-")
      .replaceAll(/[^\p{ASCII}\P{Nd}]/gu, digitOf);
  }
  return folded;
}

/** Decimal digits stand in runs from zero to nine (Unicode 4.6). */
function digitOf(character: string): string {
  const point = character.codePointAt(0) ?? 0;
  let value = 0;
  while (value < 9 && /\p{Nd}/u.test(String.fromCodePoint(point - value - 1))) value += 1;
  return String(value);
}

function unit(hex: string): string {
  return String.fromCharCode(Number.parseInt(hex, 16));
}
