import type { EpochMillis } from "../base/quantity.ts";
import type { Reason } from "../base/reason.ts";
import { fail, ok, type Result } from "../base/result.ts";
import { deniedAddress } from "../policy/denied-address.ts";
import { denies } from "../policy/match-rule.ts";
import { type NamePermit, type PolicyIdentity, takePeerMint } from "../policy/permit.ts";
import type { PolicySnapshot } from "../policy/snapshot.ts";
import { peersOfSelf } from "./trust-graph.ts";
import type { Peer, Trust } from "./trust.ts";

const mint = takePeerMint();

/** What of a governance policy counts here. */
export interface PeerPolicy {
  readonly identity: PolicyIdentity;
  readonly deniesFrom: EpochMillis;
  /** Its graph is empty where the document is not signed. */
  readonly trust: Trust;
  peer(id: string): Peer | undefined;
}

export interface PeerRefusal {
  readonly reason: Reason;
  /** The deny rule's id. */
  readonly rule: string | undefined;
}

/**
 * Leave to resolve the place of a peer's AgentCard, for the router alone. The governance policy stands in the place of an
 * allow rule; a deny rule of the egress policy that names host and port wins over it. Only the very peer objects of this
 * policy count, and only those that its graph connects this agent with.
 */
export function cardPermit(
  policy: PeerPolicy,
  peer: Peer,
  egress: PolicySnapshot,
  now: EpochMillis,
): Result<NamePermit, PeerRefusal> {
  // A look-alike, or one of a policy that was replaced meanwhile.
  if (policy.peer(peer.id) !== peer || peer.card === undefined) return refuse("governance_denied");
  if (!peersOfSelf(policy.trust.graph).has(peer.id)) return refuse("governance_denied");
  if (egress.state === "missing") return refuse("policy_missing");
  // Written so that a clock that is not a number denies.
  if (!(now < policy.deniesFrom) || !(now < egress.deniesFrom)) return refuse("policy_expired");
  const { host, port } = peer.card.endpoint;
  const asked = { host, port, http: undefined };
  const denying = egress.denyFor(host).find((rule) => denies(rule, asked, true));
  if (denying !== undefined) return refuse("denied_by_rule", denying.id);
  const named = peer.addresses.filter((entry) => entry.port === port).map(({ address }) => address);
  return ok(
    mint({
      peer: peer.id,
      host,
      port,
      policy: policy.identity,
      namedAddresses: Object.freeze(named),
      deniedAddress: deniedAddress(egress, asked, true),
    }),
  );
}

function refuse(reason: Reason, rule?: string): Result<NamePermit, PeerRefusal> {
  return fail({ reason, rule });
}
