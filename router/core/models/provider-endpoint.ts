import type { Port } from "../base/quantity.ts";
import { fail, ok, type Result } from "../base/result.ts";
import { refined } from "../document/refined-shape.ts";
import type { Shape } from "../document/shape.ts";
import { text } from "../document/text-shape.ts";
import { parseAuthority } from "../wire/authority.ts";
import { formatHost } from "../wire/host.ts";
import { ALPHANUMERIC, allOf, octetClass } from "../wire/octet-class.ts";
import type { ProviderEndpoint } from "./inference-policy.ts";

const MAXIMUM = 2048;
const DEFAULT_PORTS = { http: 80 as Port, https: 443 as Port } as const;

const PARTS = /^(?<scheme>[A-Za-z][A-Za-z0-9+.-]*):\/\/(?<authority>[^/?#]*)(?<path>[^?#]*)(?<query>\?[^#]*)?$/;
/** RFC 3986 `pchar`, "/" and the percent sign, which `hasBrokenEscape` looks at. */
const PATH = octetClass(`${ALPHANUMERIC}-._~!$&'()*+,;=:@/%`);
const QUERY = octetClass(`${ALPHANUMERIC}-._~!$&'()*+,;=:@/%?`);
/** Servers resolve these, and differ on when. */
const DOT_SEGMENT = /^(?:\.|%2e){1,2}$/i;

interface Url {
  readonly endpoint: ProviderEndpoint;
  /** Empty, or begins with "?". */
  readonly query: string;
}

/**
 * A text as an http or https URL; the problem is one sentence that does not repeat it, since people put credentials
 * into URLs. Refused: other schemes, user information, fragments, dot segments, and every octet that RFC 3986 does not
 * allow in its place, line ends and blanks before all. Slashes at the end of the path are left out.
 */
function parseUrl(given: string): Result<Url, string> {
  if (given.length > MAXIMUM) return fail(`A URL has at most ${MAXIMUM} characters.`);
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
  let end = path.length;
  while (path.charAt(end - 1) === "/") end -= 1;
  return ok({ endpoint: { scheme, ...authority.value, path: path.slice(0, end) }, query });
}

function hasBrokenEscape(part: string): boolean {
  return part.replaceAll(/%[0-9A-Fa-f]{2}/g, "").includes("%");
}

/** Where calls go: their path is put behind the endpoint's, so it has no query and no slash at its end. */
export function parseProviderEndpoint(given: string): Result<ProviderEndpoint, string> {
  const url = parseUrl(given);
  if (!url.ok) return url;
  return url.value.query === "" ? ok(url.value.endpoint) : fail("An endpoint has no query.");
}

/** `https://host` or `https://host:port`, without a default port: all of an endpoint that belongs in a log. */
export function providerOrigin({ scheme, host, port }: ProviderEndpoint): string {
  return `${scheme}://${formatHost(host)}${port === DEFAULT_PORTS[scheme] ? "" : `:${port}`}`;
}

/** An endpoint in its one spelling: scheme and host in lower case, no default port, no slash at the end. */
export const providerEndpoint: Shape<ProviderEndpoint> = refined(
  text({ maximum: MAXIMUM }),
  (given, node, report) => {
    const parsed = parseProviderEndpoint(given);
    if (!parsed.ok) {
      report.add(node, "bad_endpoint", parsed.problem);
    } else if (`${providerOrigin(parsed.value)}${parsed.value.path}` === given) {
      return parsed.value;
    } else {
      const message = `Write it as ${providerOrigin(parsed.value)} and its path, without a slash at the end.`;
      report.add(node, "endpoint_not_canonical", message);
    }
    return undefined;
  },
  { pattern: "^https?://[^/?#@]+(?:/[^?#]*[^/?#])?$" },
);

/** A URL that is called as it stands. Its query may hold a credential: it belongs in no log. */
export const webhookUrl: Shape<string> = refined(
  text({ maximum: MAXIMUM }),
  (given, node, report) => {
    const url = parseUrl(given);
    if (url.ok) return given;
    report.add(node, "bad_url", url.problem);
    return undefined;
  },
  { pattern: "^[Hh][Tt][Tt][Pp][Ss]?://[^/?#@]+(?:/[^?#]*)?(?:\\?[^#]*)?$" },
);
