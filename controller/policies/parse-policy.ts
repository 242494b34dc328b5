import type { DocumentProblem } from "../../router/core/base/problem.ts";
import type { EpochMillis } from "../../router/core/base/quantity.ts";
import type { Result } from "../../router/core/base/result.ts";
import { parseGovernancePolicy } from "../../router/core/governance/parse-governance-policy.ts";
import { parseInferencePolicy } from "../../router/core/models/parse-inference-policy.ts";
import { parseEgressPolicy } from "../../router/core/policy/parse-egress-policy.ts";

export const POLICY_KINDS = ["EgressPolicy", "InferencePolicy", "GovernancePolicy"] as const;
export type PolicyKind = (typeof POLICY_KINDS)[number];

/** What all three kinds say of themselves. */
export interface PolicyHead {
  readonly name: string;
  readonly version: number;
  readonly issuedAt: EpochMillis;
  readonly expiresAt: EpochMillis;
}

export function isPolicyKind(kind: unknown): kind is PolicyKind {
  return POLICY_KINDS.some((known) => known === kind);
}

/** Reads a policy as the sidecar does: the same parsers, every problem at once. */
export function parsePolicy(
  kind: PolicyKind,
  file: string,
  text: string,
): Result<PolicyHead, readonly DocumentProblem[]> {
  switch (kind) {
    case "EgressPolicy":
      return parseEgressPolicy(file, text);
    case "InferencePolicy":
      return parseInferencePolicy(file, text);
    case "GovernancePolicy":
      return parseGovernancePolicy(file, text);
    default:
      return kind satisfies never;
  }
}
