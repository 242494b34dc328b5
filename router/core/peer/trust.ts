import type { AddressAndPort } from "../policy/egress-policy.ts";
import type { Authority } from "../wire/authority.ts";

/** Five tiers of a score from 0 to 1000; bounds are those of kars (research, section 1.2): 0, 200, 400, 600, 800; a bound belongs to the tier above. */
export type Tier = "anonymous" | "observed" | "known" | "verified" | "sovereign";

export const TIER_BOUNDS: readonly (readonly [Tier, number])[] = [
  ["anonymous", 0],
  ["observed", 200],
  ["known", 400],
  ["verified", 600],
  ["sovereign", 800],
];

/** A key that a peer signs with, pinned in the policy. */
export interface PeerKey {
  readonly kid: string;
  readonly algorithm: "EdDSA" | "ES256";
  /** SubjectPublicKeyInfo, DER, in standard base64. */
  readonly spki: string;
}

export interface Peer {
  readonly id: string;
  /** Never empty. */
  readonly keys: readonly PeerKey[];
  /** Where its AgentCard is; undefined: the peer is known by its keys alone. */
  readonly card: { readonly endpoint: Authority; readonly path: string } | undefined;
  /** Where it is spoken to: what leads there is `mesh.send` to it. Never empty. */
  readonly endpoints: readonly Authority[];
  /** Special-use addresses that its names may lead to. */
  readonly addresses: readonly AddressAndPort[];
}

/** How a score moves: whole points. */
export interface TrustRates {
  readonly initial: number;
  readonly reward: number;
  readonly penalty: number;
  /** No more than so much up or down within an hour. */
  readonly perHour: number;
  /** What is over `initial` falls back to it, and what is under rises to it, by this part in a thousand an hour. */
  readonly decay: number;
}

export interface Trust {
  readonly rates: TrustRates;
  readonly peers: readonly Peer[];
  /** Who may speak to whom: ids of peers, or `self`. It counts only in a document whose signature was verified. */
  readonly graph: readonly { readonly from: string; readonly to: string }[];
}
