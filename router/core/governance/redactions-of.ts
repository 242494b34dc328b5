import type { Action, ActionContext } from "./action.ts";
import type { GovernanceSnapshot } from "./compile-governance-policy.ts";
import type { CompiledRule } from "./compiled-rule.ts";
import { judgedAction, type JudgedAction } from "./judged-action.ts";
import { NO } from "./truth.ts";

/**
 * What of the arguments of a call is shown to nobody, who approves it included: whatever any rule about this tool of this
 * server redacts, also one that does not match the call for another reason, as the arguments themselves. RFC 6901 pointers.
 */
export function redactionsOf(policy: GovernanceSnapshot, action: Action, context: ActionContext): readonly string[] {
  if (policy.state === "missing" || action.kind !== "tool") return [];
  const judged = judgedAction(action, context);
  const rules = policy.candidates(judged).flat();
  const about = rules.filter(({ obligations }) => obligations.redact.length > 0).filter((rule) => names(rule, judged));
  return [
    ...new Set(
      about.toSorted((one, other) => one.order - other.order).flatMap(({ obligations }) => obligations.redact),
    ),
  ];
}

function names({ when, whenTests }: CompiledRule, judged: JudgedAction): boolean {
  return when.every((condition, index) => {
    if (condition.kind !== "text" || (condition.fact !== "server" && condition.fact !== "tool")) return true;
    return whenTests[index]?.(judged) !== NO;
  });
}
