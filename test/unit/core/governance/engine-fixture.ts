import { epochMillis, millis } from "../../../../router/core/base/quantity.ts";
import type { Action, ActionContext } from "../../../../router/core/governance/action.ts";
import { parseGovernanceCases } from "../../../../router/core/governance/governance-cases.ts";
import {
  type CompiledGovernancePolicy,
  compileGovernancePolicy,
} from "../../../../router/core/governance/compile-governance-policy.ts";
import { decide } from "../../../../router/core/governance/decide.ts";
import type { GovernancePolicyDocument } from "../../../../router/core/governance/governance-policy.ts";
import { parseGovernancePolicy } from "../../../../router/core/governance/parse-governance-policy.ts";
import type { Verdict } from "../../../../router/core/governance/verdict.ts";

/** Policies and actions in the spelling of their files. Nothing here is lenient: what does not parse throws. */
export const DIGEST = `sha256:${"ab".repeat(32)}`;
/** A Tuesday. */
export const NOON = epochMillis(Date.UTC(2026, 11, 1, 12));

const HEAD = `apiVersion: sluice.dev/v1alpha1
kind: GovernancePolicy
metadata: { name: research }
spec:
  version: 7
  issuedAt: "2026-11-20T00:00:00Z"
  expiresAt: "2027-01-20T00:00:00Z"
  audience: { namespaces: ["*"], agents: ["*"] }
  mcp:
    - { id: github, url: "https://mcp.github.example/mcp" }
    - { id: files, url: "https://files.example/mcp" }
  trust:
    peers:
      - id: billing
        keys: [{ kid: k, algorithm: EdDSA, spki: MCowBQYDK2VwAyEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= }]
        endpoints: ["billing.example:443"]
    graph: [{ from: self, to: billing }]
`;

/** `rules`: flow maps, one a line. `more`: further keys of the spec. */
export function governanceDocument(rules: readonly string[], more = ""): GovernancePolicyDocument {
  const list =
    rules.length === 0 ? "  rules: []\n" : `  rules:\n${rules.map((rule) => `    - { ${rule} }\n`).join("")}`;
  const parsed = parseGovernancePolicy("policy.yaml", `${HEAD}${list}${more === "" ? "" : `  ${more}\n`}`);
  if (!parsed.ok) throw new Error(parsed.problem.map(({ line, message }) => `${line}: ${message}`).join("\n"));
  return parsed.value;
}

export function governance(rules: readonly string[], more = ""): CompiledGovernancePolicy {
  return compileGovernancePolicy(governanceDocument(rules, more), DIGEST, millis(0), { signed: true });
}

/** `exec, program: /bin/ls`. */
export function actionOf(text: string): Action {
  const parsed = parseGovernanceCases("cases.yaml", `cases: [{ name: it, expect: deny, action: { kind: ${text} } }]`);
  if (!parsed.ok) throw new Error(parsed.problem.map(({ message }) => message).join("\n"));
  const [found] = parsed.value;
  if (found === undefined) throw new Error("no case");
  return found.action;
}

export function contextOf(more: Partial<ActionContext> = {}): ActionContext {
  return { now: NOON, labels: new Map([["team", "research"]]), scoreOf: () => undefined, ...more };
}

/** `effect rule reason`, then limits in brackets and what is observed. */
export function shown(verdict: Verdict): string {
  const parts = [verdict.effect, verdict.rule ?? "-"];
  if (verdict.effect === "deny") return [...parts, verdict.reason].join(" ");
  if (verdict.limits.length > 0) parts.push(`[${verdict.limits.map(({ id }) => id).join(" ")}]`);
  if (verdict.effect === "allow" && verdict.observed !== undefined) {
    parts.push(`observed ${verdict.observed.effect} ${verdict.observed.rule ?? "-"}`);
  }
  return parts.join(" ");
}

export function verdictOn(
  rules: readonly string[],
  action: string | Action,
  context: Partial<ActionContext> = {},
  more = "",
): string {
  const asked = typeof action === "string" ? actionOf(action) : action;
  return shown(decide(governance(rules, more), asked, contextOf(context)));
}
