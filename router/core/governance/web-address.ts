import { embeddedIpv4 } from "../policy/embedded-ipv4.ts";
import { addressOctets, parseIpv4, parseIpv6 } from "../wire/ip-address.ts";

const PARTS = /^(https?|wss?):\/\/([^/?#]*)(.*)$/is;
/** Names before a host that readers may take for it hold no backslash here. */
const AUTHORITY = /^(?:[^@\\]*@)?(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::([0-9]*))?$/i;
const DEFAULT_PORTS: Readonly<Record<string, number>> = { http: 80, ws: 80, https: 443, wss: 443 };

/**
 * An address of the web with scheme and host as everyone writes them, a port only where it is not the scheme's own, no
 * names before the host, and a slash behind it; the path and what follows as they stand. Undefined: readers may take it
 * for different hosts, or it is none.
 */
export function webAddress(text: string): string | undefined {
  const [, scheme, authority, rest] = PARTS.exec(text) ?? [];
  if (scheme === undefined || authority === undefined || rest === undefined) return undefined;
  const [, written, port = ""] = AUTHORITY.exec(authority) ?? [];
  const host = written === undefined ? undefined : plainHost(written.toLowerCase());
  if (host === undefined || Number(port) > 65_535) return undefined;
  const name = scheme.toLowerCase();
  const shown = port === "" || Number(port) === DEFAULT_PORTS[name] ? "" : `:${Number(port)}`;
  return `${name}://${host}${shown}${rest.startsWith("/") ? "" : "/"}${rest}`;
}

/** Of what `webAddress` made: the same with the scheme's own port, where it has none. */
export function withOwnPort(text: string): string {
  return text.replace(/^(https?|wss?):\/\/([^/:]+|\[[^/]+\])(?=\/)/, (whole, scheme: string) => {
    return `${whole}:${DEFAULT_PORTS[scheme] ?? ""}`;
  });
}

/** A number is an IPv4 address to some (inet_aton), and an IPv6 address that carries one may lead to it. */
function plainHost(written: string): string | undefined {
  if (written.startsWith("[")) {
    const address = parseIpv6(written.slice(1, -1));
    if (address === undefined || embeddedIpv4(addressOctets(address)).length > 0) return undefined;
    return `[${address}]`;
  }
  const host = written.endsWith(".") ? written.slice(0, -1) : written;
  if (host === "" || host.split(".").includes("")) return undefined;
  if (parseIpv4(host) !== undefined) return host;
  return /(?:^|\.)(?:[0-9]+|0x[0-9a-f]*)$/.test(host) ? undefined : host;
}
