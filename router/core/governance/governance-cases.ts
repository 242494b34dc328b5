import type { EpochMillis } from "../base/quantity.ts";
import type { DocumentProblem } from "../base/problem.ts";
import { type Reason, REASONS } from "../base/reason.ts";
import { fail, ok, type Result } from "../base/result.ts";
import { choice } from "../document/choice-shape.ts";
import { onlyWith } from "../document/conditions.ts";
import { optional, required } from "../document/field.ts";
import { integer } from "../document/integer-shape.ts";
import { list } from "../document/list-shape.ts";
import { object } from "../document/object-shape.ts";
import { readYaml } from "../document/read-yaml.ts";
import { record } from "../document/record-shape.ts";
import { refined } from "../document/refined-shape.ts";
import { text } from "../document/text-shape.ts";
import { timestamp } from "../document/timestamp-shape.ts";
import { ruleId } from "../policy/rule-parts.ts";
import type { Action } from "./action.ts";
import { action } from "./action-shape.ts";
import type { CompiledGovernancePolicy } from "./compile-governance-policy.ts";
import { decide } from "./decide.ts";
import type { Verdict } from "./verdict.ts";

/** One line of `X.cases.yaml`: what the governance policy in `X.yaml` must say to an action. */
export interface GovernanceCase {
  readonly name: string;
  readonly action: Action;
  /** Of the pod; undefined: not known. */
  readonly labels: ReadonlyMap<string, string> | undefined;
  /** 0 to 1000, of peers; of any other the score is not known. */
  readonly scores: ReadonlyMap<string, number> | undefined;
  readonly expect: Verdict["effect"];
  /** Undefined: any. */
  readonly reason: Reason | undefined;
  /** Undefined: any. */
  readonly rule: string | undefined;
  /** Undefined: the moment the policy was issued, so that a case does not change its verdict by itself. */
  readonly at: EpochMillis | undefined;
  readonly line: number;
}

const governanceCase = refined(
  object(
    {
      name: required(text(), "What the case shows."),
      action: required(action, "What is asked for: { kind: exec, program: /usr/bin/git, argv: [status] }."),
      labels: optional(record(text(), text()), "The pod's labels; left out, they are not known."),
      scores: optional(record(ruleId, integer({ minimum: 0, maximum: 1000 })), "Scores of peers."),
      expect: required(choice("allow", "deny", "require_approval"), "The verdict; a rate limit is an allowance."),
      reason: optional(choice(...(Object.keys(REASONS) as Reason[])), "The reason of a denial."),
      rule: optional(ruleId, "The rule that decides."),
      at: optional(timestamp, "When the action is meant; the policy's issuedAt where left out."),
    },
    onlyWith(
      "reason",
      "expect",
      { value: "deny", isDefault: false },
      "reason_without_deny",
      '"reason" belongs to "expect: deny".',
    ),
  ),
  (value, node, report): GovernanceCase => ({ ...value, line: report.lineOf(node.at) }),
);

const caseFile = object({
  cases: required(list(governanceCase), "Actions, and what the policy must say to them."),
});

/** Reads a `*.cases.yaml` beside a GovernancePolicy: every case, or every problem at once. */
export function parseGovernanceCases(
  file: string,
  source: string,
): Result<readonly GovernanceCase[], readonly DocumentProblem[]> {
  const { root, report } = readYaml(file, source);
  const value = caseFile.read(root, report);
  if (!report.clean || value === undefined) return fail(report.problems());
  return ok(value.cases);
}

export interface GovernanceCaseResult {
  readonly case: GovernanceCase;
  readonly got: {
    readonly effect: Verdict["effect"];
    readonly reason: Reason | undefined;
    readonly rule: string | undefined;
  };
  readonly passed: boolean;
}

/** Runs one case through the function that the sidecar itself calls. */
export function runGovernanceCase(policy: CompiledGovernancePolicy, one: GovernanceCase): GovernanceCaseResult {
  const verdict = decide(policy, one.action, {
    now: one.at ?? policy.issuedAt,
    labels: one.labels,
    scoreOf: (peer) => one.scores?.get(peer),
  });
  const reason = verdict.effect === "deny" ? verdict.reason : undefined;
  const { effect, rule } = verdict;
  const passed =
    effect === one.expect &&
    (one.reason === undefined || reason === one.reason) &&
    (one.rule === undefined || rule === one.rule);
  return { case: one, got: { effect, reason, rule }, passed };
}
