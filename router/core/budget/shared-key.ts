import type { BudgetRule } from "./budget-rule.ts";
import { windowText } from "./counter-key.ts";

/** Who the pod is, by its own configuration: nothing of a request is ever part of a key. */
export interface SharedIdentity {
  readonly namespace: string;
  readonly agent: string;
}

/** A budget that several pods count together, and its counter's key. */
export interface SharedRule {
  readonly rule: BudgetRule;
  readonly key: string;
}

/** Whether a rule is counted by several pods together. A budget of one call counts nothing, whatever its scope. */
export function isShared({ scope, window }: Pick<BudgetRule, "scope" | "window">): boolean {
  return (scope === "agent" || scope === "namespace") && window.kind !== "request";
}

/**
 * `sluice:{<namespace>}:1:agent:<agent>:<id>:<unit>:<window>`, or `...:1:namespace:<id>:<unit>:<window>`. The braces are a
 * hash tag: in a cluster all keys of a namespace are in one slot, so that one script may touch them. Pods whose rules
 * have the same key count together, whatever their limits. The 1 is the version of what the key holds.
 */
export function sharedKey(
  { namespace, agent }: SharedIdentity,
  { id, unit, window, scope }: Pick<BudgetRule, "id" | "unit" | "window" | "scope">,
): string {
  const whose = scope === "agent" ? `agent:${escaped(agent)}` : "namespace";
  return `${prefix(namespace)}${whose}:${escaped(id)}:${unit}:${escaped(windowText(window))}`;
}

/** What is written to find out whether the server can be written to. */
export function aliveKey({ namespace }: SharedIdentity): string {
  return `${prefix(namespace)}alive`;
}

function prefix(namespace: string): string {
  // Of an empty tag the cluster takes no notice; no other name is written as a tilde alone.
  return `sluice:{${namespace === "" ? "~" : escaped(namespace)}}:1:`;
}

/** Different texts stay different: whatever could end a part of a key, or a tag, becomes `~` and its code unit. */
function escaped(part: string): string {
  return part.replaceAll(/[^A-Za-z0-9_.-]/g, (unit) => `~${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
