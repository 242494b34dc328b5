import { NOTHING_AROUND } from "../router/core/policy/surroundings.ts";
import { type Reason, REASONS } from "../router/core/base/reason.ts";
import { epochMillis } from "../router/core/base/quantity.ts";
import type { Action, ActionContext } from "../router/core/governance/action.ts";
import type { CompiledInferencePolicy } from "../router/core/models/compile-inference-policy.ts";
import { admitAddresses } from "../router/core/policy/admit-address.ts";
import type { EgressRequest } from "../router/core/policy/egress-request.ts";
import { explain, type RuleExplanation } from "../router/core/policy/explain.ts";
import { BARE_NETWORK } from "../router/core/policy/network.ts";
import type { Obligations } from "../router/core/policy/permit.ts";
import type { IpAddress } from "../router/core/wire/ip-address.ts";
import { answerGovernance, type GovernanceAnswer, linesOfGovernance } from "./explain-governance.ts";
import type { GovernancePolicyFile, PolicyFile } from "./policy-file.ts";

export interface EgressQuestion {
  readonly about: "egress";
  readonly text: string;
  readonly request: EgressRequest;
  /** Undefined: the name is not resolved, and addresses are not judged. */
  readonly addresses: readonly IpAddress[] | undefined;
}

export interface EgressPolicies {
  readonly egress: PolicyFile;
  readonly inference: CompiledInferencePolicy | undefined;
  /** Undefined: there is none, and nothing is asked of it. */
  readonly governance: GovernancePolicyFile | undefined;
}

interface EgressVerdict {
  readonly effect: "allow" | "deny";
  readonly reason: Reason | null;
  readonly rule: string | null;
  /** What must be shown before bytes flow; null where denied. */
  readonly protocol: Obligations["protocol"] | null;
  /** Null: not judged. */
  readonly addresses:
    | readonly { readonly address: string; readonly admitted: boolean; readonly class: string }[]
    | null;
}

/** What is printed, as text or as JSON. The verdict on top is that of both policies together. */
export interface EgressAnswer extends EgressVerdict {
  readonly request: string;
  readonly decidedBy: "EgressPolicy" | "GovernancePolicy";
  readonly rules: readonly RuleExplanation[];
  readonly others: number;
  readonly policy: { readonly file: string; readonly name: string; readonly version: number; readonly digest: string };
  /** Of the egress, and of the message to a peer that it is; empty: no such policy, or it is asked request by request. */
  readonly governance: readonly GovernanceAnswer[];
}

/** The egress policy's word, then the governance policy's, which can only take away from it. */
export function explainEgress(
  question: EgressQuestion,
  { egress, inference, governance }: EgressPolicies,
  context: ActionContext,
): EgressAnswer {
  const { file, policy } = egress;
  const { decision, rules, others } = explain(policy, question.request, epochMillis(context.now), {
    ...NOTHING_AROUND,
    isProviderHost: (host, port) => inference?.isProviderHost(host, port) ?? false,
  });
  const verdict = verdictOf(question, decision);
  const protocol = decision.effect === "permit" ? decision.permit.obligations.protocol : undefined;
  const governed =
    governance === undefined
      ? []
      : actionsOf(question.request, protocol, governance).map((action) =>
          answerGovernance(governance, action, context),
        );
  const answer: EgressAnswer = {
    request: question.text,
    ...verdict,
    decidedBy: "EgressPolicy",
    rules,
    others,
    policy: { file, ...policy.identity },
    governance: governed,
  };
  const refusal = governed.find(({ effect }) => effect !== "allow");
  if (verdict.effect === "deny" || refusal === undefined) return answer;
  const { reason, rule } = refusal;
  return { ...answer, effect: "deny", reason, rule, protocol: null, decidedBy: "GovernancePolicy" };
}

function verdictOf(question: EgressQuestion, decision: ReturnType<typeof explain>["decision"]): EgressVerdict {
  if (decision.effect === "deny") {
    const { reason, rule = null } = decision;
    return { effect: "deny", reason, rule, protocol: null, addresses: null };
  }
  const { permit } = decision;
  const { protocol } = permit.obligations;
  const allowed = { effect: "allow", reason: null, rule: permit.rule ?? null, protocol } as const;
  if (question.addresses === undefined) return { ...allowed, addresses: null };
  const admission = admitAddresses(BARE_NETWORK, permit, question.addresses);
  const { refused } = admission.ok ? admission.value : admission.problem;
  const addresses = [...new Set(question.addresses)].map((address) => {
    const refusal = refused.find((candidate) => candidate.address === address);
    const { name, source } = refusal?.class ?? BARE_NETWORK.classify(address);
    return { address, admitted: refusal === undefined, class: `${name} (${source})` };
  });
  if (admission.ok) return { ...allowed, addresses };
  return { ...allowed, effect: "deny", reason: admission.problem.reason, protocol: null, addresses };
}

/** As the sidecar asks: of what a tunnel carries in clear, request by request; of what leads to a peer, as a message too. */
function actionsOf(
  request: EgressRequest,
  permitted: Obligations["protocol"] | undefined,
  { policy }: GovernancePolicyFile,
): readonly Action[] {
  const { host, port } = request;
  if (request.via === "tunnel" && permitted === "http") return [];
  const action: Action =
    request.via === "http"
      ? { kind: "egress", host, port, protocol: "http", method: request.method, path: request.path }
      : { kind: "egress", host, port, protocol: permitted, method: undefined, path: undefined };
  const peer = policy.peerAt(request);
  return peer === undefined
    ? [action]
    : [action, { kind: "mesh.send", peer: peer.id, topic: undefined, bytes: undefined }];
}

export function* linesOfEgress(answer: EgressAnswer): Generator<string> {
  yield answer.request;
  yield* verdictLines(answer);
  if (answer.decidedBy === "GovernancePolicy") yield "  By the governance policy: see below.";
  for (const { address, admitted, class: name } of answer.addresses ?? []) {
    yield `  ${admitted ? "dialled" : "refused"}  ${address}  ${name}`;
  }
  if (answer.reason === null && answer.addresses === null) {
    yield "  Its addresses are judged once the name is resolved; --resolve ip,... judges them here.";
  }
  if (answer.rules.length > 0) yield "";
  const width = Math.max(0, ...answer.rules.map((rule) => rule.rule.length));
  for (const rule of answer.rules) {
    yield `  ${rule.effect.padEnd(5)}  ${rule.rule.padEnd(width)}  line ${String(rule.line).padEnd(4)}  ${rule.why}`;
  }
  const { file, name, version, digest } = answer.policy;
  yield "";
  yield `  ${answer.others} other rule${answer.others === 1 ? "" : "s"} of this policy name${answer.others === 1 ? "s" : ""} other hosts.`;
  yield `  ${file}: ${name}, version ${version}, ${digest}`;
  for (const governed of answer.governance) {
    yield "";
    yield `governance: ${governed.action}`;
    yield* linesOfGovernance(governed);
  }
}

function* verdictLines({ reason, rule, protocol }: EgressAnswer): Generator<string> {
  const by = rule === null ? "" : `, rule ${rule}`;
  if (reason === null) yield `ALLOWED${by}, as ${protocol ?? ""}`;
  else {
    yield `DENIED: ${reason}${by}`;
    yield `  ${REASONS[reason].sentence}`;
  }
}
