import type { EpochMillis, Port } from "../base/quantity.ts";
import type { Reason } from "../base/reason.ts";
import type { Host } from "../wire/host.ts";
import type { Decision } from "./decision.ts";
import { deniedAddress } from "./denied-address.ts";
import type { EgressRequest } from "./egress-request.ts";
import { NO_LIMITS } from "./limits.ts";
import { denies, judged, type JudgedRequest, standing, type Standing } from "./match-rule.ts";
import { type Obligations, takeNameMint } from "./permit.ts";
import type { CompiledAllowRule, CompiledDenyRule, CompiledPolicy, PolicySnapshot } from "./snapshot.ts";

const mint = takeNameMint();

/** How telling a reason is: where nothing matches, the furthest that any rule's terms were met is what we say. */
const progress: Readonly<Record<Exclude<Standing, "match">, number>> = {
  path_not_allowed: 4,
  method_not_allowed: 3,
  not_tls: 2,
  port_not_allowed: 1,
};

/** Whether the InferencePolicy that is in force sends calls of models there. */
export type IsProviderHost = (host: Host, port: Port) => boolean;

const noProviderHost: IsProviderHost = () => false;

/** What an operator allowed of what no rule allows: this very request. */
export interface EgressGrant {
  /** Of the approval. */
  readonly id: string;
  readonly protocol: Obligations["protocol"];
}

/**
 * The policy's answer to one well-formed request. The order is fixed by contract.md; each step ends the question:
 * policy missing or expired; deny rule; model-provider host; allow rule; approval; learn mode; deny. (Blocklists stand
 * before deny rules.) Of several allow rules that match, the first in the document counts.
 * Synchronous and pure; throws never.
 */
export function decide(
  snapshot: PolicySnapshot,
  request: EgressRequest,
  now: EpochMillis,
  isProviderHost: IsProviderHost = noProviderHost,
  grant?: EgressGrant,
): Decision {
  if (snapshot.state === "missing") return deny("policy_missing");
  // Written so that a clock that is not a number denies.
  if (!(now < snapshot.deniesFrom)) return deny("policy_expired");

  const asked = judged(request);
  const { host, port } = asked;

  /** Bites unless the requests in the tunnel are judged one by one. */
  let deniesOpaque: CompiledDenyRule | undefined;
  for (const rule of snapshot.denyFor(host)) {
    if (denies(rule, asked, false)) return deny("denied_by_rule", rule.id);
    if (deniesOpaque === undefined && denies(rule, asked, true)) deniesOpaque = rule;
  }
  // No rule and no mode leads there: a tunnel would carry the agent's own key past budgets and guardrails.
  if (isProviderHost(host, port)) return deny("inference_only");

  let reason: Exclude<Standing, "match"> | "host_not_allowed" = "host_not_allowed";
  let nearest: string | undefined;
  let furthest = 0;
  for (const rule of snapshot.allowFor(host)) {
    const stands = standing(rule, asked);
    if (stands === "match") {
      if (deniesOpaque === undefined || rule.obligations.protocol === "http") return permit(snapshot, asked, rule);
    } else if (progress[stands] > furthest) {
      furthest = progress[stands];
      reason = stands;
      nearest = rule.id;
    }
  }
  if (deniesOpaque !== undefined) return deny("denied_by_rule", deniesOpaque.id);

  if (grant !== undefined && (grant.protocol === "http") === (request.via === "http")) {
    return permit(snapshot, asked, { ...learned[grant.protocol], id: `approval/${grant.id}` });
  }
  if (snapshot.mode === "learn") {
    // The grace keeps rules alive, never a mode that permits what nobody listed.
    if (!(now < snapshot.expiresAt)) return deny("policy_expired");
    const protocol = request.via === "http" ? "http" : port === 443 ? "tls" : "tcp";
    return permit(snapshot, asked, learned[protocol]);
  }
  return deny(reason, nearest);
}

type Grant = Pick<CompiledAllowRule, "obligations" | "limits" | "addresses"> & { readonly id: string | undefined };

function permit(snapshot: CompiledPolicy, asked: JudgedRequest, grant: Grant): Decision {
  const { obligations, limits, addresses } = grant;
  return {
    effect: "permit",
    permit: mint({
      // The caller's own object could change between here and the dial.
      host: Object.freeze({ ...asked.host }),
      port: asked.port,
      rule: grant.id,
      obligations,
      limits,
      policy: snapshot.identity,
      namedAddresses:
        addresses.length === 0
          ? noAddresses
          : Object.freeze(addresses.filter((entry) => entry.port === asked.port).map((entry) => entry.address)),
      deniedAddress: deniedAddress(snapshot, asked, obligations.protocol !== "http"),
    }),
  };
}

function deny(reason: Reason, rule?: string): Decision {
  return { effect: "deny", reason, rule };
}

const noAddresses: readonly never[] = Object.freeze([]);

const learnedGrant = (protocol: Obligations["protocol"]): Grant => ({
  id: undefined,
  obligations: Object.freeze({ protocol, allowMissingSni: false, allowEch: false }),
  limits: NO_LIMITS,
  addresses: noAddresses,
});
const learned = { tls: learnedGrant("tls"), tcp: learnedGrant("tcp"), http: learnedGrant("http") } as const;
