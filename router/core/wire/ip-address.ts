import type { Brand } from "../base/brand.ts";

/**
 * Canonical text of an address: dotted quad, or RFC 5952 (section 5: IPv4-mapped addresses end in a dotted quad).
 * Two texts are the same address exactly when they are equal. `::ffff:1.2.3.4` is not `1.2.3.4`: what an embedded
 * address means is for the classification of addresses to say.
 */
export type IpAddress = Brand<string, "IpAddress">;

/** Longest spelling: eight groups of four digits, or six and a dotted quad. */
const LONGEST_V6 = 45;

export function parseIpAddress(text: string): IpAddress | undefined {
  return text.includes(":") ? parseIpv6(text) : parseIpv4(text);
}

const DECIMAL_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
const IPV4 = new RegExp(`^${DECIMAL_OCTET}(?:\\.${DECIMAL_OCTET}){3}$`);

/** Four decimal octets without leading zeros: no octal, hex, short or single-number form (inet_aton) is an address. */
export function parseIpv4(text: string): IpAddress | undefined {
  return IPV4.test(text) ? (text as IpAddress) : undefined;
}

/** RFC 4291 section 2.2, all three forms, in either case; no brackets, no zone id, no prefix length. */
export function parseIpv6(text: string): IpAddress | undefined {
  const octets = ipv6Octets(text);
  return octets === undefined ? undefined : formatIpv6(octets);
}

export function isIpv6(address: IpAddress): boolean {
  return address.includes(":");
}

/** 4 or 16 octets, in network order; the caller owns the array. */
export function addressOctets(address: IpAddress): Uint8Array {
  const octets = isIpv6(address) ? ipv6Octets(address) : ipv4Octets(address);
  if (octets === undefined) throw new Error("an IpAddress that no parser made");
  return octets;
}

/** From 4 or 16 octets; any other number of them is a bug of the caller. */
export function addressFromOctets(octets: Uint8Array): IpAddress {
  if (octets.length === 4) return octets.join(".") as IpAddress;
  if (octets.length === 16) return formatIpv6(octets);
  throw new RangeError(`an address has 4 or 16 octets, not ${octets.length}`);
}

function ipv4Octets(text: string): Uint8Array | undefined {
  return IPV4.test(text) ? Uint8Array.from(text.split("."), Number) : undefined;
}

function ipv6Octets(text: string): Uint8Array | undefined {
  if (text.length > LONGEST_V6) return undefined;
  const [before, after, ...more] = text.split("::");
  if (before === undefined || more.length > 0) return undefined;
  const octets = new Uint8Array(16);
  if (after === undefined) {
    const whole = groupOctets(before, true);
    if (whole?.length !== 16) return undefined;
    octets.set(whole);
    return octets;
  }
  const head = groupOctets(before, false);
  const tail = groupOctets(after, true);
  // "::" stands for at least one group of zeros.
  if (head === undefined || tail === undefined || head.length + tail.length > 14) return undefined;
  octets.set(head);
  octets.set(tail, 16 - tail.length);
  return octets;
}

/** The octets of groups between colons; the last may be a dotted quad where the address ends there. */
function groupOctets(text: string, endsAddress: boolean): number[] | undefined {
  if (text === "") return [];
  const groups = text.split(":");
  const octets: number[] = [];
  for (const [index, group] of groups.entries()) {
    if (/^[0-9a-fA-F]{1,4}$/.test(group)) {
      const value = Number.parseInt(group, 16);
      octets.push(value >> 8, value & 0xff);
      continue;
    }
    const quad = endsAddress && index === groups.length - 1 ? ipv4Octets(group) : undefined;
    if (quad === undefined) return undefined;
    octets.push(...quad);
  }
  return octets;
}

/** RFC 5952: lower case, no leading zeros, "::" for the longest run of two or more zero groups, the first of equals. */
function formatIpv6(octets: Uint8Array): IpAddress {
  const groups: number[] = [];
  for (let at = 0; at < 16; at += 2) groups.push(((octets[at] ?? 0) << 8) | (octets[at + 1] ?? 0));
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    return `::ffff:${octets.slice(12).join(".")}` as IpAddress;
  }
  let runStart = 0;
  let runLength = 0;
  for (let start = 0; start < 8; start++) {
    let end = start;
    while (groups[end] === 0) end++;
    if (end - start > runLength) {
      runStart = start;
      runLength = end - start;
    }
    start = Math.max(start, end - 1);
  }
  const hex = groups.map((group) => group.toString(16));
  if (runLength < 2) return hex.join(":") as IpAddress;
  return `${hex.slice(0, runStart).join(":")}::${hex.slice(runStart + runLength).join(":")}` as IpAddress;
}
