import type { DocumentProblem } from "../base/problem.ts";
import type { BudgetRule, BudgetWindow, RateRule } from "../budget/budget-rule.ts";
import { quoted } from "../document/quoted.ts";
import type { InferencePolicyDocument, Located } from "./inference-policy.ts";

/** Warnings: what the policy means without them, its author may not have meant. */
export function lintInferencePolicy(file: string, document: InferencePolicyDocument): readonly DocumentProblem[] {
  const { providers, models, budgets, rateLimits, guardrails } = document;
  const warnings: DocumentProblem[] = [];
  const warn = (line: number, code: string, message: string): void => {
    warnings.push({ file, line, column: line === 0 ? 0 : 1, code, message });
  };
  if (models.length > 0 && budgets.length === 0) {
    warn(0, "no_budget", "There is no budget: what the agent uses is counted, and nothing ends it.");
  }
  const used = new Set(models.flatMap(({ targets }) => targets.map(({ provider }) => provider)));
  for (const { check } of guardrails) if (check.kind === "moderation") used.add(check.provider);
  for (const { id, line } of providers) {
    if (!used.has(id)) warn(line, "unused_provider", `No model and no guardrail names the provider ${quoted(id)}.`);
  }
  const isPriced = models.some(({ price }) => price !== undefined);
  for (const { name, line, context, price } of models) {
    const counted = budgets.some((rule) => rule.unit !== "requests" && (rule.models?.has(name) ?? true));
    if (counted && context === undefined) {
      const message = `The model ${quoted(name)} has no context: what a call may take in is bounded by its length alone.`;
      warn(line, "missing_context", message);
    }
    if (isPriced && price === undefined) {
      warn(line, "missing_price", `The model ${quoted(name)} has no price, and others have: its cost is not known.`);
    }
  }
  const shadowed = [...shadowsAmong(budgets, budgetKey), ...shadowsAmong(rateLimits, rateKey)];
  for (const { rule, by } of shadowed) {
    const message = `${quoted(rule.id)} never counts: ${quoted(by.id)} is as strict or stricter for the same calls.`;
    warn(rule.line, "shadowed_limit", message);
  }
  return warnings.toSorted((one, other) => one.line - other.line);
}

type Limit = (BudgetRule | RateRule) & Located;

interface Shadow {
  readonly rule: Limit;
  readonly by: Limit;
}

/** Rules that another of the same key makes useless; of two that say the same, the later one. */
function shadowsAmong<Rule extends Limit>(rules: readonly Rule[], keyOf: (rule: Rule) => string): readonly Shadow[] {
  return rules.flatMap((rule, at): readonly Shadow[] => {
    const by = rules.find(
      (other, place) =>
        place !== at &&
        keyOf(other) === keyOf(rule) &&
        covers(other.models, rule.models) &&
        (other.limit < rule.limit ||
          (other.limit === rule.limit && (place < at || !covers(rule.models, other.models)))),
    );
    return by === undefined ? [] : [{ rule, by }];
  });
}

type Models = ReadonlySet<string> | undefined;

function covers(one: Models, other: Models): boolean {
  return one === undefined || (other !== undefined && [...other].every((name) => one.has(name)));
}

function budgetKey({ unit, scope, window }: BudgetRule): string {
  return `${unit} ${scope} ${windowKey(window)}`;
}

function windowKey(window: BudgetWindow): string {
  return window.kind === "rolling" ? `rolling ${window.millis}` : window.kind;
}

function rateKey({ unit }: RateRule): string {
  return unit;
}
