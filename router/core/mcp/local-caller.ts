import { parseHttpUrl } from "../wire/http-url.ts";
import { type Host, sameHost } from "../wire/host.ts";

/** A host by which only this pod's loopback is meant: what a page elsewhere can make a browser call bears its own name. */
export function isLocalHost(host: Host): boolean {
  if (host.kind === "name") return host.text === "localhost";
  return host.text === "::1" || host.text.startsWith("127.");
}

/** Of an `Origin` field (RFC 6454 section 7): a page of this pod's own. `null` is a page whose origin nobody knows. */
export function isLocalOrigin(text: string): boolean {
  const parsed = parseHttpUrl(text);
  if (!parsed.ok) return false;
  const { host, path, query } = parsed.value;
  return path === "" && query === "" && isLocalHost(host);
}

/**
 * Whether no page from elsewhere had a browser send this, by the Host and `Origin` fields. What a page makes of its own name
 * (DNS rebinding, as in CVE-2025-64443) has dots in it: nobody gives an address another, nor a name without dots.
 */
export function isCalledHere(host: Host, origins: readonly string[]): boolean {
  const named = host.kind === "address" || !host.text.includes(".") || host.text.endsWith(".localhost");
  return named && origins.every((origin) => isLocalOrigin(origin) || isOriginOf(origin, host));
}

function isOriginOf(text: string, host: Host): boolean {
  const parsed = parseHttpUrl(text);
  return parsed.ok && parsed.value.path === "" && parsed.value.query === "" && sameHost(parsed.value.host, host);
}
