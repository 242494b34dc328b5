import { fail, ok, type Result } from "../base/result.ts";
import { type Hostname, parseHostname } from "./hostname.ts";
import { type IpAddress, isIpv6, parseIpv4, parseIpv6 } from "./ip-address.ts";

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

/**
 * RFC 3986 `host`, strictly: a name, an IPv4 address, or an IPv6 address in brackets. Brackets around anything else
 * are refused (CVE-2022-29188: `[host]` got past a deny list).
 */
export function parseHost(text: string): Result<Host, string> {
  if (text.startsWith("[")) {
    const inner = text.endsWith("]") ? parseIpv6(text.slice(1, -1)) : undefined;
    if (inner === undefined) return fail("Brackets hold an IPv6 address, without a zone id, and nothing else.");
    return ok({ kind: "address", text: inner });
  }
  const address = parseIpv4(text);
  if (address !== undefined) return ok({ kind: "address", text: address });
  const name = parseHostname(text);
  return name.ok ? ok({ kind: "name", text: name.value }) : name;
}

/** The form that `parseHost` takes: IPv6 in brackets. */
export function formatHost(host: Host): string {
  return host.kind === "address" && isIpv6(host.text) ? `[${host.text}]` : host.text;
}
