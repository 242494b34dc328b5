import { assertNever } from "../base/assert-never.ts";
import type { EpochMillis } from "../base/quantity.ts";
import type { BudgetRule, BudgetWindow, RateRule } from "../budget/budget-rule.ts";
import { didYouMean } from "../document/did-you-mean.ts";
import { quoted } from "../document/quoted.ts";
import type { Guardrail } from "../guardrail/guardrail-rule.ts";
import type { CompiledInferencePolicy } from "./compile-inference-policy.ts";
import type { ModelRule, ModelTarget } from "./inference-policy.ts";
import { httpOrigin } from "../wire/http-url.ts";

/** One target or rule: where it begins in the file, and what it says in a few words. */
export interface ExplainedRule {
  readonly id: string;
  readonly line: number;
  readonly says: string;
}

export type ModelExplanation =
  | {
      readonly effect: "allow";
      /** The name that budgets, audit and metrics know it by; the request may have used an alias. */
      readonly model: string;
      readonly line: number;
      /** By the ids of their providers, in the order listed. */
      readonly targets: readonly ExplainedRule[];
      readonly budgets: readonly ExplainedRule[];
      readonly rateLimits: readonly ExplainedRule[];
      readonly guardrails: readonly ExplainedRule[];
    }
  | { readonly effect: "deny"; readonly reason: "policy_expired" | "model_not_allowed"; readonly why: string };

/** What becomes of a call that names this model now, short of what budgets have left. */
export function explainModel(policy: CompiledInferencePolicy, name: string, now: EpochMillis): ModelExplanation {
  // Written so that a clock that is not a number denies.
  if (!(now < policy.deniesFrom)) return { effect: "deny", reason: "policy_expired", why: "The policy has expired." };
  const model = policy.model(name);
  if (model === undefined) {
    const names = policy.models.flatMap((rule) => [rule.name, ...rule.aliases]);
    const why = `No model has the name or alias ${quoted(name)}${didYouMean(name, names)}.`;
    return { effect: "deny", reason: "model_not_allowed", why };
  }
  const { budgets, rateLimits, guardrails } = policy.limitsOf(model);
  const explained = <Rule extends { readonly id: string; readonly line: number }>(
    rules: readonly Rule[],
    says: (rule: Rule) => string,
  ): readonly ExplainedRule[] => rules.map((rule) => ({ id: rule.id, line: rule.line, says: says(rule) }));
  return {
    effect: "allow",
    model: model.name,
    line: model.line,
    targets: model.targets.flatMap((target): readonly ExplainedRule[] => {
      const provider = policy.provider(target.provider);
      if (provider === undefined) return [];
      const place = `${provider.api} at ${httpOrigin(provider.endpoint)}${provider.endpoint.path}`;
      return [{ id: provider.id, line: provider.line, says: `${target.model}, ${place}, ${chanceOf(model, target)}` }];
    }),
    budgets: explained(budgets, budgetText),
    rateLimits: explained(rateLimits, rateText),
    guardrails: explained(guardrails, guardrailText),
  };
}

function chanceOf({ targets }: ModelRule, { weight }: ModelTarget): string {
  const total = targets.reduce((sum, target) => sum + target.weight, 0);
  if (weight === 0) return "only when others fail";
  return weight === total ? "first" : `first for ${Number(((100 * weight) / total).toFixed(1))} %`;
}

/** US dollars of billionths of them, as a document writes them. */
function dollars(nano: number): string {
  const digits = String(nano).padStart(10, "0");
  return `${digits.slice(0, -9)}.${digits.slice(-9)}`.replace(/\.?0+$/, "");
}

function budgetText({ unit, limit, window, scope, cut }: BudgetRule): string {
  const amount = unit === "cost" ? `${dollars(limit)} USD` : `${limit} ${unit}`;
  const whose = window.kind === "request" ? "" : scope === "model" ? ", each model apart" : `, of the ${scope}`;
  return `${amount} ${windowText(window)}${whose}${cut ? ", cuts streams" : ""}`;
}

function windowText(window: BudgetWindow): string {
  switch (window.kind) {
    case "request":
      return "a request";
    case "minute":
    case "hour":
    case "day":
    case "month":
      return `a UTC ${window.kind}`;
    case "rolling":
      return `in any ${window.millis / 1000} seconds`;
    default:
      return assertNever(window);
  }
}

function rateText({ unit, limit }: RateRule): string {
  return unit === "concurrent" ? `${limit} calls at the same time` : `${limit} ${unit} in any 60 seconds`;
}

function guardrailText({ on, check, action }: Guardrail): string {
  return `${check.kind}, ${action}s ${on.join(" and ")}`;
}
