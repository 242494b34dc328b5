import type { Action, ActionContext } from "../router/core/governance/action.ts";
import type { CompiledGovernancePolicy } from "../router/core/governance/compile-governance-policy.ts";
import type { CompiledCondition } from "../router/core/governance/conditions.ts";
import { decide } from "../router/core/governance/decide.ts";
import { factOf, type Fact } from "../router/core/governance/facts.ts";
import type { CompiledRule } from "../router/core/governance/compiled-rule.ts";
import type { Condition } from "../router/core/governance/governance-policy.ts";
import { judgedAction, type JudgedAction } from "../router/core/governance/judged-action.ts";
import { and, NO, not, OPEN, type Truth, YES } from "../router/core/governance/truth.ts";

/** What a policy says of an action: `observed` is what an observing one lets pass. */
export type GovernanceWord = "allow" | "require_approval" | "deny" | "policy_expired" | "observed";

/** A verdict that every value of the facts that are not known leaves as it is, with its rule where that is known too. */
export interface KnownVerdict {
  readonly word: GovernanceWord;
  readonly rule: string | undefined;
}

/**
 * The one verdict that an action gets whatever the `hidden` facts were, which its record does not hold but which were
 * there, or not, when it was judged; undefined where it depends on them.
 */
export function certainVerdict(
  policy: CompiledGovernancePolicy,
  action: Action,
  context: ActionContext,
  hidden: ReadonlySet<Fact>,
): KnownVerdict | undefined {
  const judged = judgedAction(action, context);
  const rules = policy.rulesOf(action.kind);
  const isHidden = (rule: CompiledRule): boolean =>
    [...rule.when, ...rule.unless].some((condition) => hidden.has(factOf(condition)));
  // What the sidecar would say, where no rule asks for what is not known.
  if (!(context.now < policy.deniesFrom) || !rules.some(isHidden)) {
    const verdict = decide(policy, action, context);
    if (verdict.effect === "allow" && verdict.observed !== undefined)
      return { word: "observed", rule: verdict.observed.rule };
    const isExpired = verdict.effect === "deny" && verdict.reason === "policy_expired";
    return { word: isExpired ? "policy_expired" : verdict.effect, rule: verdict.rule };
  }
  const truths = rules.map((rule): readonly [CompiledRule, Truth] => [rule, truthOf(rule, judged, hidden)]);
  const word = wordOf(truths, policy.delegates(action.kind));
  if (word === undefined || word === "allow") return word === undefined ? undefined : { word, rule: undefined };
  const observes = policy.observesUntil !== undefined && context.now < policy.observesUntil;
  return { word: observes ? "observed" : word, rule: undefined };
}

function truthOf(rule: CompiledRule, judged: JudgedAction, hidden: ReadonlySet<Fact>): Truth {
  const truth = allOf(rule.when, rule.whenTests, judged, hidden);
  return rule.unless.length === 0 ? truth : and(truth, not(allOf(rule.unless, rule.unlessTests, judged, hidden)));
}

function allOf(
  conditions: readonly Condition[],
  tests: readonly CompiledCondition[],
  judged: JudgedAction,
  hidden: ReadonlySet<Fact>,
): Truth {
  return conditions.reduce<Truth>((all, condition, at) => {
    const truth = hidden.has(factOf(condition)) ? OPEN : (tests[at]?.(judged) ?? NO);
    return and(all, truth);
  }, YES);
}

/** In the order of `decide`: what is certain ends the question, what is only possible leaves it open. */
function wordOf(
  truths: readonly (readonly [CompiledRule, Truth])[],
  delegated: boolean,
): "allow" | "deny" | "require_approval" | undefined {
  const certain = { deny: false, require_approval: false, allow: false };
  const possible = { deny: false, require_approval: false, allow: false };
  for (const [{ effect }, truth] of truths) {
    const refuses = effect === "deny" || effect === "require_approval";
    const word = refuses ? effect : "allow";
    // An unknown fact refuses, and allows nothing.
    certain[word] ||= refuses ? (truth & NO) === 0 : truth === YES;
    possible[word] ||= refuses ? truth !== NO : (truth & YES) !== 0;
  }
  if (certain.deny) return "deny";
  if (possible.deny) return possible.allow || delegated || possible.require_approval ? undefined : "deny";
  if (certain.require_approval) return "require_approval";
  if (possible.require_approval) return undefined;
  if (certain.allow || delegated) return "allow";
  return possible.allow ? undefined : "deny";
}
