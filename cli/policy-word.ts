import { NOTHING_AROUND } from "../router/core/policy/surroundings.ts";
import type { EpochMillis } from "../router/core/base/quantity.ts";
import type { Action, ActionContext } from "../router/core/governance/action.ts";
import type { CompiledGovernancePolicy } from "../router/core/governance/compile-governance-policy.ts";
import type { Fact } from "../router/core/governance/facts.ts";
import { SELF } from "../router/core/governance/peer-shape.ts";
import { explainModel } from "../router/core/models/explain-inference.ts";
import { admitAddresses } from "../router/core/policy/admit-address.ts";
import { decide } from "../router/core/policy/decide.ts";
import { BARE_NETWORK } from "../router/core/policy/network.ts";
import type { PolicySet } from "./policy-set.ts";
import { certainVerdict } from "./possible-verdicts.ts";
import type { Question } from "./recorded-question.ts";

export type Effect = "allow" | "observed" | "require_approval" | "deny";

/** What a set of policies says to a question; undefined: it depends on what is hidden. */
export interface Word {
  readonly effect: Effect;
  /** Of a denial. */
  readonly reason: string | undefined;
  readonly rule: string | undefined;
}

/** When, and what besides the record is known. */
export interface Circumstances extends Pick<ActionContext, "labels" | "scoreOf"> {
  readonly at: EpochMillis;
  /** Kinds of which the other set has a policy: where this one has none, that denies. Else they are left out. */
  readonly expected: { readonly egress: boolean; readonly inference: boolean; readonly governance: boolean };
}

const MISSING: Word = { effect: "deny", reason: "policy_missing", rule: undefined };
const ALLOWED: Word = { effect: "allow", reason: undefined, rule: undefined };

/** The verdict of policies alone: of approvals, limits, budgets, guardrails and behaviour nothing is played again. */
export function wordOn(set: PolicySet, question: Question, about: Circumstances): Word | undefined {
  switch (question.about) {
    case "egress":
      return egressWord(set, question, about);
    case "inference":
      return inferenceWord(set, question, about);
    case "action": {
      const { governance } = set;
      return governance === undefined
        ? MISSING
        : governanceWord(governance.policy, question.action, question.hidden, about);
    }
    default:
      return question satisfies never;
  }
}

function egressWord(
  set: PolicySet,
  { request, addresses, hidden }: Extract<Question, { about: "egress" }>,
  about: Circumstances,
): Word | undefined {
  const { egress, inference, governance } = set;
  const { host, port } = request;
  let protocol: "tls" | "http" | "tcp" | undefined = request.via === "http" ? "http" : undefined;
  let rule: string | undefined;
  if (egress === undefined && about.expected.egress) return MISSING;
  if (egress !== undefined) {
    const { policy } = egress;
    const asksPath = [...policy.allowFor(host), ...policy.denyFor(host)].some(({ paths }) => paths !== undefined);
    if (hidden.has("path") && asksPath) return undefined;
    const decision = decide(policy, request, about.at, {
      ...NOTHING_AROUND,
      isProviderHost: (name, at) => inference?.policy.isProviderHost(name, at) ?? false,
    });
    if (decision.effect === "deny") return { effect: "deny", reason: decision.reason, rule: decision.rule };
    const { permit } = decision;
    const admitted = addresses === undefined ? undefined : admitAddresses(BARE_NETWORK, permit, addresses);
    if (admitted?.ok === false) return { effect: "deny", reason: admitted.problem.reason, rule: permit.rule };
    ({ protocol } = permit.obligations);
    ({ rule } = permit);
  }
  const allowed: Word = { ...ALLOWED, rule };
  // What a tunnel carries in clear is judged request by request.
  if (governance === undefined || (request.via === "tunnel" && protocol === "http")) return allowed;
  const unsaid = protocol === undefined ? new Set<Fact>([...hidden, "protocol"]) : hidden;
  const [method, path] = request.via === "http" ? [request.method, request.path] : [undefined, undefined];
  const actions: Action[] = [{ kind: "egress", host, port, protocol, method, path }];
  const peer = governance.policy.peerAt(request);
  if (peer !== undefined) actions.push({ kind: "mesh.send", peer: peer.id, topic: undefined, bytes: undefined });
  return worstOf([allowed, ...actions.map((action) => governanceWord(governance.policy, action, unsaid, about))]);
}

function inferenceWord(
  { inference, governance }: PolicySet,
  { model, api, stream, hidden }: Extract<Question, { about: "inference" }>,
  about: Circumstances,
): Word | undefined {
  if (inference === undefined && about.expected.inference) return MISSING;
  const explained = inference === undefined ? undefined : explainModel(inference.policy, model, about.at);
  if (explained?.effect === "deny") return { effect: "deny", reason: explained.reason, rule: undefined };
  if (governance === undefined) return ALLOWED;
  const facts = { kind: "inference", model: explained?.model ?? model, api, stream, bytes: undefined } as const;
  const providers = [...new Set(explained?.targets.map(({ id }) => id) ?? [undefined])];
  const unsaid = explained === undefined ? new Set<Fact>([...hidden, "provider"]) : hidden;
  return worstOf(providers.map((provider) => governanceWord(governance.policy, { ...facts, provider }, unsaid, about)));
}

function governanceWord(
  policy: CompiledGovernancePolicy,
  action: Action,
  hidden: ReadonlySet<Fact>,
  { at, labels, scoreOf }: Circumstances,
): Word | undefined {
  if (action.kind === "mesh.send" && !policy.trust.graph.some(({ from, to }) => from === SELF && to === action.peer)) {
    return { effect: "deny", reason: "governance_denied", rule: undefined };
  }
  const found = certainVerdict(policy, action, { now: at, labels, scoreOf }, hidden);
  if (found === undefined) return undefined;
  const { word, rule } = found;
  switch (word) {
    case "allow":
    case "observed":
      return { effect: word, reason: undefined, rule };
    case "require_approval":
      return { effect: word, reason: "approval_required", rule };
    case "deny":
      return { effect: word, reason: "governance_denied", rule };
    case "policy_expired":
      return { effect: "deny", reason: word, rule };
    default:
      return word satisfies never;
  }
}

const ORDER: readonly Effect[] = ["deny", "require_approval", "observed", "allow"];

/** All must allow. A denial that is certain does not depend on what the others are. */
function worstOf(words: readonly (Word | undefined)[]): Word | undefined {
  for (const effect of ORDER) {
    const found = words.find((word) => word?.effect === effect);
    if (effect === "deny" && found !== undefined) return found;
    if (words.includes(undefined)) return undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}
