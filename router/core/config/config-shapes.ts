import { text } from "../document/text-shape.ts";
import type { Endpoint } from "./endpoint-shape.ts";
import { canonical } from "../document/canonical-shape.ts";
import type { Shape } from "../document/shape.ts";
import { formatAuthority, parseAuthority } from "../wire/authority.ts";
import { parseCidr } from "../wire/cidr.ts";
import { type Hostname, parseHostname } from "../wire/hostname.ts";
import { parseIpAddress } from "../wire/ip-address.ts";

/** A host name. */
export const hostname: Shape<Hostname> = canonical({
  noun: "host",
  maximum: 254,
  pattern: /^[a-z0-9_][a-z0-9_.-]*$/,
  hint: "a host name is needed.",
  parse: (given) => {
    const parsed = parseHostname(given);
    return parsed.ok ? { value: parsed.value, canonical: parsed.value } : undefined;
  },
});

/** `10.0.0.0/8` or `fd00::/8`. */
export const network: Shape<string> = canonical({
  noun: "network",
  maximum: 64,
  pattern: /^[0-9a-f.:]+\/[0-9]{1,3}$/,
  hint: "a network such as 10.0.0.0/8 or fd00::/8 is needed, without bits beyond the prefix.",
  parse: (given) => {
    const spelling = parseCidr(given)?.text;
    return spelling === undefined ? undefined : { value: spelling, canonical: spelling };
  },
});

/** A DNS server: `10.0.0.10`, `10.0.0.10:5353`, `fd00::10` or `[fd00::10]:5353`. */
export const serverAddress: Shape<string> = canonical({
  noun: "address",
  maximum: 64,
  pattern: /^[[\]0-9a-f.:]+$/,
  hint: "an IPv4 or IPv6 address is needed, with a port or without.",
  parse: (given) => {
    const spelling = parseIpAddress(given) ?? addressWithPort(given);
    return spelling === undefined ? undefined : { value: spelling, canonical: spelling };
  },
});

function addressWithPort(given: string): string | undefined {
  const authority = parseAuthority(given, undefined);
  return authority.ok && authority.value.host.kind === "address" ? formatAuthority(authority.value) : undefined;
}

/** A file or a directory. */
export const path = text({ maximum: 4096 });

/** Of an export, a feed or a proxy: in metrics and records, too. */
export const plainName = text({
  code: "bad_name",
  maximum: 63,
  pattern: /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/,
  hint: "a name is made of small letters, digits and - and begins and ends with a letter or a digit.",
});

/** Octets that go there leave the pod on no wire. */
export function isLoopback({ authority }: Endpoint): boolean {
  const { kind, text: host } = authority.host;
  return kind === "address" && (host === "::1" || host.startsWith("127."));
}
