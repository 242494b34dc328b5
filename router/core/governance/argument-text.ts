import type { TextTest } from "./governance-policy.ts";
import type { TextReading } from "./text-reading.ts";
import { compileTextTest, type PatternCache } from "./text-test.ts";
import { NO, type Truth, UNKNOWN, YES } from "./truth.ts";
import { withOwnPort } from "./web-address.ts";

/** `read` is `readText`, perhaps with a memory. */
export type ArgumentMatcher = (text: string, read: (text: string) => TextReading) => Truth;

const SEPARATOR = /[/\\]/;
/** What an address has to escape. */
const NEEDS_ESCAPE = /[^!-~]/;
const ESCAPE = /%[0-9a-f]{2}/i;
/** An address of the web that could be no path, whoever reads it. */
const WEB_ALONE = /^(?:http|ws)s?:(?!.*(?:\.\.|[%\\]))/is;

/**
 * For a text of which nobody here knows whether it is a path, an address or neither. A test with a slash in it is about
 * places. By itself it takes only a text that is written as everyone writes it; letter by letter (`in`) it is what the
 * author wrote. A text that is not taken so is unknown, so that it neither gets leave nor gets around a deny rule, where
 * the test takes one of the forms that readers may make of it, or where it is a place that cannot be read; all other
 * texts it does not take. Any other test is asked about the text as written and as resolved, and where the answers differ
 * it is unknown.
 */
export function compileArgumentText(test: TextTest, patterns: PatternCache): ArgumentMatcher {
  const matcher = compileTextTest(test, patterns);
  if (!isAboutPlaces(test)) {
    return (text, read) => {
      const found = matcher(text);
      const resolved = read(text).resolved();
      return resolved === text || (resolved !== undefined && matcher(resolved) === found) ? found : UNKNOWN;
    };
  }
  const exact = new Set(test.in);
  const hasUnescaped = [...test.in, ...test.glob].some((text) => NEEDS_ESCAPE.test(text));
  const spellings = spellingsOf(test);
  const isRooted = [...test.in, ...test.glob].every((text) => text.startsWith("/")) && test.pattern.every(beginsAtRoot);
  return (text, read) => {
    if (exact.has(text)) return YES;
    const reading = read(text);
    if (matcher(text) === YES && !(hasUnescaped && ESCAPE.test(text)) && reading.isPlain()) return YES;
    const forms = reading.forms();
    if (forms === undefined) return isRooted && WEB_ALONE.test(text) ? NO : UNKNOWN;
    return forms.some((form) => spellings.some((spell) => matcher(spell(form)) !== NO)) ? UNKNOWN : NO;
  };
}

/** Without branches, that all which it takes does. */
function beginsAtRoot(pattern: string): boolean {
  return /^\^\/(?![?*{])/.test(pattern) && !pattern.includes("|");
}

/** Forms are with slashes and without a scheme's own port; a test may be written the other way. */
function spellingsOf({ in: texts, glob, pattern }: TextTest): readonly ((form: string) => string)[] {
  const written = [...texts, ...glob, ...pattern];
  const spellings = [(form: string) => form];
  if (written.some((text) => text.includes("\\"))) spellings.push((form) => form.replaceAll("/", "\\"));
  if (written.some((text) => /:(?:80|443)/.test(text))) spellings.push(withOwnPort);
  return spellings;
}

/** In a pattern a backslash is an escape. */
export function isAboutPlaces(test: TextTest): boolean {
  return (
    [...test.in, ...test.glob].some((text) => SEPARATOR.test(text)) || test.pattern.some((one) => one.includes("/"))
  );
}
