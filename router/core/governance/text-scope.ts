import type { GovernanceRule, TextFact } from "./governance-policy.ts";
import { compileTextTest } from "./text-test.ts";
import { NO } from "./truth.ts";

/** Whether a rule may match where this fact is this text, as far as its conditions on the fact say. */
export function mayConcern({ when }: GovernanceRule, fact: TextFact, text: string): boolean {
  return when.every(
    (condition) =>
      condition.kind !== "text" || condition.fact !== fact || compileTextTest(condition.test, new Map())(text) !== NO,
  );
}
