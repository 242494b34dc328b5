import { ConditionCover, isAlways } from "./condition-cover.ts";
import { factOf } from "./facts.ts";
import type { Condition, Effect, GovernanceRule } from "./governance-policy.ts";
import { asksNothing } from "./obligations.ts";

export interface ShadowedRule {
  readonly rule: GovernanceRule;
  readonly by: GovernanceRule;
}

/** Pairs of rules that are compared at most: a second or so. */
const MAXIMUM_PAIRS = 5_000_000;

const RANK: Readonly<Record<Effect, number>> = { deny: 0, require_approval: 1, rate_limit: 2, allow: 3 };

/**
 * Rules that have no effect, since another one always wins: a stronger one with the same or wider conditions, or one of
 * the same effect before it. Undefined: there are too many to be compared.
 */
export function shadowedRules(rules: readonly GovernanceRule[]): readonly ShadowedRule[] | undefined {
  const cover = new ConditionCover();
  const index = new RuleIndex(rules);
  const found: ShadowedRule[] = [];
  let pairs = 0;
  for (const [order, rule] of rules.entries()) {
    let by: GovernanceRule | undefined;
    for (const other of index.candidates(rule)) {
      pairs += 1;
      if (pairs > MAXIMUM_PAIRS) return undefined;
      const isStronger = RANK[other.rule.effect] < RANK[rule.effect];
      const isEarlier = other.rule.effect === rule.effect && other.order < order;
      if (!(isStronger || isEarlier) || !isSilenced(rule, other.rule) || !isWider(cover, other.rule, rule)) continue;
      by = other.rule;
      break;
    }
    if (by !== undefined) found.push({ rule, by });
  }
  return found;
}

/** Limits and obligations count beside those of other rules, and only a denial leaves nothing of them. */
function isSilenced({ effect, obligations }: GovernanceRule, by: GovernanceRule): boolean {
  return by.effect === "deny" || (effect !== "rate_limit" && asksNothing(obligations));
}

function isWider(cover: ConditionCover, wide: GovernanceRule, narrow: GovernanceRule): boolean {
  if (!narrow.actions.every((action) => wide.actions.includes(action))) return false;
  const refuses = wide.effect === "deny" || wide.effect === "require_approval";
  const when = refuses ? wide.when.filter((condition) => !isAlways(condition)) : wide.when;
  if (!cover.covers(when, narrow.when)) return false;
  // The same exceptions, or narrower ones.
  return wide.unless.length === 0 || (narrow.unless.length > 0 && cover.covers(narrow.unless, wide.unless));
}

interface Placed {
  readonly rule: GovernanceRule;
  readonly order: number;
}

/** Rules by a text that they ask for, so that ten thousand rules with a name each are not compared with one another. */
class RuleIndex {
  readonly #byText = new Map<string, Placed[]>();
  readonly #others: Placed[] = [];

  constructor(rules: readonly GovernanceRule[]) {
    for (const [order, rule] of rules.entries()) {
      const placed = { rule, order };
      const named = rule.when.find(isOfNames);
      if (named?.kind !== "text") {
        this.#others.push(placed);
        continue;
      }
      for (const text of named.test.in) {
        const key = `${factOf(named)} ${text}`;
        const list = this.#byText.get(key);
        if (list === undefined) this.#byText.set(key, [placed]);
        else list.push(placed);
      }
    }
  }

  /** All that may be as wide; a rule that asks for a text of a set is none for one that has other texts. */
  *candidates({ when }: GovernanceRule): Generator<Placed> {
    yield* this.#others;
    for (const condition of when) {
      const [first] = condition.kind === "text" ? condition.test.in : [];
      if (first !== undefined) yield* this.#byText.get(`${factOf(condition)} ${first}`) ?? [];
    }
  }
}

function isOfNames(condition: Condition): boolean {
  return condition.kind === "text" && condition.test.glob.length === 0 && condition.test.pattern.length === 0;
}
