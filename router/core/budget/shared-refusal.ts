import { type CallEstimate, leastAmount, leastOutput, outputThatFits } from "./amount.ts";
import { type Exhausted, exhaustedBudget } from "./exhausted.ts";
import type { SharedCount } from "./shared-answer.ts";
import type { SharedRule } from "./shared-key.ts";

/**
 * What refuses a call, of rules and their counts in the same order: the one that does so for the longest. Undefined where
 * none of them does, so that the server has contradicted itself.
 */
export function sharedRefusal(
  rules: readonly SharedRule[],
  counts: readonly SharedCount[],
  call: CallEstimate,
): Exhausted | undefined {
  let kept: Exhausted | undefined;
  for (const [at, { rule }] of rules.entries()) {
    const count = counts[at];
    if (count?.used === undefined) continue;
    const room = rule.limit - (count.used + count.reserved);
    if (outputThatFits(rule.unit, room, call) >= leastOutput(call)) continue;
    const refusal = exhaustedBudget(rule, {
      limit: rule.limit,
      remaining: Math.max(0, room),
      needed: leastAmount(rule.unit, call),
      resetAt: count.resetAt,
    });
    if (kept === undefined || until(refusal) > until(kept)) kept = refusal;
  }
  return kept;
}

function until({ resetAt }: Exhausted): number {
  return resetAt ?? Number.POSITIVE_INFINITY;
}
