import { addressFromOctets, type IpAddress } from "../wire/ip-address.ts";
import type { Cidr } from "../wire/cidr.ts";
import { covers, knownBlock } from "./address-block.ts";

/** The lengths of a NAT64 prefix (RFC 6052 section 2.2). */
export const nat64PrefixLengths: readonly number[] = Object.freeze([32, 40, 48, 56, 64, 96]);

/**
 * The IPv4 address behind a NAT64 prefix of that length (RFC 6052 section 2.2), or undefined where octet 8 or the
 * suffix is not zero: a DNS64 never writes such an address, so it is somebody's guess at a translator's leniency.
 */
export function nat64Target(octets: Uint8Array, prefixLength: number): IpAddress | undefined {
  if (octets[8] !== 0) return undefined;
  const after = [...octets.entries()].filter(([index]) => index >= prefixLength / 8 && index !== 8);
  const values = after.map(([, octet]) => octet);
  return values.slice(4).every((octet) => octet === 0) ? ipv4(values) : undefined;
}

/**
 * Every IPv4 address that an IPv6 address (16 octets) carries in a form the standards know, whatever the network
 * makes of it. Empty for IPv4 and for plain IPv6.
 */
export function embeddedIpv4(octets: Uint8Array): readonly IpAddress[] {
  if (octets.length === 4) return [];
  const found = embeddings.filter(({ block }) => covers(block, octets)).flatMap(({ read }) => read(octets));
  if (hasIsatapInterface(octets)) found.push(ipv4(octets.subarray(12)));
  return found.filter((address) => address !== undefined);
}

/** Interface identifier 0000:5efe or 0200:5efe and an IPv4 address, under any prefix (RFC 5214 section 6.1). */
export function hasIsatapInterface(octets: Uint8Array): boolean {
  return ((octets[8] ?? 0) & 0xfd) === 0 && octets[9] === 0 && octets[10] === 0x5e && octets[11] === 0xfe;
}

interface Embedding {
  readonly block: Cidr;
  readonly read: (octets: Uint8Array) => readonly (IpAddress | undefined)[];
}

const lastFour = (octets: Uint8Array): readonly IpAddress[] => [ipv4(octets.subarray(12))];

const embeddings: readonly Embedding[] = [
  // IPv4-mapped and IPv4-compatible, RFC 4291 section 2.5.5.
  { block: knownBlock("::ffff:0:0/96"), read: lastFour },
  { block: knownBlock("::/96"), read: lastFour },
  // IPv4-translated (SIIT), RFC 2765 section 2.1.
  { block: knownBlock("::ffff:0:0:0/96"), read: lastFour },
  // NAT64 well-known prefix, RFC 6052 section 2.1.
  { block: knownBlock("64:ff9b::/96"), read: lastFour },
  // NAT64 local use, RFC 8215: an operator cuts prefixes of any length from it.
  {
    block: knownBlock("64:ff9b:1::/48"),
    read: (octets) => [48, 56, 64, 96].map((length) => nat64Target(octets, length)),
  },
  // 6to4, RFC 3056 section 2.
  { block: knownBlock("2002::/16"), read: (octets) => [ipv4(octets.subarray(2))] },
  // Teredo, RFC 4380 section 4: the server, and the client with every bit turned over.
  {
    block: knownBlock("2001::/32"),
    read: (octets) => [ipv4(octets.subarray(4)), ipv4(octets.subarray(12).map((octet) => octet ^ 0xff))],
  },
];

/** The address that the first four octets are. */
function ipv4(octets: ArrayLike<number>): IpAddress {
  return addressFromOctets(Uint8Array.from({ length: 4 }, (_, index) => octets[index] ?? 0));
}
