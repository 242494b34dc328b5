import { assertNever } from "../../core/base/assert-never.ts";
import type { Condition } from "../../edge/admin/admin-routes.ts";
import type { FeedStatus } from "./feed-status.ts";

/**
 * Degraded at worst. A list takes away from what a signed policy allows: while it is missing, that policy stands as it
 * was reviewed. Were everything denied instead, whoever can keep a feed from loading could stop every pod.
 */
export function blocklistsCondition(feeds: readonly FeedStatus[]): Condition {
  const reasons = feeds.flatMap(({ name, state, problem = "", copyProblem, entries, ageSeconds }) => {
    const copy = copyProblem === undefined ? [] : [`${name} is not kept on the disk: ${copyProblem}`];
    switch (state) {
      case "current":
        return copy;
      case "missing":
        return [`${name} WAS NEVER LOADED and blocks nothing: ${problem}`, ...copy];
      case "failing":
        return [`${name}: ${entries} entries stand, last confirmed ${ageText(ageSeconds)} ago: ${problem}`, ...copy];
      default:
        return assertNever(state);
    }
  });
  return { name: "blocklists", state: reasons.length === 0 ? "ok" : "degraded", reason: reasons.join(" ") };
}

function ageText(seconds: number): string {
  if (seconds < 120) return `${seconds} s`;
  return seconds < 7_200 ? `${Math.floor(seconds / 60)} min` : `${Math.floor(seconds / 3_600)} h`;
}
