import { type Cidr, parseCidr } from "../wire/cidr.ts";

/** Whether the network's bits lead the address; never across families. On octets, so that a table costs one parse. */
export function covers(cidr: Cidr, octets: Uint8Array): boolean {
  if (cidr.octets.length !== octets.length) return false;
  const whole = cidr.prefixLength >> 3;
  for (let index = 0; index < whole; index += 1) if (cidr.octets[index] !== octets[index]) return false;
  const spare = 8 - (cidr.prefixLength & 7);
  return spare === 8 || (cidr.octets[whole] ?? 0) >> spare === (octets[whole] ?? 0) >> spare;
}

/** A network written in our own source. */
export function knownBlock(text: string): Cidr {
  const cidr = parseCidr(text);
  if (cidr === undefined) throw new Error(`not a network: ${text}`);
  return cidr;
}
