import type { GovernanceRule } from "./governance-policy.ts";
import { type CompiledCondition, compileCondition } from "./conditions.ts";
import type { JudgedAction } from "./judged-action.ts";
import { asksNothing } from "./obligations.ts";
import type { PatternCache } from "./text-test.ts";
import { and, NO, not, type Truth, YES } from "./truth.ts";
import type { AppliedLimit } from "./verdict.ts";

export interface CompiledRule extends GovernanceRule {
  /** The rule's place in the document, from 0: of several of one effect that match, the first counts. */
  readonly order: number;
  readonly whenTests: readonly CompiledCondition[];
  readonly unlessTests: readonly CompiledCondition[];
  /** Of a rate_limit rule. */
  readonly applied: AppliedLimit | undefined;
  /** Where it matches, its limit or its obligations count beside those of others. */
  readonly contributes: boolean;
}

/** `rule` is frozen and nobody else's. Throws where the parser should have refused. */
export function compileRule(rule: GovernanceRule, order: number, patterns: PatternCache): CompiledRule {
  const { effect, limit } = rule;
  if ((effect === "rate_limit") !== (limit !== undefined)) throw new Error(`rule ${rule.id}: its limit came unchecked`);
  const applied = limit === undefined ? undefined : Object.freeze({ ...limit, id: rule.id });
  return Object.freeze({
    ...rule,
    order,
    whenTests: Object.freeze(rule.when.map((condition) => compileCondition(condition, patterns))),
    unlessTests: Object.freeze(rule.unless.map((condition) => compileCondition(condition, patterns))),
    applied,
    contributes: effect !== "deny" && (applied !== undefined || !asksNothing(rule.obligations)),
  });
}

/** All of `when`, and not all of `unless`. */
export function ruleTruth(rule: CompiledRule, judged: JudgedAction): Truth {
  const truth = allOf(rule.whenTests, judged);
  if (truth === NO || rule.unlessTests.length === 0) return truth;
  return and(truth, not(allOf(rule.unlessTests, judged)));
}

function allOf(tests: readonly CompiledCondition[], judged: JudgedAction): Truth {
  let all = YES;
  for (const test of tests) {
    const truth = test(judged);
    if (truth === NO) return NO;
    all = and(all, truth);
  }
  return all;
}
