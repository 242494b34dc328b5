/** What belongs together for a reader: `create_issue`, `git-сору`. */
const WORD = /[\p{L}\p{M}\p{N}_-]+/gu;
const LATIN = /\p{Script=Latin}/u;
/** Scripts that have letters which look as those of Latin do. */
const ALIKE =
  /[\p{Script=Greek}\p{Script=Cyrillic}\p{Script=Armenian}\p{Script=Cherokee}\p{Script=Coptic}\p{Script=Lisu}]/u;
/** Full-width and mathematical letters, which are Latin ones in other clothes. */
const DISGUISED = /[\uff21-\uff3a\uff41-\uff5a\u{1d400}-\u{1d7ff}]/u;

/**
 * Words in which letters of another script stand among Latin ones (Unicode TR 39, "mixed script"), or that are written in
 * Latin letters of another form: `gіt` with a Cyrillic letter is another program than `git`. Each once, in their order.
 */
export function mixedWords(texts: readonly string[]): readonly string[] {
  const words = texts.flatMap((text) => text.match(WORD) ?? []);
  const isMixed = (word: string): boolean => DISGUISED.test(word) || (LATIN.test(word) && ALIKE.test(word));
  return [...new Set(words.filter(isMixed))];
}
