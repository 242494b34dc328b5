import type { Result } from "../base/result.ts";
import { builtInPatterns } from "./built-in-patterns.ts";
import type { Guardrail, GuardrailCheck } from "./guardrail-rule.ts";
import { PatternSearch } from "./pattern-search.ts";

/** What a guardrail of patterns searches for. Its own patterns are called `pattern_1`, `pattern_2` ... as they stand in it. */
export function railSearch(
  { builtIn, patterns }: Extract<GuardrailCheck, { kind: "patterns" }>,
  action: Guardrail["action"],
): Result<PatternSearch, string> {
  const own = patterns.map((pattern, index) => ({ name: `pattern_${index + 1}`, pattern }));
  // What is to be masked must be held from its first character on.
  return PatternSearch.compile([...builtInPatterns(builtIn), ...own], action === "block");
}
