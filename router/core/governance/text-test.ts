import type { TextTest } from "./governance-policy.ts";
import { textGlob } from "./text-glob.ts";
import { parseTextPattern, type TextMatcher } from "./text-pattern.ts";
import { NO, UNKNOWN, YES } from "./truth.ts";

/** Patterns of one policy by their source: rules that share one share its machine. */
export type PatternCache = Map<string, TextMatcher>;

/** Throws where the document's parser should have refused: a pattern it did not check. */
export function compileTextTest(test: TextTest, patterns: PatternCache): TextMatcher {
  const exact = new Set(test.in);
  const matchers = [...test.glob.map(textGlob), ...test.pattern.map((source) => patternOf(source, patterns))];
  if (matchers.length === 0) return (text) => (exact.has(text) ? YES : NO);
  return (text) => {
    if (exact.has(text)) return YES;
    let found = NO;
    for (const matcher of matchers) {
      const truth = matcher(text);
      if (truth === YES) return YES;
      if (truth !== NO) found = UNKNOWN;
    }
    return found;
  };
}

function patternOf(source: string, patterns: PatternCache): TextMatcher {
  const known = patterns.get(source);
  if (known !== undefined) return known;
  const parsed = parseTextPattern(source);
  if (!parsed.ok) throw new Error(`a pattern came unchecked: ${parsed.problem}`);
  patterns.set(source, parsed.value);
  return parsed.value;
}
