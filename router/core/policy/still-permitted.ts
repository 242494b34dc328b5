import type { EpochMillis } from "../base/quantity.ts";
import { sameHost } from "../wire/host.ts";
import type { IpAddress } from "../wire/ip-address.ts";
import { admitAddresses } from "./admit-address.ts";
import { decide, type EgressGrant } from "./decide.ts";
import type { EgressRequest } from "./egress-request.ts";
import type { NetworkFacts } from "./network.ts";
import type { NamePermit, Obligations } from "./permit.ts";
import type { PolicySnapshot } from "./snapshot.ts";
import type { Surroundings } from "./surroundings.ts";

/**
 * A tunnel that is up: what was asked, what it was permitted by, and the address it was dialled at; undefined: not yet, or
 * a parent proxy was given the name.
 */
export interface LiveTunnel {
  readonly request: EgressRequest;
  readonly permit: NamePermit;
  readonly address: IpAddress | undefined;
}

/**
 * Whether a live tunnel may stay under a new snapshot or network: the same request is permitted, by whatever rule,
 * to the address it is pinned to, and nothing is now asked of its first bytes that was not asked then.
 */
export function stillPermitted(
  snapshot: PolicySnapshot,
  network: NetworkFacts,
  tunnel: LiveTunnel,
  now: EpochMillis,
  surroundings?: Surroundings,
  grant?: EgressGrant,
): boolean {
  const { request, permit, address } = tunnel;
  if (!sameHost(request.host, permit.host) || request.port !== permit.port) return false;
  const decision = decide(snapshot, request, now, surroundings, grant);
  if (decision.effect === "deny") return false;
  if (!covered(decision.permit.obligations, permit.obligations)) return false;
  if (decision.permit.proxy !== permit.proxy) return false;
  return address === undefined || admitAddresses(network, decision.permit, [address]).ok;
}

/** Which ClientHello came is not kept, so one that an obligation let pass may have been of the kind refused now. */
function covered(asked: Obligations, met: Obligations): boolean {
  return (
    asked.protocol === met.protocol &&
    asked.inspect === met.inspect &&
    (asked.allowMissingSni || !met.allowMissingSni) &&
    (asked.allowEch || !met.allowEch)
  );
}
