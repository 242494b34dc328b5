import type { Port } from "../base/quantity.ts";
import { fail, ok, type Result } from "../base/result.ts";
import { refined } from "../document/refined-shape.ts";
import type { Shape } from "../document/shape.ts";
import { text } from "../document/text-shape.ts";
import { type Authority, parseAuthority } from "../wire/authority.ts";
import { formatHost } from "../wire/host.ts";
import { ALPHANUMERIC, allOf, octetClass } from "../wire/octet-class.ts";

/** A place that the operator has records sent to: an absolute http or https URL in parts. */
export interface Endpoint {
  readonly scheme: "http" | "https";
  readonly authority: Authority;
  /** Empty, or begins with "/". As written: nothing is decoded. */
  readonly path: string;
  /** Empty, or begins with "?". It may hold a credential: it belongs in no log. */
  readonly query: string;
}

const MAXIMUM = 2048;
const DEFAULT_PORTS = { http: 80 as Port, https: 443 as Port } as const;

const PARTS = /^(?<scheme>[A-Za-z][A-Za-z0-9+.-]*):\/\/(?<authority>[^/?#]*)(?<path>[^?#]*)(?<query>\?[^#]*)?$/;
/** RFC 3986 `pchar`, "/" and the percent sign, which `hasBrokenEscape` looks at. */
const PATH = octetClass(`${ALPHANUMERIC}-._~!$&'()*+,;=:@/%`);
const QUERY = octetClass(`${ALPHANUMERIC}-._~!$&'()*+,;=:@/%?`);
/** Servers resolve these, and differ on when. */
const DOT_SEGMENT = /^(?:\.|%2e){1,2}$/i;

/**
 * The endpoint that a text names; the problem is one sentence that does not repeat it, since operators put credentials
 * into URLs. Refused: other schemes, user information, fragments, dot segments, and every octet that RFC 3986 does not
 * allow in its place, line ends and blanks before all.
 */
export function parseEndpoint(given: string): Result<Endpoint, string> {
  if (given.length > MAXIMUM) return fail(`An endpoint has at most ${MAXIMUM} characters.`);
  const parts = PARTS.exec(given)?.groups;
  if (parts === undefined) return fail("An endpoint is an absolute URL without a fragment, such as https://host/path.");
  const scheme = parts["scheme"]?.toLowerCase();
  if (scheme !== "http" && scheme !== "https") return fail("The scheme of an endpoint is http or https.");
  const authority = parseAuthority(parts["authority"] ?? "", DEFAULT_PORTS[scheme]);
  if (!authority.ok) return authority;
  const path = parts["path"] ?? "";
  const query = parts["query"] ?? "";
  if (!allOf(path, PATH) || hasBrokenEscape(path)) return fail("The path holds a character that must be escaped.");
  if (!allOf(query, QUERY) || hasBrokenEscape(query)) return fail("The query holds a character that must be escaped.");
  if (path.split("/").some((segment) => DOT_SEGMENT.test(segment))) return fail("The path holds a dot segment.");
  return ok({ scheme, authority: authority.value, path, query });
}

/** `https://host` or `https://host:port`, without a default port: all of an endpoint that belongs in a log. */
export function endpointOrigin({ scheme, authority }: Endpoint): string {
  const { host, port } = authority;
  return `${scheme}://${formatHost(host)}${port === DEFAULT_PORTS[scheme] ? "" : `:${port}`}`;
}

/** The one spelling: scheme and host in lower case, no default port; path and query as they stand. */
export function formatEndpoint(endpoint: Endpoint): string {
  return `${endpointOrigin(endpoint)}${endpoint.path}${endpoint.query}`;
}

/** An endpoint in its one spelling. No problem repeats it: see `parseEndpoint`. */
export const endpoint: Shape<Endpoint> = refined(
  text({ maximum: MAXIMUM }),
  (given, node, report) => {
    const parsed = parseEndpoint(given);
    if (!parsed.ok) report.add(node, "bad_endpoint", parsed.problem);
    else if (formatEndpoint(parsed.value) === given) return parsed.value;
    else report.add(node, "endpoint_not_canonical", `Write its beginning as ${endpointOrigin(parsed.value)}.`);
    return undefined;
  },
  { pattern: "^https?://[^/?#@]+(?:/[^?#]*)?(?:\\?[^#]*)?$" },
);

function hasBrokenEscape(part: string): boolean {
  return part.replaceAll(/%[0-9A-Fa-f]{2}/g, "").includes("%");
}
