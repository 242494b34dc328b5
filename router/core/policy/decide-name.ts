import type { EpochMillis, Port } from "../base/quantity.ts";
import type { Reason } from "../base/reason.ts";
import type { Host } from "../wire/host.ts";
import type { IpAddress } from "../wire/ip-address.ts";
import { admitAddresses } from "./admit-address.ts";
import { decide } from "./decide.ts";
import type { NetworkFacts } from "./network.ts";
import type { NamePermit } from "./permit.ts";
import type { PolicySnapshot } from "./snapshot.ts";
import type { Surroundings } from "./surroundings.ts";

/** Whether a name may be known of: it may where some port of it may be reached. */
export type NameDecision =
  | { readonly effect: "permit"; readonly permits: readonly NamePermit[] }
  | { readonly effect: "deny"; readonly reason: Reason; readonly rule: string | undefined };

/** What a question of the DNS has no port for is asked for the web's. */
const USUAL_PORTS = [443, 80] as readonly number[] as readonly Port[];

/**
 * The policy's answer to a question of the DNS: the permits of every port under which an allow rule names the host (in
 * learn mode: of the web's ports as well), or why there is none. What `decide` refuses on each port is not answered, so a
 * name leaves the pod only where a connection could follow. Approvals are the caller's to ask for.
 */
export function decideName(
  snapshot: PolicySnapshot,
  host: Host,
  now: EpochMillis,
  surroundings: Surroundings,
): NameDecision {
  const ruled = snapshot.state === "loaded" ? snapshot.allowFor(host).flatMap((rule) => rule.ports) : [];
  const ports = new Set([...ruled, ...USUAL_PORTS]);
  const permits: NamePermit[] = [];
  let first: { readonly reason: Reason; readonly rule: string | undefined } | undefined;
  for (const port of ports) {
    const decision = decide(snapshot, { via: "tunnel", host, port }, now, surroundings);
    if (decision.effect === "permit") permits.push(decision.permit);
    else first ??= decision;
  }
  if (permits.length > 0 || first === undefined) return { effect: "permit", permits };
  return { effect: "deny", reason: first.reason, rule: first.rule };
}

/** Those of the addresses that one of the permits would let be dialled, in their order. */
export function admissibleAddresses(
  network: NetworkFacts,
  permits: readonly NamePermit[],
  addresses: readonly IpAddress[],
): readonly IpAddress[] {
  const admitted = new Set<IpAddress>();
  for (const permit of permits) {
    const result = admitAddresses(network, permit, addresses);
    if (result.ok) for (const address of result.value.permit.addresses) admitted.add(address);
  }
  return addresses.filter((address) => admitted.has(address));
}
