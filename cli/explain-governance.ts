import type { Reason } from "../router/core/base/reason.ts";
import { REASONS } from "../router/core/base/reason.ts";
import type { Action, ActionContext } from "../router/core/governance/action.ts";
import { actionTarget } from "../router/core/governance/action-target.ts";
import { explainGovernance, type GovernanceRuleExplanation } from "../router/core/governance/explain-governance.ts";
import type { Obligations } from "../router/core/governance/governance-policy.ts";
import { SELF } from "../router/core/governance/peer-shape.ts";
import type { AppliedLimit } from "../router/core/governance/verdict.ts";
import type { GovernancePolicyFile } from "./policy-file.ts";

/** The governance policy's word on one action, as text or as JSON. */
export interface GovernanceAnswer {
  /** `tool github/create_issue`. */
  readonly action: string;
  readonly effect: "allow" | "require_approval" | "deny";
  /** Null where allowed. */
  readonly reason: Reason | null;
  readonly rule: string | null;
  /** The rule's own sentence. */
  readonly message: string | null;
  /** In observe mode: what it would have been, and by which rule. */
  readonly observed: string | null;
  /** All must have room; what is left in them is the sidecar's to know. */
  readonly limits: readonly string[];
  /** Null where denied. */
  readonly obligations: Obligations | null;
  readonly rules: readonly GovernanceRuleExplanation[];
  readonly others: number;
  readonly policy: { readonly file: string; readonly name: string; readonly version: number; readonly digest: string };
}

/** The decision that the sidecar would take now, before approvals, behaviour and limits. */
export function answerGovernance(
  { file, policy }: GovernancePolicyFile,
  action: Action,
  context: ActionContext,
): GovernanceAnswer {
  const { verdict, rules, others } = explainGovernance(policy, action, context);
  const about = {
    action: `${action.kind} ${actionTarget(action)}`,
    rule: verdict.rule ?? null,
    rules,
    others,
    policy: { file, ...policy.identity },
  };
  const none = { message: null, observed: null, limits: [], obligations: null };
  if (action.kind === "mesh.send" && !isConnected(policy, action.peer)) {
    return { ...about, ...none, effect: "deny", reason: "governance_denied", rule: null, message: UNCONNECTED };
  }
  switch (verdict.effect) {
    case "allow": {
      const { observed, limits, obligations } = verdict;
      const would = observed === undefined ? null : `${observed.effect} ${observed.rule ?? ""}`.trimEnd();
      return {
        ...about,
        ...none,
        effect: "allow",
        reason: null,
        observed: would,
        limits: limits.map(limitText),
        obligations,
      };
    }
    case "require_approval": {
      const { limits, obligations, message = null } = verdict;
      return {
        ...about,
        effect: "require_approval",
        reason: "approval_required",
        observed: null,
        limits: limits.map(limitText),
        obligations,
        message,
      };
    }
    case "deny":
      return { ...about, ...none, effect: "deny", reason: verdict.reason, message: verdict.message ?? null };
    default:
      return verdict satisfies never;
  }
}

const UNCONNECTED = "The graph of peers does not lead there from this agent.";

function isConnected({ trust }: GovernancePolicyFile["policy"], peer: string | undefined): boolean {
  return trust.graph.some(({ from, to }) => from === SELF && to === peer);
}

function limitText({ id, per, rate, concurrent }: AppliedLimit): string {
  const parts = [
    ...(rate === undefined ? [] : [`${rate.count} in ${rate.window / 1000} s`]),
    ...(concurrent === undefined ? [] : [`${concurrent} at once`]),
  ];
  return `${id}: ${parts.join(", ")}${per === "all" ? "" : `, each ${per} apart`}`;
}

/** The lines that people read, the verdict first. */
export function* linesOfGovernance(answer: GovernanceAnswer): Generator<string> {
  const by = answer.rule === null ? "" : `, rule ${answer.rule}`;
  if (answer.reason === null) yield `ALLOWED${by}`;
  else if (answer.effect === "require_approval") yield `NEEDS APPROVAL${by}`;
  else yield `DENIED: ${answer.reason}${by}`;
  if (answer.reason !== null) yield `  ${answer.message ?? sentenceOf(answer)}`;
  if (answer.effect === "allow" && answer.rule === null && answer.observed === null) {
    yield "  No rule matches: this kind is delegated, and its own policy alone decides.";
  }
  if (answer.observed !== null) yield `  The policy only observes: enforced, this would be ${answer.observed}.`;
  for (const limit of answer.limits) yield `  limit  ${limit}`;
  const { redact = [], resultBytes, log } = answer.obligations ?? {};
  if (redact.length > 0) yield `  redact  ${redact.join(", ")}`;
  if (resultBytes !== undefined) yield `  result  ${resultBytes} octets at most`;
  if (log === "full") yield "  log  the redacted arguments as well";
  if (answer.rules.length > 0) yield "";
  const width = Math.max(0, ...answer.rules.map(({ rule }) => rule.length));
  for (const { effect, rule, line, why } of answer.rules) {
    yield `  ${effect.padEnd(16)}  ${rule.padEnd(width)}  line ${String(line).padEnd(4)}  ${why}`;
  }
  const { file, name, version, digest } = answer.policy;
  yield "";
  yield `  ${answer.others} other rule${answer.others === 1 ? " has" : "s have"} less to do with it.`;
  yield `  ${file}: ${name}, version ${version}, ${digest}`;
}

function sentenceOf({ reason, rule }: GovernanceAnswer): string {
  if (reason === "policy_expired") return "The governance policy has expired.";
  if (reason === "governance_denied" && rule === null) return "No rule allows it; an approval could.";
  return reason === null ? "" : REASONS[reason].sentence;
}
