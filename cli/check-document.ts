import { egressApproval, parseEgressApproval } from "../router/core/approval/parse-egress-approval.ts";
import type { DocumentProblem } from "../router/core/base/problem.ts";
import { type EpochMillis, millis } from "../router/core/base/quantity.ts";
import { checkRouterConfig } from "../router/core/config/parse-router-config.ts";
import { routerConfig } from "../router/core/config/router-config-shape.ts";
import { didYouMean } from "../router/core/document/did-you-mean.ts";
import { kindOf } from "../router/core/document/document-kind.ts";
import { quoted } from "../router/core/document/quoted.ts";
import { readYaml } from "../router/core/document/read-yaml.ts";
import type { GovernancePolicyDocument } from "../router/core/governance/governance-policy.ts";
import { lintGovernancePolicy } from "../router/core/governance/lint-governance-policy.ts";
import { governancePolicy, parseGovernancePolicy } from "../router/core/governance/parse-governance-policy.ts";
import type { InferencePolicyDocument } from "../router/core/models/inference-policy.ts";
import { lintInferencePolicy } from "../router/core/models/lint-inference-policy.ts";
import { inferencePolicy, parseInferencePolicy } from "../router/core/models/parse-inference-policy.ts";
import type { EgressPolicyDocument } from "../router/core/policy/egress-policy.ts";
import { judgeFreshness } from "../router/core/policy/freshness.ts";
import { lintEgressPolicy } from "../router/core/policy/lint-egress-policy.ts";
import { egressPolicy, parseEgressPolicy } from "../router/core/policy/parse-egress-policy.ts";
import { parseSignerPolicy, signerPolicy } from "../router/core/policy/parse-signer-policy.ts";
import { readSource } from "./policy-file.ts";

export interface CheckedDocument {
  readonly file: string;
  /** What it says it is, known or not. */
  readonly kind: string | undefined;
  /** Each of them keeps the document from taking effect. */
  readonly problems: readonly DocumentProblem[];
  /** What its author may not have meant. */
  readonly warnings: readonly DocumentProblem[];
  /** Of a policy for agents that could be read. */
  readonly policy: PolicyDocument | undefined;
}

export type PolicyDocument = EgressPolicyDocument | InferencePolicyDocument | GovernancePolicyDocument;

/** Everything that can be said of one file without its signature. `now` decides what has expired. */
export async function checkDocument(cwd: string, file: string, now: EpochMillis): Promise<CheckedDocument> {
  const read = await readSource(cwd, file);
  if (!read.ok) return { file, kind: undefined, problems: read.problem, warnings: [], policy: undefined };
  const source = read.value.text;
  const tree = readYaml(file, source);
  const kind = kindOf(tree);
  const found = (problems: readonly DocumentProblem[]): CheckedDocument => ({
    file,
    kind,
    problems,
    warnings: [],
    policy: undefined,
  });
  switch (kind) {
    case egressPolicy.kind: {
      const parsed = parseEgressPolicy(file, source);
      return parsed.ok ? checkDated(file, kind, parsed.value, now, lintEgressPolicy) : found(parsed.problem);
    }
    case inferencePolicy.kind: {
      const parsed = parseInferencePolicy(file, source);
      return parsed.ok ? checkDated(file, kind, parsed.value, now, lintInferencePolicy) : found(parsed.problem);
    }
    case governancePolicy.kind: {
      const parsed = parseGovernancePolicy(file, source);
      return parsed.ok ? checkDated(file, kind, parsed.value, now, lintGovernancePolicy) : found(parsed.problem);
    }
    case egressApproval.kind: {
      const parsed = parseEgressApproval(file, source);
      return found(parsed.ok ? [] : parsed.problem);
    }
    case signerPolicy.kind: {
      const parsed = parseSignerPolicy(file, source);
      return found(parsed.ok ? [] : parsed.problem);
    }
    case routerConfig.kind:
      return found(checkRouterConfig(file, source));
    case undefined: {
      const problems = tree.report.problems();
      const message = `A document says what it is: kind: ${KINDS.join(", ")}.`;
      return found(problems.length > 0 ? problems : [problem(file, "unknown_kind", message)]);
    }
    default: {
      const message = `${quoted(kind)} is none of ${KINDS.join(", ")}${didYouMean(kind, KINDS)}.`;
      return found([...tree.report.problems(), problem(file, "unknown_kind", message)]);
    }
  }
}

/** Of which a directory holds one each, and which are signed. */
export const POLICY_KINDS: readonly string[] = [egressPolicy.kind, inferencePolicy.kind, governancePolicy.kind];
const KINDS: readonly string[] = [...POLICY_KINDS, egressApproval.kind, signerPolicy.kind, routerConfig.kind];

function checkDated<Policy extends PolicyDocument>(
  file: string,
  kind: string,
  policy: Policy,
  now: EpochMillis,
  lint: (file: string, policy: Policy) => readonly DocumentProblem[],
): CheckedDocument {
  const [namespace = "", agent = ""] = [policy.audience.namespaces[0], policy.audience.agents[0]];
  const freshness = judgeFreshness({
    document: { ...policy, kind },
    digest: "",
    mark: undefined,
    identity: { namespace, agent },
    now,
    expiryGrace: millis(0),
  });
  const problems = freshness.ok ? [] : [problem(file, freshness.problem.code, freshness.problem.message)];
  const ageing = freshness.ok && freshness.value.phase === "ageing";
  const warnings = ageing
    ? [problem(file, "ageing", "Four fifths of its life are over: sign a new version soon.")]
    : [];
  return { file, kind, problems, warnings: [...warnings, ...lint(file, policy)], policy };
}

/** Of a document as a whole. */
export function problem(file: string, code: string, message: string): DocumentProblem {
  return { file, line: 0, column: 0, code, message };
}
