import assert from "node:assert/strict";
import type { GovernancePolicyDocument } from "../../../../router/core/governance/governance-policy.ts";
import { parseGovernancePolicy } from "../../../../router/core/governance/parse-governance-policy.ts";

/** The head of a document, seven lines: what follows is the spec's. */
const HEAD = `apiVersion: sluice.dev/v1alpha1
kind: GovernancePolicy
metadata: { name: p }
spec:
  version: 1
  issuedAt: "2026-11-20T00:00:00Z"
  expiresAt: "2027-02-20T00:00:00Z"
  audience: { namespaces: [n], agents: [a] }
`;

export function governanceText(spec: string): string {
  return HEAD + spec;
}

export function governanceDocument(spec: string): GovernancePolicyDocument {
  const parsed = parseGovernancePolicy("f", governanceText(spec));
  assert.ok(parsed.ok, parsed.ok ? "" : JSON.stringify(parsed.problem));
  return parsed.value;
}
