import { assertNever } from "../base/assert-never.ts";
import type { EpochMillis, Port } from "../base/quantity.ts";
import { decide } from "./decide.ts";
import type { Decision } from "./decision.ts";
import type { EgressRequest } from "./egress-request.ts";
import { denies, judged, type JudgedRequest, standing } from "./match-rule.ts";
import { nearMiss } from "./near-miss.ts";
import type { CompiledAllowRule, CompiledDenyRule, PolicySnapshot } from "./snapshot.ts";
import type { Surroundings } from "./surroundings.ts";

export interface RuleExplanation {
  readonly rule: string;
  readonly effect: "allow" | "deny";
  /** Where the rule begins in its file, from 1. */
  readonly line: number;
  /** It matches the request; whether it decided is the decision's to say. */
  readonly matches: boolean;
  /** One sentence. */
  readonly why: string;
}

export interface Explanation {
  readonly decision: Decision;
  /** Rules that name the host, then rules that nearly do: deny rules before allow rules, each in document order. */
  readonly rules: readonly RuleExplanation[];
  /** How many rules have nothing to do with the host. */
  readonly others: number;
}

/** More near misses than this help nobody. */
const maximumNearMisses = 20;

/** The decision, and what each rule that is about this host, or nearly, had to do with it. */
export function explain(
  snapshot: PolicySnapshot,
  request: EgressRequest,
  now: EpochMillis,
  surroundings?: Surroundings,
): Explanation {
  const decision = decide(snapshot, request, now, surroundings);
  if (snapshot.state === "missing") return { decision, rules: [], others: 0 };
  const asked = judged(request);
  const denying = snapshot.denyFor(asked.host);
  const allowing = snapshot.allowFor(asked.host);
  const near: RuleExplanation[] = [];
  const addNear = (effect: "allow" | "deny", rule: CompiledAllowRule | CompiledDenyRule): void => {
    const why = near.length < maximumNearMisses ? nearMiss(rule, asked.host) : undefined;
    if (why !== undefined) near.push({ rule: rule.id, effect, line: rule.line, matches: false, why });
  };
  for (const rule of snapshot.deny) if (!denying.includes(rule)) addNear("deny", rule);
  for (const rule of snapshot.allow) if (!allowing.includes(rule)) addNear("allow", rule);
  const rules = [
    ...denying.map((rule) => explainDeny(rule, asked)),
    ...allowing.map((rule) => explainAllow(rule, asked)),
    ...near,
  ];
  return { decision, rules, others: snapshot.deny.length + snapshot.allow.length - rules.length };
}

function explainAllow(rule: CompiledAllowRule, asked: JudgedRequest): RuleExplanation {
  const stands = standing(rule, asked);
  const about = { rule: rule.id, effect: "allow", line: rule.line, matches: stands === "match" } as const;
  switch (stands) {
    case "match":
      return { ...about, why: "It matches." };
    case "port_not_allowed":
      return { ...about, why: portSentence(rule, rule.ports, asked) };
    case "not_tls":
      return { ...about, why: `It asks for TLS: CONNECT ${asked.host.text}:${asked.port}, not plain HTTP.` };
    case "method_not_allowed":
      if (rule.obligations.protocol === "tcp")
        return { ...about, why: "It allows a tunnel (CONNECT), not single requests." };
      if (rule.obligations.protocol === "http" && asked.http?.secure === true)
        return { ...about, why: "It allows plain HTTP, not HTTPS." };
      return { ...about, why: `It allows the methods ${(rule.methods ?? []).join(", ")}.` };
    case "path_not_allowed":
      return { ...about, why: pathSentence(rule, asked) };
    case "header": {
      const names = rule.headers.map(({ name }) => name).join(", ");
      return { ...about, why: `It asks for fields that the request does not have so: ${names}.` };
    }
    default:
      return assertNever(stands);
  }
}

function explainDeny(rule: CompiledDenyRule, asked: JudgedRequest): RuleExplanation {
  const about = { rule: rule.id, effect: "deny", line: rule.line } as const;
  if (denies(rule, asked, false)) return { ...about, matches: true, why: "It matches." };
  if (denies(rule, asked, true)) {
    const why = "It is about methods or paths, so it denies every tunnel here whose requests nobody judges.";
    return { ...about, matches: true, why };
  }
  // What is left of the rule once its port is taken for granted.
  const { http } = asked;
  if (http === undefined || !namesThisPort(rule, rule.ports, asked)) {
    return { ...about, matches: false, why: portSentence(rule, rule.ports, asked) };
  }
  if (rule.methods !== undefined && !rule.methods.includes(http.method.toUpperCase())) {
    return { ...about, matches: false, why: `It denies the methods ${rule.methods.join(", ")}.` };
  }
  return { ...about, matches: false, why: pathSentence(rule, asked) };
}

type Terms = Pick<CompiledAllowRule, "addresses" | "paths">;

function namesThisPort(rule: Terms, ports: readonly Port[] | undefined, asked: JudgedRequest): boolean {
  return portsFor(rule, ports, asked)?.includes(asked.port) ?? true;
}

/** Undefined: every port. */
function portsFor(rule: Terms, ports: readonly Port[] | undefined, asked: JudgedRequest): readonly Port[] | undefined {
  if (asked.host.kind === "name") return ports;
  return rule.addresses.filter(({ address }) => address === asked.host.text).map(({ port }) => port);
}

function portSentence(rule: Terms, ports: readonly Port[] | undefined, asked: JudgedRequest): string {
  return `It names port ${(portsFor(rule, ports, asked) ?? []).join(", ")}, not ${asked.port}.`;
}

function pathSentence(rule: Terms, asked: JudgedRequest): string {
  if (asked.http?.path === "ambiguous") return "The path can be read in several ways, so no pattern allows it.";
  return `Its paths are ${(rule.paths ?? []).map((pattern) => pattern.text).join(", ")}.`;
}
