import type { EpochMillis } from "../base/quantity.ts";
import type { Reason } from "../base/reason.ts";
import type { Host } from "../wire/host.ts";
import type { IpAddress } from "../wire/ip-address.ts";
import type { Decision } from "./decision.ts";
import { deniedAddress } from "./denied-address.ts";
import type { EgressRequest } from "./egress-request.ts";
import { NO_LIMITS } from "./limits.ts";
import { denies, judged, type JudgedRequest, standing, type Standing, unmetField } from "./match-rule.ts";
import { NO_HANDLING, type Obligations, takeNameMint } from "./permit.ts";
import type { CompiledAllowRule, CompiledDenyRule, CompiledPolicy, PolicySnapshot } from "./snapshot.ts";
import { NOTHING_AROUND, type Surroundings } from "./surroundings.ts";

const mint = takeNameMint();

/** How telling a reason is: where nothing matches, the furthest that any rule's terms were met is what we say. */
const progress: Readonly<Record<Exclude<Standing, "match">, number>> = {
  header: 5,
  path_not_allowed: 4,
  method_not_allowed: 3,
  not_tls: 2,
  port_not_allowed: 1,
};

/** What an operator allowed of what no rule allows: this very request. */
export interface EgressGrant {
  /** Of the approval. */
  readonly id: string;
  readonly protocol: Obligations["protocol"];
}

/**
 * The policy's answer to one well-formed request. The order is fixed by contract.md; each step ends the question:
 * policy missing or expired; blocklist; deny rule; model-provider host; allow rule; approval; learn mode; deny. Of
 * several allow rules that match, the first in the document counts.
 * Synchronous and pure; throws never.
 */
export function decide(
  snapshot: PolicySnapshot,
  request: EgressRequest,
  now: EpochMillis,
  surroundings: Surroundings = NOTHING_AROUND,
  grant?: EgressGrant,
): Decision {
  if (snapshot.state === "missing") return deny("policy_missing");
  // Written so that a clock that is not a number denies.
  if (!(now < snapshot.deniesFrom)) return deny("policy_expired");

  const asked = judged(request);
  const { host, port } = asked;

  const feed = surroundings.blocklist(host);
  if (feed !== undefined && !snapshot.isNotBlocked(host)) return deny("blocklisted", `blocklist/${feed}`);

  /** Bites unless the requests in the tunnel are judged one by one. */
  let deniesOpaque: CompiledDenyRule | undefined;
  for (const rule of snapshot.denyFor(host)) {
    if (denies(rule, asked, false)) return deny("denied_by_rule", rule.id);
    if (deniesOpaque === undefined && denies(rule, asked, true)) deniesOpaque = rule;
  }
  // No rule and no mode leads there: a tunnel would carry the agent's own key past budgets and guardrails.
  if (surroundings.isProviderHost(host, port)) return deny("inference_only");

  let reason: Reason = "host_not_allowed";
  let nearest: string | undefined;
  let detail: string | undefined;
  let furthest = 0;
  /** A tunnel to there is inspected: what an opaque rule behind allows, no tunnel would carry. */
  let isInspected = false;
  for (const rule of snapshot.allowFor(host)) {
    const stands = standing(rule, asked);
    if (stands === "match") {
      const { protocol, inspect } = rule.obligations;
      const sees = protocol === "http" || inspect;
      if (asked.http?.secure === true && isInspected && !inspect) continue;
      if (deniesOpaque === undefined || sees) return permit(snapshot, asked, surroundings, rule);
    } else if (progress[stands] > furthest) {
      furthest = progress[stands];
      reason = stands === "header" ? "denied_by_rule" : stands;
      detail = stands === "header" ? fieldDetail(unmetField(rule, asked.http?.header)) : undefined;
      nearest = rule.id;
    }
    if (stands !== "port_not_allowed" && rule.obligations.inspect) isInspected = true;
  }
  if (deniesOpaque !== undefined) return deny("denied_by_rule", deniesOpaque.id);

  // What is asked inside TLS has rules only: an approval is of a tunnel, or of a plain request.
  const isPlain = request.via === "http" && request.secure !== true;
  if (grant !== undefined && (request.via === "tunnel" || isPlain) && (grant.protocol === "http") === isPlain) {
    return permit(snapshot, asked, surroundings, { ...unruled[grant.protocol], id: `approval/${grant.id}` });
  }
  if (snapshot.mode === "learn") {
    // The grace keeps rules alive, never a mode that permits what nobody listed.
    if (!(now < snapshot.expiresAt)) return deny("policy_expired");
    const protocol = isPlain ? "http" : request.via === "http" || port === 443 ? "tls" : "tcp";
    // Where a rule leads to the host through a parent proxy, nothing leads there around it.
    const proxy = snapshot.allowFor(host).find((rule) => rule.handling.proxy !== undefined)?.handling.proxy;
    const handling = proxy === undefined ? NO_HANDLING : { ...NO_HANDLING, proxy };
    return permit(snapshot, asked, surroundings, { ...unruled[protocol], handling, unlisted: reason });
  }
  return deny(reason, nearest, detail);
}

type Grant = Pick<CompiledAllowRule, "obligations" | "limits" | "handling" | "addresses"> & {
  readonly id: string | undefined;
  readonly unlisted?: Reason;
};

function permit(snapshot: CompiledPolicy, asked: JudgedRequest, surroundings: Surroundings, grant: Grant): Decision {
  const { obligations, limits, handling, addresses } = grant;
  const denied = deniedAddress(snapshot, asked, obligations.protocol !== "http" && !obligations.inspect);
  return {
    effect: "permit",
    permit: mint({
      // The caller's own object could change between here and the dial.
      host: Object.freeze({ ...asked.host }),
      port: asked.port,
      rule: grant.id,
      obligations,
      limits,
      handling,
      unlisted: grant.unlisted,
      policy: snapshot.identity,
      namedAddresses:
        addresses.length === 0
          ? noAddresses
          : Object.freeze(addresses.filter((entry) => entry.port === asked.port).map((entry) => entry.address)),
      deniedAddress: (address) => denied(address) ?? listedAddress(snapshot, surroundings, asked.host, address),
    }),
  };
}

/** No name leads to an address that a feed lists, unless the policy takes the name out of all of them. */
function listedAddress(
  snapshot: CompiledPolicy,
  surroundings: Surroundings,
  host: Host,
  address: IpAddress,
): string | undefined {
  if (snapshot.isNotBlocked(host)) return undefined;
  const feed = surroundings.blocklist({ kind: "address", text: address });
  return feed === undefined ? undefined : `blocklist/${feed}`;
}

/** Its values are the policy's to know. */
function fieldDetail(name = ""): string {
  return `It allows requests that have the field "${name}" once, with a value that it names.`;
}

function deny(reason: Reason, rule?: string, detail?: string): Decision {
  return { effect: "deny", reason, rule, ...(detail === undefined ? {} : { detail }) };
}

const noAddresses: readonly never[] = Object.freeze([]);

const unruledGrant = (protocol: Obligations["protocol"]): Grant => ({
  id: undefined,
  obligations: Object.freeze({ protocol, allowMissingSni: false, allowEch: false, inspect: false }),
  limits: NO_LIMITS,
  handling: NO_HANDLING,
  addresses: noAddresses,
});
/** What an approval or learn mode permits. */
const unruled = { tls: unruledGrant("tls"), tcp: unruledGrant("tcp"), http: unruledGrant("http") } as const;
