import type { Port } from "../base/quantity.ts";
import { fail, ok, type Result } from "../base/result.ts";
import { type Authority, parseAuthority } from "./authority.ts";
import { formatHost } from "./host.ts";
import { ALPHANUMERIC, allOf, octetClass } from "./octet-class.ts";

/** An absolute http or https URL in parts. */
export interface HttpUrl extends Authority {
  readonly scheme: "http" | "https";
  /** Empty, or begins with "/". As written: nothing is decoded. */
  readonly path: string;
  /** Empty, or begins with "?". It may hold a credential: it belongs in no log. */
  readonly query: string;
}

export const MAXIMUM_URL = 2048;
const DEFAULT_PORTS = { http: 80 as Port, https: 443 as Port } as const;

const PARTS = /^(?<scheme>[A-Za-z][A-Za-z0-9+.-]*):\/\/(?<authority>[^/?#]*)(?<path>[^?#]*)(?<query>\?[^#]*)?$/;
/** RFC 3986 `pchar`, "/" and the percent sign, which `hasBrokenEscape` looks at. */
const PATH = octetClass(`${ALPHANUMERIC}-._~!$&'()*+,;=:@/%`);
const QUERY = octetClass(`${ALPHANUMERIC}-._~!$&'()*+,;=:@/%?`);
/** Servers resolve these, and differ on when. */
const DOT_SEGMENT = /^(?:\.|%2e){1,2}$/i;

/**
 * A text as an http or https URL; the problem is one sentence that does not repeat it, since people put credentials
 * into URLs. Refused: other schemes, user information, fragments, dot segments, and every octet that RFC 3986 does not
 * allow in its place, line ends and blanks before all.
 */
export function parseHttpUrl(given: string): Result<HttpUrl, string> {
  if (given.length > MAXIMUM_URL) return fail(`A URL has at most ${MAXIMUM_URL} characters.`);
  const parts = PARTS.exec(given)?.groups;
  if (parts === undefined) return fail("An absolute URL without a fragment is needed, such as https://host/path.");
  const scheme = parts["scheme"]?.toLowerCase();
  if (scheme !== "http" && scheme !== "https") return fail("The scheme is http or https.");
  const authority = parseAuthority(parts["authority"] ?? "", DEFAULT_PORTS[scheme]);
  if (!authority.ok) return authority;
  const path = parts["path"] ?? "";
  const query = parts["query"] ?? "";
  if (!allOf(path, PATH) || hasBrokenEscape(path)) return fail("The path holds a character that must be escaped.");
  if (!allOf(query, QUERY) || hasBrokenEscape(query)) return fail("The query holds a character that must be escaped.");
  if (path.split("/").some((segment) => DOT_SEGMENT.test(segment))) return fail("The path holds a dot segment.");
  return ok({ scheme, ...authority.value, path, query });
}

function hasBrokenEscape(part: string): boolean {
  return part.replaceAll(/%[0-9A-Fa-f]{2}/g, "").includes("%");
}

/** `https://host` or `https://host:port`, without a default port: all of a URL that belongs in a log. */
export function httpOrigin({ scheme, host, port }: Pick<HttpUrl, "scheme" | "host" | "port">): string {
  return `${scheme}://${formatHost(host)}${port === DEFAULT_PORTS[scheme] ? "" : `:${port}`}`;
}
