import type { DocumentProblem } from "../core/base/problem.ts";
import type { EpochMillis, Millis } from "../core/base/quantity.ts";
import { fail, type Result } from "../core/base/result.ts";
import {
  compileGovernancePolicy,
  type CompiledGovernancePolicy,
  NO_GOVERNANCE,
} from "../core/governance/compile-governance-policy.ts";
import type { GovernancePolicyDocument } from "../core/governance/governance-policy.ts";
import { parseGovernancePolicy } from "../core/governance/parse-governance-policy.ts";
import {
  compileInferencePolicy,
  type CompiledInferencePolicy,
  NO_MODELS,
} from "../core/models/compile-inference-policy.ts";
import type { InferencePolicyDocument } from "../core/models/inference-policy.ts";
import { parseInferencePolicy } from "../core/models/parse-inference-policy.ts";
import { compilePolicy } from "../core/policy/compile.ts";
import type { EgressPolicyDocument } from "../core/policy/egress-policy.ts";
import { parseEgressPolicy } from "../core/policy/parse-egress-policy.ts";
import type { PolicyIdentity } from "../core/policy/permit.ts";
import { type CompiledPolicy, DENY_ALL } from "../core/policy/snapshot.ts";

/** What every kind of policy says of itself. */
export interface DatedDocument {
  readonly name: string;
  readonly version: number;
  readonly issuedAt: EpochMillis;
  readonly expiresAt: EpochMillis;
  readonly audience: { readonly namespaces: readonly string[]; readonly agents: readonly string[] };
}

export interface Loaded {
  readonly state: "loaded";
  readonly identity: PolicyIdentity;
  readonly issuedAt: EpochMillis;
  readonly expiresAt: EpochMillis;
  readonly deniesFrom: EpochMillis;
}

export interface Missing {
  readonly state: "missing";
  readonly identity: undefined;
}

export type PolicyKindName = "EgressPolicy" | "InferencePolicy" | "GovernancePolicy";

/** One kind of document that the side loop turns into a snapshot. */
export interface PolicyKind<Document extends DatedDocument, Snapshot extends Loaded> {
  readonly kind: PolicyKindName;
  /** A directory without one is in order. */
  readonly optional: boolean;
  readonly missing: Missing;
  /** Whether a file of the directory is this kind's to judge. Each file is exactly one kind's, and its parser has the last word. */
  claims(bytes: Uint8Array): boolean;
  parse(file: string, text: string): Result<Document, readonly DocumentProblem[]>;
  /** `signed`: it was accepted by signatures, not because none was asked for. */
  compile(document: Document, digest: string, expiryGrace: Millis, signed: boolean): Snapshot;
}

export const egressKind: PolicyKind<EgressPolicyDocument, CompiledPolicy> = {
  kind: "EgressPolicy",
  optional: false,
  missing: DENY_ALL,
  // What no other kind claims, so that no file is passed over in silence.
  claims: (bytes) => kindOf(bytes) === undefined,
  parse: parseEgressPolicy,
  compile: compilePolicy,
};

/** `hasSharedLedger`: budgets that count several pods together can be counted. */
export function inferenceKind(hasSharedLedger: boolean): PolicyKind<InferencePolicyDocument, CompiledInferencePolicy> {
  return {
    kind: "InferencePolicy",
    optional: true,
    missing: NO_MODELS,
    claims: (bytes) => kindOf(bytes) === "InferencePolicy",
    parse(file, text) {
      const parsed = parseInferencePolicy(file, text);
      if (!parsed.ok || hasSharedLedger) return parsed;
      const problems = parsed.value.budgets
        .filter(({ scope }) => scope === "agent" || scope === "namespace")
        .map(({ id, scope }) => ({
          file,
          line: 0,
          column: 0,
          code: "ledger_missing",
          message: `Budget "${id}" counts the calls of a whole ${scope}: that needs inference.sharedLedger in the router's configuration.`,
        }));
      return problems.length === 0 ? parsed : fail(problems);
    },
    compile: compileInferencePolicy,
  };
}

/** `required`: a directory without one is not in order, for that is said or this pod has followed one. */
export function governanceKind(required: boolean): PolicyKind<GovernancePolicyDocument, CompiledGovernancePolicy> {
  return {
    kind: "GovernancePolicy",
    optional: !required,
    missing: NO_GOVERNANCE,
    claims: (bytes) => kindOf(bytes) === "GovernancePolicy",
    parse: parseGovernancePolicy,
    compile: (document, digest, expiryGrace, signed) =>
      compileGovernancePolicy(document, digest, expiryGrace, { signed }),
  };
}

/** How a top-level member is written in YAML: at the beginning of a line. */
const KIND_LINE = /^["']?kind["']?[ \t]*:[ \t]*["']?(InferencePolicy|GovernancePolicy)["']?[ \t]*(?:#.*)?\r?$/m;
const KIND_MEMBER = /^\s*\{[^]*?"kind"\s*:\s*"(InferencePolicy|GovernancePolicy)"/;

/** Undefined: of no kind that is told by its line. */
function kindOf(bytes: Uint8Array): string | undefined {
  const beginning = new TextDecoder().decode(bytes.subarray(0, 4_096));
  return (KIND_LINE.exec(beginning) ?? KIND_MEMBER.exec(beginning))?.[1];
}
