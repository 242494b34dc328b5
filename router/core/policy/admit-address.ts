import { fail, ok, type Result } from "../base/result.ts";
import type { IpAddress } from "../wire/ip-address.ts";
import type { NetworkFacts } from "./network.ts";
import { type DialPermit, type NamePermit, takeDialMint } from "./permit.ts";
import type { AddressClass } from "./special-use.ts";

const mint = takeDialMint();

/** As many as happy eyeballs will ever try (RFC 8305); what comes after them is never dialled. */
const maximumAddresses = 16;

export interface RefusedAddress {
  readonly address: IpAddress;
  readonly class: AddressClass;
}

const ownListener: AddressClass = Object.freeze({ global: false, name: "own-listener", source: "this router" });

/**
 * Turns leave to resolve into leave to dial. All answers are judged, each alone; only the vetted ones enter the
 * permit, in the order given, without duplicates. Dialling never resolves again, so these very addresses are pinned
 * (DNS rebinding). A special-use address passes only where the permit's rule names exactly it for this port; this
 * router's own listeners and addresses that a deny rule names pass never. None left, or none given: refused.
 */
export function admitAddresses(
  network: NetworkFacts,
  permit: NamePermit,
  addresses: readonly IpAddress[],
): Result<
  { readonly permit: DialPermit; readonly refused: readonly RefusedAddress[] },
  { readonly reason: "address_not_allowed"; readonly refused: readonly RefusedAddress[] }
> {
  const admitted: IpAddress[] = [];
  const refused: RefusedAddress[] = [];
  for (const address of new Set(addresses)) {
    const obstacle = obstacleTo(network, permit, address);
    if (obstacle !== undefined) refused.push({ address, class: obstacle });
    else if (admitted.length < maximumAddresses) admitted.push(address);
  }
  if (admitted.length === 0) return fail({ reason: "address_not_allowed", refused });
  return ok({ permit: mint(permit, admitted), refused });
}

/**
 * Leave to have a parent proxy asked for the name, where the operator says that it is given names: nothing is resolved
 * here, so there is no address to vet, and neither special-use addresses nor deny rules about addresses can be held
 * against what the parent makes of it. For a rule with a proxy only, and never for a literal, which is vetted like any other.
 */
export function admitName(permit: NamePermit): DialPermit {
  if (permit.proxy === undefined) throw new TypeError("only a parent proxy is given a name");
  if (permit.host.kind === "address") throw new TypeError("a literal address is vetted, whoever dials it");
  return mint(permit, []);
}

function obstacleTo(network: NetworkFacts, permit: NamePermit, address: IpAddress): AddressClass | undefined {
  if (permit.host.kind === "address" && permit.host.text !== address) {
    throw new Error("a literal address leads to itself only");
  }
  if (network.isOwnListener(address, permit.port)) return ownListener;
  for (const alias of network.aliases(address)) {
    const rule = permit.deniedAddress(alias);
    if (rule !== undefined) return { global: false, name: "denied-by-rule", source: rule };
  }
  const found = network.classify(address);
  return found.global || permit.namedAddresses.includes(address) ? undefined : found;
}
