import { addressOctets, type IpAddress, isIpv6, parseIpAddress } from "./ip-address.ts";

/** A network: `octets` is its first address (4 or 16 of them), `text` its canonical `address/length`. */
export interface Cidr {
  readonly octets: Uint8Array;
  readonly prefixLength: number;
  readonly text: string;
}

/** `address/length`, strict as the address is; undefined where a bit is set beyond the prefix (10.0.0.1/8). */
export function parseCidr(text: string): Cidr | undefined {
  const slash = text.indexOf("/");
  if (slash < 0) return undefined;
  const address = parseIpAddress(text.slice(0, slash));
  const digits = text.slice(slash + 1);
  if (address === undefined || !/^(?:0|[1-9][0-9]{0,2})$/.test(digits)) return undefined;
  const octets = addressOctets(address);
  const prefixLength = Number(digits);
  if (prefixLength > octets.length * 8) return undefined;
  for (const [index, octet] of octets.entries()) {
    if ((octet & ~prefixMask(prefixLength, index) & 0xff) !== 0) return undefined;
  }
  return { octets, prefixLength, text: `${address}/${prefixLength}` };
}

/** False across families: an IPv4-mapped address is in no IPv4 network, unless its IPv4 address is taken out first. */
export function cidrContains(cidr: Cidr, address: IpAddress): boolean {
  if (isIpv6(address) !== (cidr.octets.length === 16)) return false;
  const octets = addressOctets(address);
  for (const [index, octet] of cidr.octets.entries()) {
    const mask = prefixMask(cidr.prefixLength, index);
    if (mask === 0) return true;
    if (((octets[index] ?? 0) & mask) !== octet) return false;
  }
  return true;
}

/** The bits of octet `index` that a prefix covers. */
function prefixMask(prefixLength: number, index: number): number {
  const bits = Math.min(8, Math.max(0, prefixLength - index * 8));
  return (0xff << (8 - bits)) & 0xff;
}
