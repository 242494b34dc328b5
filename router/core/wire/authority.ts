import { parsePort, type Port } from "../base/quantity.ts";
import { fail, ok, type Result } from "../base/result.ts";
import { formatHost, type Host, parseHost, sameHost } from "./host.ts";

/** Where a request goes: what CONNECT, an absolute-form target and a Host field name. */
export interface Authority {
  readonly host: Host;
  readonly port: Port;
}

/**
 * RFC 3986 `authority` without userinfo. Without a port the default counts; with no default a port is required.
 * An empty port ("host:") is refused: RFC 3986 allows it, and readers differ on what it means.
 */
export function parseAuthority(text: string, defaultPort: Port | undefined): Result<Authority, string> {
  if (text.includes("@")) return fail("User information before the host is not accepted.");
  // The colons of an address in brackets are not the one before the port.
  const colon = text.indexOf(":", text.startsWith("[") ? text.indexOf("]") + 1 : 0);
  const host = parseHost(colon < 0 ? text : text.slice(0, colon));
  if (!host.ok) return host;
  if (colon < 0 && defaultPort === undefined) return fail("The port is missing.");
  const port = colon < 0 ? defaultPort : parsePort(text.slice(colon + 1));
  if (port === undefined) return fail("The port is not a decimal number from 1 to 65535.");
  return ok({ host: host.value, port });
}

export function sameAuthority(one: Authority, other: Authority): boolean {
  return one.port === other.port && sameHost(one.host, other.host);
}

/** The canonical `host:port`, always with its port. */
export function formatAuthority(authority: Authority): string {
  return `${formatHost(authority.host)}:${authority.port}`;
}
