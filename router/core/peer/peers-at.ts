import type { Authority } from "../wire/authority.ts";
import type { Peer } from "./trust.ts";

/** What of a governance policy counts here. */
export interface PeerPlaces {
  readonly trust: { readonly peers: readonly Peer[] };
  peerAt(endpoint: Authority): Peer | undefined;
}

/**
 * The peers that are spoken to at a place: the one whose endpoint it is, and where it is an address, all whose names may
 * lead to that very address and port, so that nobody gets round a name by what is behind it.
 */
export function peersAt(policy: PeerPlaces, place: Authority): readonly Peer[] {
  const named = policy.peerAt(place);
  const { host, port } = place;
  if (host.kind === "name") return named === undefined ? [] : [named];
  return policy.trust.peers.filter(
    (peer) => peer === named || peer.addresses.some((entry) => entry.port === port && entry.address === host.text),
  );
}
