import type { TextTest } from "./governance-policy.ts";
import type { TextReading } from "./text-reading.ts";
import { compileTextTest, type PatternCache } from "./text-test.ts";
import { NO, type Truth, UNKNOWN, YES } from "./truth.ts";

/** `read` is `readText`, perhaps with a memory. */
export type ArgumentMatcher = (text: string, read: (text: string) => TextReading) => Truth;

const SEPARATOR = /[/\\]/;
/** What an address has to escape. */
const NEEDS_ESCAPE = /[^!-~]/;
const ESCAPE = /%[0-9a-f]{2}/i;

/**
 * For a text of which nobody here knows whether it is a path, an address or neither. A test with a slash in it is about
 * places: a text that leads elsewhere for who resolves it, or could be written otherwise, is unknown to it, so that it
 * neither gets leave nor gets around a deny rule; letter by letter (`in`) it is what the author wrote. Any other test is
 * asked about the text as written and as resolved, and where the answers differ it is unknown.
 */
export function compileArgumentText(test: TextTest, patterns: PatternCache): ArgumentMatcher {
  const matcher = compileTextTest(test, patterns);
  if (!isAboutPlaces(test)) {
    return (text, read) => {
      const found = matcher(text);
      const { resolved } = read(text);
      return resolved === text || matcher(resolved) === found ? found : UNKNOWN;
    };
  }
  const exact = new Set(test.in);
  const hasUnescaped = [...test.in, ...test.glob].some((text) => NEEDS_ESCAPE.test(text));
  return (text, read) => {
    if (exact.has(text)) return YES;
    if (!read(text).isPlain || (hasUnescaped && ESCAPE.test(text))) return UNKNOWN;
    const found = matcher(text);
    // A slash at the end hides no place.
    return found === NO && text.endsWith("/") && matcher(text.slice(0, -1)) !== NO ? UNKNOWN : found;
  };
}

/** In a pattern a backslash is an escape. */
export function isAboutPlaces(test: TextTest): boolean {
  return (
    [...test.in, ...test.glob].some((text) => SEPARATOR.test(text)) || test.pattern.some((one) => one.includes("/"))
  );
}
