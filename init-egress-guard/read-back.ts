import { readRules } from "./apply.ts";
import type { Backend } from "./backend.ts";
import { compare, type Difference } from "./compare.ts";
import type { RuleSet } from "./rule-set.ts";
import type { RunTool } from "./tool.ts";

/** Reads the kernel's rules and names everything in which they are not the plan's. Rules that cannot be read differ. */
export async function readBack(
  run: RunTool,
  backend: Backend,
  ruleSets: readonly RuleSet[],
): Promise<readonly Difference[]> {
  const found: Difference[] = [];
  for (const ruleSet of ruleSets) {
    const saved = await readRules(run, backend, ruleSet.family);
    if (typeof saved === "string") {
      found.push({ family: ruleSet.family, code: "unreadable", place: "all", message: saved });
    } else {
      found.push(...compare(ruleSet, saved));
    }
  }
  return found;
}
