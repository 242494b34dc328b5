import { refined } from "../document/refined-shape.ts";
import type { Shape } from "../document/shape.ts";
import { type Cidr, parseCidr } from "../wire/cidr.ts";
import { network } from "./config-shapes.ts";

interface Bounds {
  readonly octets: 4 | 16;
  readonly widest: number;
  readonly narrowest: number;
  /** Of what the schema can say. */
  readonly pattern: string;
  readonly hint: string;
}

/** Addresses that lead to the pod itself, to its link, or to no single host: no name may be told to be there. */
const NEVER = [
  // Loopback, also as "this host" (RFC 1122 section 3.2.1.3), and written in IPv6 (RFC 4291 section 2.5.5).
  "0.0.0.0/8",
  "127.0.0.0/8",
  "::/96",
  "::ffff:0:0/96",
  // Link-local (RFC 3927, RFC 4291 section 2.5.6).
  "169.254.0.0/16",
  "fe80::/10",
  // Multicast (RFC 5771, RFC 4291 section 2.7).
  "224.0.0.0/4",
  "ff00::/8",
].flatMap((text) => parseCidr(text) ?? []);

/** Where IPv4 stand-ins come from: enough for the names of a pod, and of one owner. */
export const standIns4: Shape<string> = standIns({
  octets: 4,
  widest: 8,
  narrowest: 24,
  pattern: "^[0-9.]+/(?:[89]|1[0-9]|2[0-4])$",
  hint: "an IPv4 network with a prefix of 8 to 24 bits is needed",
});

/** Where IPv6 stand-ins come from. */
export const standIns6: Shape<string> = standIns({
  octets: 16,
  widest: 16,
  narrowest: 96,
  pattern: "^[0-9a-f:.]*:[0-9a-f:.]*/(?:1[6-9]|[2-8][0-9]|9[0-6])$",
  hint: "an IPv6 network with a prefix of 16 to 96 bits is needed",
});

function standIns({ octets, widest, narrowest, pattern, hint }: Bounds): Shape<string> {
  return refined(
    network,
    (text, node, report) => {
      const cidr = parseCidr(text);
      const fits =
        cidr !== undefined &&
        cidr.octets.length === octets &&
        cidr.prefixLength >= widest &&
        cidr.prefixLength <= narrowest &&
        !NEVER.some((never) => overlap(never, cidr));
      if (fits) return text;
      report.add(node, "bad_network", `For stand-ins ${hint}, and neither loopback, link-local nor multicast.`);
      return undefined;
    },
    { pattern },
  );
}

/** Of two networks that overlap one contains the other. */
function overlap(one: Cidr, other: Cidr): boolean {
  if (one.octets.length !== other.octets.length) return false;
  const shared = Math.min(one.prefixLength, other.prefixLength);
  for (let bit = 0; bit < shared; bit += 1) if (bitAt(one, bit) !== bitAt(other, bit)) return false;
  return true;
}

function bitAt({ octets }: Cidr, bit: number): number {
  return ((octets[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1;
}
