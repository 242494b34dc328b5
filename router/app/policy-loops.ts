import type { CompiledGovernancePolicy } from "../core/governance/compile-governance-policy.ts";
import type { GovernancePolicyDocument } from "../core/governance/governance-policy.ts";
import type { CompiledInferencePolicy } from "../core/models/compile-inference-policy.ts";
import type { InferencePolicyDocument } from "../core/models/inference-policy.ts";
import type { EgressPolicyDocument } from "../core/policy/egress-policy.ts";
import type { CompiledPolicy } from "../core/policy/snapshot.ts";
import type { PolicyLoop } from "./policy-loop.ts";

/** The side loops of the sidecar. */
export type EgressLoop = PolicyLoop<EgressPolicyDocument, CompiledPolicy>;
export type InferenceLoop = PolicyLoop<InferencePolicyDocument, CompiledInferencePolicy>;
export type GovernanceLoop = PolicyLoop<GovernancePolicyDocument, CompiledGovernancePolicy>;
export type AnyPolicyLoop = EgressLoop | InferenceLoop | GovernanceLoop;
