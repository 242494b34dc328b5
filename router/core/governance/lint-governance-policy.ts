import type { DocumentProblem } from "../base/problem.ts";
import { quoted } from "../document/quoted.ts";
import { riskyPrograms } from "./allowed-programs.ts";
import type { GovernancePolicyDocument } from "./governance-policy.ts";
import { lintPeers, lintServers } from "./lint-neighbours.ts";
import { lintRule } from "./lint-rule.ts";
import type { Warn } from "./lint-warning.ts";
import { shadowedRules } from "./shadowed-rules.ts";

/** Warnings: what the policy means without them, its author may not have meant. Ordered by line. */
export function lintGovernancePolicy(file: string, document: GovernancePolicyDocument): readonly DocumentProblem[] {
  const { rules } = document;
  const warnings: DocumentProblem[] = [];
  const warn: Warn = (line, code, message) => {
    warnings.push({ file, line, column: line === 0 ? 0 : 1, code, message });
  };
  lintWhole(document, warn);
  lintServers(document, warn);
  lintPeers(document, warn);
  for (const rule of rules) lintRule(rule, warn);
  for (const { rule, program, kind } of riskyPrograms(rules)) {
    const why = kind === "shell" ? "a shell is all commands" : "it runs whatever it is given";
    warn(rule.line, `${kind}_allowed`, `The rule ${quoted(rule.id)} lets ${quoted(program)} be run: ${why}.`);
  }
  const shadowed = shadowedRules(rules);
  if (shadowed === undefined) {
    warn(0, "lint_incomplete", "There are too many rules to be compared with one another: some may never count.");
  }
  for (const { rule, by } of shadowed ?? []) {
    const message = `The rule ${quoted(rule.id)} never counts: ${quoted(by.id)} wins wherever it would match.`;
    warn(rule.line, "unreachable_rule", message);
  }
  return warnings.toSorted((one, other) => one.line - other.line);
}

function lintWhole({ rules, mode, delegate, behavior, trust, requests }: GovernancePolicyDocument, warn: Warn): void {
  if (mode === "observe") {
    warn(0, "observing", "In observe mode what the rules refuse is allowed: it is recorded, and not enforced.");
  }
  if (delegate.size === 0 && !rules.some(({ effect }) => effect === "allow" || effect === "rate_limit")) {
    warn(0, "nothing_allowed", "No rule allows and nothing is delegated: without an approval everything is denied.");
  }
  if (requests.pending === 0 && rules.some(({ effect }) => effect === "require_approval")) {
    warn(0, "approvals_off", "Rules require approvals, and requests.pending is 0: none can be asked for.");
  }
  for (const { id, watch, response } of behavior) {
    if (watch.kind !== "off_hours" || response.kind !== "quarantine") continue;
    const message = `The detector ${quoted(id)} quarantines for one action off hours, until an operator lifts it.`;
    warn(0, "quarantine_off_hours", message);
  }
  const { initial, reward, penalty } = trust.rates;
  if (initial > 500) {
    warn(0, "trust_given_away", `trust.rates.initial is ${initial}: a peer is trusted before it has done anything.`);
  }
  if (penalty === 0 && reward > 0) {
    warn(0, "trust_only_rises", "trust.rates.penalty is 0: whatever a peer does, its score does not fall.");
  }
}
