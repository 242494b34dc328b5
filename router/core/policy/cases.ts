import type { EpochMillis } from "../base/quantity.ts";
import { type Reason, REASONS } from "../base/reason.ts";
import type { DocumentProblem } from "../base/problem.ts";
import { fail, ok, type Result } from "../base/result.ts";
import { choice } from "../document/choice-shape.ts";
import { onlyWith } from "../document/conditions.ts";
import { optional, required } from "../document/field.ts";
import { list } from "../document/list-shape.ts";
import { ipAddress } from "../document/ip-address-shape.ts";
import { object } from "../document/object-shape.ts";
import { quoted } from "../document/quoted.ts";
import { readYaml } from "../document/read-yaml.ts";
import { refined } from "../document/refined-shape.ts";
import { text } from "../document/text-shape.ts";
import { timestamp } from "../document/timestamp-shape.ts";
import type { IpAddress } from "../wire/ip-address.ts";
import { admitAddresses } from "./admit-address.ts";
import { decide } from "./decide.ts";
import type { EgressRequest } from "./egress-request.ts";
import type { NetworkFacts } from "./network.ts";
import { parseRequestText } from "./request-text.ts";
import { ruleId } from "./rule-parts.ts";
import type { CompiledPolicy } from "./snapshot.ts";

/** One line of `X.cases.yaml`: what the policy in `X.yaml` must say to a request. */
export interface PolicyCase {
  readonly name: string;
  readonly request: EgressRequest;
  /** What the name would resolve to; undefined: the decision alone is checked. */
  readonly resolve: readonly IpAddress[] | undefined;
  readonly expect: "allow" | "deny";
  /** Undefined: any. */
  readonly reason: Reason | undefined;
  /** Undefined: any. */
  readonly rule: string | undefined;
  /** Undefined: the moment the policy was issued, so that a case does not change its verdict by itself. */
  readonly at: EpochMillis | undefined;
  readonly line: number;
}

const request = refined(text(), (given, node, report) => {
  const parsed = parseRequestText(given);
  if (parsed.ok) return parsed.value;
  report.add(node, "bad_request", `${quoted(given)}: ${parsed.problem}`);
  return undefined;
});

const policyCase = refined(
  object(
    {
      name: required(text(), "What the case shows."),
      request: required(request, "CONNECT host:port, or METHOD http://host/path."),
      resolve: optional(list(ipAddress, { mayBeEmpty: true }), "What the name resolves to."),
      expect: required(choice("allow", "deny"), "The verdict."),
      reason: optional(choice(...(Object.keys(REASONS) as Reason[])), "The reason of a denial."),
      rule: optional(ruleId, "The rule that decides."),
      at: optional(timestamp, "When the request is made; the policy's issuedAt where left out."),
    },
    onlyWith(
      "reason",
      "expect",
      { value: "deny", isDefault: false },
      "reason_of_allow",
      '"reason" belongs to "expect: deny".',
    ),
  ),
  (value, node, report): PolicyCase | undefined => {
    if (value.resolve !== undefined && value.request.host.kind === "address") {
      report.add(node, "resolve_of_address", "A literal address is not resolved: leave resolve out.");
      return undefined;
    }
    return { ...value, line: report.lineOf(node.at) };
  },
);

const caseFile = object({ cases: required(list(policyCase), "Requests, and what the policy must say to them.") });

/** Reads a `*.cases.yaml`: every case, or every problem at once. */
export function parseCases(file: string, source: string): Result<readonly PolicyCase[], readonly DocumentProblem[]> {
  const { root, report } = readYaml(file, source);
  const value = caseFile.read(root, report);
  if (!report.clean || value === undefined) return fail(report.problems());
  return ok(value.cases);
}

export interface CaseVerdict {
  readonly effect: "allow" | "deny";
  readonly reason: Reason | undefined;
  readonly rule: string | undefined;
}

export interface CaseResult {
  readonly case: PolicyCase;
  readonly got: CaseVerdict;
  readonly passed: boolean;
}

/** Runs one case through the functions that the sidecar itself calls: decide, and admit where addresses are known. */
export function runCase(snapshot: CompiledPolicy, network: NetworkFacts, policyTest: PolicyCase): CaseResult {
  const got = verdictOn(snapshot, network, policyTest);
  const passed =
    got.effect === policyTest.expect &&
    (policyTest.reason === undefined || got.reason === policyTest.reason) &&
    (policyTest.rule === undefined || got.rule === policyTest.rule);
  return { case: policyTest, got, passed };
}

function verdictOn(snapshot: CompiledPolicy, network: NetworkFacts, policyTest: PolicyCase): CaseVerdict {
  const decision = decide(snapshot, policyTest.request, policyTest.at ?? snapshot.issuedAt);
  if (decision.effect === "deny") return decision;
  const { permit } = decision;
  const addresses = permit.host.kind === "address" ? [permit.host.text] : policyTest.resolve;
  const admitted = addresses === undefined ? undefined : admitAddresses(network, permit, addresses);
  if (admitted?.ok === false) return { effect: "deny", reason: admitted.problem.reason, rule: permit.rule };
  return { effect: "allow", reason: undefined, rule: permit.rule };
}
