import { ok, type Result } from "../../core/base/result.ts";
import { nat64PrefixLengths, nat64Target } from "../../core/policy/embedded-ipv4.ts";
import { parseHostname } from "../../core/wire/hostname.ts";
import { addressFromOctets, addressOctets, type IpAddress, isIpv6 } from "../../core/wire/ip-address.ts";
import type { DnsProblem, NameResolver } from "./resolver.ts";

/** The well-known IPv4-only name and its addresses (RFC 7050 section 2.2): a AAAA for it is a DNS64's work. */
const WELL_KNOWN_NAME = parseHostname("ipv4only.arpa");
const WELL_KNOWN_ADDRESSES: ReadonlySet<string> = new Set(["192.0.0.170", "192.0.0.171"]);

/**
 * The NAT64 prefixes of this network (RFC 7050 section 3), as CIDR text; none where DNS says that there is no DNS64. A
 * failure means that nobody knows.
 */
export async function discoverNat64(
  resolver: NameResolver,
  signal: AbortSignal,
): Promise<Result<readonly string[], DnsProblem>> {
  if (!WELL_KNOWN_NAME.ok) throw new Error(WELL_KNOWN_NAME.problem);
  const answers = await resolver.resolveIpv6(WELL_KNOWN_NAME.value, signal);
  return answers.ok ? ok(nat64Prefixes(answers.value)) : answers;
}

/**
 * The prefixes behind synthesised addresses of the well-known name: wherever RFC 6052 lets a well-known address stand,
 * what is before it is a prefix. Where two lengths fit, both count: a prefix too many only refuses more.
 */
export function nat64Prefixes(addresses: readonly IpAddress[]): readonly string[] {
  const found = addresses.filter(isIpv6).flatMap((address) => {
    const octets = addressOctets(address);
    return nat64PrefixLengths
      .filter((length) => WELL_KNOWN_ADDRESSES.has(nat64Target(octets, length) ?? ""))
      .map(
        (length) => `${addressFromOctets(octets.map((octet, index) => (index < length / 8 ? octet : 0)))}/${length}`,
      );
  });
  return [...new Set(found)];
}
