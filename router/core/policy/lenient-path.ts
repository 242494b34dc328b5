/** A path as origins may take it that are less exact than ours. */
export interface LenientPath {
  /** Of each segment all that it may be taken for, folded. */
  readonly forms: readonly (readonly string[])[];
  /** How many segments from the first an origin may keep; the path's own number is the first. */
  readonly lengths: readonly number[];
  /** Nothing may be left of a segment within: what an origin makes of that nobody can tell. */
  readonly isAmbiguous: boolean;
}

export function lenientPath(segments: readonly string[]): LenientPath {
  const forms = segments.map(lenientForms);
  const isNothing = forms.map((each) => each.at(-1) === "");
  const lengths = [segments.length];
  // One slash at the end more or less.
  if (segments.length > 1 && isNothing.at(-1) === true) lengths.push(segments.length - 1);
  // An origin that decodes before it looks for a query reads no further than that.
  const query = segments.findIndex((segment) => /[?#]/.test(segment.normalize("NFKC")));
  if (query >= 0 && query < segments.length - 1) lengths.push(query + 1);
  return { forms, lengths, isAmbiguous: isNothing.slice(0, -1).includes(true) };
}

/**
 * What origins make of a decoded segment, folded, each once; the last is the least that one leaves of it, perhaps
 * nothing. Some ignore parameters, an NTFS stream, what stands behind a decoded "?" or "#", or blanks around and dots at
 * the end (Windows).
 */
export function lenientForms(segment: string): readonly string[] {
  const whole = foldedText(segment);
  const cut = whole.split(/[;?#]|::\$/, 1)[0] ?? "";
  const least = trimmed(cut);
  if (least === whole) return [whole];
  return [...new Set([whole, trimmed(whole), cut])].filter((form) => form !== least).concat(least);
}

/**
 * For comparison as by origins without case, with compatibility composition (NFKC), or that ignore characters nobody sees
 * (HFS+, CVE-2014-9390). In upper case, which hangs on no neighbour of a letter as the lower one does.
 */
export function foldedText(text: string): string {
  return composedText(text).toUpperCase();
}

/** What is left where compatible characters are one (NFKC), and those that nobody sees are none. */
export function composedText(text: string): string {
  return /^[\0-\x7f]*$/.test(text) ? text : text.normalize("NFKC").replaceAll(/\p{DI}/gu, "");
}

/** Without blanks at its ends and dots at the last; by hand, because a pattern would go over a run of them again and again. */
function trimmed(text: string): string {
  let end = text.length;
  while (end > 0 && /[\s.]/.test(text.charAt(end - 1))) end -= 1;
  return text.slice(0, end).trimStart();
}
