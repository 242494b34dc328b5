import type { Cidr } from "../wire/cidr.ts";
import { addressOctets, type IpAddress } from "../wire/ip-address.ts";
import { covers, knownBlock } from "./address-block.ts";
import { hasIsatapInterface } from "./embedded-ipv4.ts";

/** What an address is for. `global`: ordinary unicast on the public internet, the only class that passes unnamed. */
export interface AddressClass {
  readonly global: boolean;
  /** Stable; appears in audit records and explanations. */
  readonly name: string;
  /** The RFC, registry or vendor that says so. */
  readonly source: string;
}

const special = (name: string, source: string): AddressClass => Object.freeze({ global: false, name, source });

const globalUnicast: AddressClass = Object.freeze({
  global: true,
  name: "global",
  source: "RFC 4291 section 2.4, RFC 6890",
});
const reservedIpv6 = special("reserved-ipv6", "IANA IPv6 Address Space: only 2000::/3 is global unicast");
const isatap = special("isatap", "RFC 5214 section 6.1");

/**
 * Every row of IANA's IPv4 and IPv6 Special-Purpose Address Registries (as of 2025-10-09), also those marked globally
 * reachable (they serve protocols, never an agent), and what other registries and clouds set aside. Where rows
 * overlap, the longest prefix names the class.
 */
const rows: readonly (readonly [prefix: string, name: string, source: string])[] = [
  ["0.0.0.0/8", "this-network", "RFC 791 section 3.2"],
  ["0.0.0.0/32", "unspecified", "RFC 1122 section 3.2.1.3"],
  ["10.0.0.0/8", "private-use", "RFC 1918"],
  ["100.64.0.0/10", "shared-address-space", "RFC 6598"],
  ["127.0.0.0/8", "loopback", "RFC 1122 section 3.2.1.3"],
  ["169.254.0.0/16", "link-local", "RFC 3927"],
  ["172.16.0.0/12", "private-use", "RFC 1918"],
  ["192.0.0.0/24", "ietf-protocol-assignments", "RFC 6890 section 2.1"],
  ["192.0.0.0/29", "ipv4-service-continuity", "RFC 7335"],
  ["192.0.0.8/32", "ipv4-dummy", "RFC 7600"],
  ["192.0.0.9/32", "pcp-anycast", "RFC 7723"],
  ["192.0.0.10/32", "turn-anycast", "RFC 8155"],
  ["192.0.0.170/32", "nat64-discovery", "RFC 8880, RFC 7050 section 2.2"],
  ["192.0.0.171/32", "nat64-discovery", "RFC 8880, RFC 7050 section 2.2"],
  ["192.0.2.0/24", "documentation", "RFC 5737"],
  ["192.31.196.0/24", "as112", "RFC 7535"],
  ["192.52.193.0/24", "amt", "RFC 7450"],
  ["192.88.99.0/24", "6to4-relay-anycast", "RFC 7526"],
  ["192.88.99.2/32", "6a44-relay-anycast", "RFC 6751"],
  ["192.168.0.0/16", "private-use", "RFC 1918"],
  ["192.175.48.0/24", "as112", "RFC 7534"],
  ["198.18.0.0/15", "benchmarking", "RFC 2544"],
  ["198.51.100.0/24", "documentation", "RFC 5737"],
  ["203.0.113.0/24", "documentation", "RFC 5737"],
  ["224.0.0.0/4", "multicast", "RFC 5771"],
  ["240.0.0.0/4", "reserved", "RFC 1112 section 4"],
  ["255.255.255.255/32", "limited-broadcast", "RFC 8190, RFC 919 section 7"],

  ["169.254.169.254/32", "cloud-metadata", "AWS, Azure, Google Cloud and others"],
  // 169.254.170.2 (ECS task roles) and 169.254.170.23 (EKS pod identity).
  ["169.254.170.0/23", "cloud-metadata", "AWS container credentials"],
  ["168.63.129.16/32", "cloud-metadata", "Azure WireServer"],
  ["100.100.100.200/32", "cloud-metadata", "Alibaba Cloud"],
  ["192.0.0.192/32", "cloud-metadata", "Oracle Cloud Classic"],

  ["::/128", "unspecified", "RFC 4291 section 2.5.2"],
  ["::1/128", "loopback", "RFC 4291 section 2.5.3"],
  ["::/96", "ipv4-compatible", "RFC 4291 section 2.5.5.1"],
  ["::ffff:0:0/96", "ipv4-mapped", "RFC 4291 section 2.5.5.2"],
  ["::ffff:0:0:0/96", "ipv4-translated", "RFC 2765 section 2.1"],
  ["64:ff9b::/96", "nat64-well-known", "RFC 6052 section 2.1"],
  ["64:ff9b:1::/48", "nat64-local-use", "RFC 8215"],
  ["100::/64", "discard-only", "RFC 6666"],
  ["100:0:0:1::/64", "dummy-prefix", "RFC 9780"],
  ["2001::/23", "ietf-protocol-assignments", "RFC 2928"],
  ["2001::/32", "teredo", "RFC 4380"],
  ["2001:1::1/128", "pcp-anycast", "RFC 7723"],
  ["2001:1::2/128", "turn-anycast", "RFC 8155"],
  ["2001:1::3/128", "dns-sd-srp-anycast", "RFC 9665"],
  ["2001:2::/48", "benchmarking", "RFC 5180"],
  ["2001:3::/32", "amt", "RFC 7450"],
  ["2001:4:112::/48", "as112", "RFC 7535"],
  ["2001:10::/28", "orchid", "RFC 4843"],
  ["2001:20::/28", "orchid-v2", "RFC 7343"],
  ["2001:30::/28", "drone-remote-id", "RFC 9374"],
  ["2001:db8::/32", "documentation", "RFC 3849"],
  ["2002::/16", "6to4", "RFC 3056"],
  ["2620:4f:8000::/48", "as112", "RFC 7534"],
  ["3fff::/20", "documentation", "RFC 9637"],
  ["5f00::/16", "srv6-sids", "RFC 9602"],
  ["fc00::/7", "unique-local", "RFC 4193"],
  ["fe80::/10", "link-local", "RFC 4291 section 2.5.6"],
  ["fec0::/10", "site-local", "RFC 3879"],
  ["ff00::/8", "multicast", "RFC 4291 section 2.7"],

  ["fd00:ec2::/32", "cloud-metadata", "AWS (IMDS, EKS pod identity)"],
  ["fd20:ce::254/128", "cloud-metadata", "Google Cloud"],
  ["fd00:42::42/128", "cloud-metadata", "Scaleway"],
];

interface Block {
  readonly cidr: Cidr;
  readonly class: AddressClass;
}

/** Longest prefix first. */
const blocks: readonly Block[] = rows
  .map(([prefix, name, source]): Block => ({ cidr: knownBlock(prefix), class: special(name, source) }))
  .toSorted((one, other) => other.cidr.prefixLength - one.cidr.prefixLength);
const ipv4Blocks = blocks.filter(({ cidr }) => cidr.octets.length === 4);
const ipv6Blocks = blocks.filter(({ cidr }) => cidr.octets.length === 16);

/** The class of an address by itself, before a network's own facts (`network.ts`) are considered. */
export function classifyAddress(address: IpAddress): AddressClass {
  return classifyOctets(addressOctets(address));
}

/** The same, of 4 or 16 octets. */
export function classifyOctets(octets: Uint8Array): AddressClass {
  if (octets.length === 4) return classOf(ipv4Blocks, octets) ?? globalUnicast;
  const found = classOf(ipv6Blocks, octets);
  if (found !== undefined) return found;
  if (((octets[0] ?? 0) & 0xe0) !== 0x20) return reservedIpv6;
  return hasIsatapInterface(octets) ? isatap : globalUnicast;
}

function classOf(candidates: readonly Block[], octets: Uint8Array): AddressClass | undefined {
  return candidates.find(({ cidr }) => covers(cidr, octets))?.class;
}
