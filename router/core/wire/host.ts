import type { Hostname } from "./hostname.ts";
import type { IpAddress } from "./ip-address.ts";

/**
 * The one canonical form of "where to": every list, rule, log, SNI and Host comparison takes this type.
 * `text` is the canonical spelling (name in lower case, IPv4 dotted, IPv6 per RFC 5952, no brackets).
 */
export type Host =
  | { readonly kind: "name"; readonly text: Hostname }
  | { readonly kind: "address"; readonly text: IpAddress };

/** Equality of canonical hosts is equality of their canonical text. */
export function sameHost(one: Host, other: Host): boolean {
  return one.kind === other.kind && one.text === other.text;
}
