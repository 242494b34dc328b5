import { quoted } from "../document/quoted.ts";
import { isAlways } from "./condition-cover.ts";
import type { GovernanceRule } from "./governance-policy.ts";
import type { Warn } from "./lint-warning.ts";
import { FUNCTION } from "./mcp-server-shape.ts";
import { mayConcern } from "./text-scope.ts";

/** What can be said of a rule that allows without looking at another. */
export function lintRule(rule: GovernanceRule, warn: Warn): void {
  const { id, effect, actions, when, unless, message, line } = rule;
  if (effect !== "allow" && effect !== "rate_limit") return;
  if (effect === "allow" && message !== undefined) {
    warn(line, "unused_message", `The rule ${quoted(id)} refuses nobody, and has a message for who is refused.`);
  }
  const isAll = when.every(isAlways) && unless.length === 0;
  // Which models may be called, the InferencePolicy says as well.
  const wide = actions.filter((action) => action !== "inference");
  if (isAll && wide.length > 0) {
    const instead = wide.includes("egress") ? " (delegate: [egress] leaves that to the EgressPolicy)" : "";
    warn(line, "allows_everything", `The rule ${quoted(id)} allows every ${wide.join(", ")} action${instead}.`);
  }
  const isFunctions = actions.includes("tool") && mayConcern(rule, "server", FUNCTION);
  const isNarrowed = when.some(
    (condition) =>
      condition.kind === "argument" || (condition.kind === "text" && condition.fact === "tool" && !isAlways(condition)),
  );
  if (!isAll && isFunctions && !isNarrowed) {
    const what = 'every tool that the agent runs itself: name them under "tool", or say what "arguments" may be';
    warn(line, "any_function", `The rule ${quoted(id)} allows ${what}.`);
  }
  for (const condition of when) {
    if (condition.kind !== "host") continue;
    const found = condition.patterns.find(({ kind, name }) => kind !== "exact" && !name.includes("."));
    if (found === undefined) continue;
    warn(line, "wide_wildcard", `The rule ${quoted(id)} spans the whole top-level domain ${quoted(found.name)}.`);
  }
}
