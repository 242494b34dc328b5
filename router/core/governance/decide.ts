import { assertNever } from "../base/assert-never.ts";
import type { Action, ActionContext } from "./action.ts";
import type { CompiledGovernancePolicy, GovernanceSnapshot } from "./compile-governance-policy.ts";
import { type CompiledRule, ruleTruth } from "./compiled-rule.ts";
import { judgedAction, type JudgedAction } from "./judged-action.ts";
import type { Obligations } from "./governance-policy.ts";
import { mergedObligations, NO_OBLIGATIONS } from "./obligations.ts";
import { isOpen, NO, YES } from "./truth.ts";
import type { AppliedLimit, Verdict } from "./verdict.ts";

/**
 * What the policy says of one action. Missing or expired: deny. Then deny over require_approval over rate_limit over
 * allow; where nothing matches, the kind's own policy (`delegate`) or deny. A rule matches an action of which a fact is
 * missing where that refuses, and not where that allows; while a tool's arguments are pending, what they might allow is
 * allowed, and only what they cannot avoid is refused. Of several rules of one effect the first in the document is named.
 * Synchronous and pure; throws never.
 */
export function decide(snapshot: GovernanceSnapshot, action: Action, context: ActionContext): Verdict {
  if (snapshot.state === "missing") return refused("policy_missing", undefined, snapshot);
  // Written so that a clock that is not a number denies.
  if (!(context.now < snapshot.deniesFrom)) return refused("policy_expired", undefined, snapshot);
  const judged = judgedAction(action, context);
  return verdictBy(snapshot, judged, snapshot.candidates(judged));
}

/** `lists` hold every rule that might match, each at least once. */
export function verdictBy(
  policy: CompiledGovernancePolicy,
  judged: JudgedAction,
  lists: readonly (readonly CompiledRule[])[],
): Verdict {
  const found = matching(lists, judged);
  const allowing = found.rated ?? found.allow;
  // Where nothing allows it, calls with some arguments can at least be asked for.
  const approval = found.approval ?? (allowing === undefined ? found.openApproval : undefined);
  const isUnlisted = allowing === undefined && !policy.delegates(judged.action.kind);
  const refusing = found.deny ?? approval;
  if (refusing === undefined && !isUnlisted) return allowed(policy, judged, found, allowing?.id, undefined);

  const effect = found.deny === undefined && approval !== undefined ? "require_approval" : "deny";
  if (policy.observesUntil !== undefined && judged.context.now < policy.observesUntil) {
    return allowed(policy, judged, found, undefined, { effect, rule: refusing?.id });
  }
  if (effect === "deny" || refusing === undefined) {
    const limits = found.deny === undefined ? termsOf(policy, judged, found).limits : [];
    return refused("governance_denied", found.deny, policy, limits);
  }
  return {
    effect: "require_approval",
    rule: refusing.id,
    ...termsOf(policy, judged, found),
    policy: policy.identity,
    message: refusing.message,
  };
}

/** The first rules of each effect that match, in document order. */
interface Matching {
  deny: CompiledRule | undefined;
  approval: CompiledRule | undefined;
  /** Some arguments would match it, and some would not. */
  openApproval: CompiledRule | undefined;
  rated: CompiledRule | undefined;
  allow: CompiledRule | undefined;
  /** In any order, perhaps more than once: those whose limits and obligations count. */
  contributing: CompiledRule[] | undefined;
}

function matching(lists: readonly (readonly CompiledRule[])[], judged: JudgedAction): Matching {
  const found: Matching = {
    deny: undefined,
    approval: undefined,
    openApproval: undefined,
    rated: undefined,
    allow: undefined,
    contributing: undefined,
  };
  for (const list of lists) {
    for (const rule of list) {
      const truth = ruleTruth(rule, judged);
      if (truth === NO) continue;
      const cannotFail = (truth & NO) === 0;
      const canHold = (truth & YES) !== 0;
      switch (rule.effect) {
        case "deny":
          if (cannotFail) found.deny = first(found.deny, rule);
          break;
        case "require_approval":
          if (cannotFail) found.approval = first(found.approval, rule);
          else found.openApproval = first(found.openApproval, rule);
          break;
        case "rate_limit":
          if (canHold) found.rated = first(found.rated, rule);
          break;
        case "allow":
          if (!canHold) continue;
          found.allow = first(found.allow, rule);
          break;
        default:
          assertNever(rule.effect);
      }
      if (rule.contributes) (found.contributing ??= []).push(rule);
    }
  }
  return found;
}

function first(one: CompiledRule | undefined, other: CompiledRule): CompiledRule {
  return one === undefined || other.order < one.order ? other : one;
}

function allowed(
  policy: CompiledGovernancePolicy,
  judged: JudgedAction,
  found: Matching,
  rule: string | undefined,
  observed: Extract<Verdict, { effect: "allow" }>["observed"],
): Verdict {
  return { effect: "allow", rule, ...termsOf(policy, judged, found), policy: policy.identity, observed };
}

/** The policy's own limits before those of rules. */
function termsOf(
  policy: CompiledGovernancePolicy,
  judged: JudgedAction,
  { contributing }: Matching,
): { readonly limits: readonly AppliedLimit[]; readonly obligations: Obligations } {
  const own = policy.limitsOf(judged.action.kind);
  if (contributing === undefined) return { limits: own, obligations: NO_OBLIGATIONS };
  const rules = [...new Set(contributing)].toSorted((one, other) => one.order - other.order);
  const added = rules.map(({ applied }) => applied).filter((limit) => limit !== undefined);
  return {
    limits: added.length === 0 ? own : [...own, ...added],
    obligations: mergedObligations(rules.map(({ obligations }) => obligations)),
  };
}

function refused(
  reason: "governance_denied" | "policy_missing" | "policy_expired",
  rule: CompiledRule | undefined,
  { identity }: GovernanceSnapshot,
  limits: readonly AppliedLimit[] = [],
): Verdict {
  return { effect: "deny", reason, rule: rule?.id, limits, policy: identity, message: rule?.message };
}

/**
 * Whether the arguments of a call, which are pending, could change anything of the verdict but which rule refuses: what
 * need not be seen need not be held back.
 */
export function mustSeeArguments(snapshot: GovernanceSnapshot, action: Action, context: ActionContext): boolean {
  if (action.kind !== "tool" || action.arguments.state !== "pending" || snapshot.state === "missing") return false;
  const verdict = decide(snapshot, action, context);
  // No arguments get around what refuses already.
  if (verdict.effect === "deny" && (verdict.rule !== undefined || verdict.reason !== "governance_denied")) return false;
  const judged = judgedAction(action, context);
  return snapshot.candidates(judged).some((list) => list.some((rule) => isOpen(ruleTruth(rule, judged))));
}
