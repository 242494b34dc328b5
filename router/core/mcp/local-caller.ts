import { parseHttpUrl } from "../wire/http-url.ts";
import type { Host } from "../wire/host.ts";

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
