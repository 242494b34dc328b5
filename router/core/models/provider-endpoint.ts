import { fail, ok, type Result } from "../base/result.ts";
import { refined } from "../document/refined-shape.ts";
import type { Shape } from "../document/shape.ts";
import { text } from "../document/text-shape.ts";
import { httpOrigin, MAXIMUM_URL, parseHttpUrl } from "../wire/http-url.ts";
import type { ProviderEndpoint } from "./inference-policy.ts";

/** Where calls go: their path is put behind the endpoint's, so it has no query, and slashes at its end are left out. */
export function parseProviderEndpoint(given: string): Result<ProviderEndpoint, string> {
  const url = parseHttpUrl(given);
  if (!url.ok) return url;
  const { query, path, ...place } = url.value;
  if (query !== "") return fail("An endpoint has no query.");
  let end = path.length;
  while (path.charAt(end - 1) === "/") end -= 1;
  return ok({ ...place, path: path.slice(0, end) });
}

/** An endpoint in its one spelling: scheme and host in lower case, no default port, no slash at the end. */
export const providerEndpoint: Shape<ProviderEndpoint> = refined(
  text({ maximum: MAXIMUM_URL }),
  (given, node, report) => {
    const parsed = parseProviderEndpoint(given);
    if (!parsed.ok) {
      report.add(node, "bad_endpoint", parsed.problem);
    } else if (`${httpOrigin(parsed.value)}${parsed.value.path}` === given) {
      return parsed.value;
    } else {
      const message = `Write it as ${httpOrigin(parsed.value)} and its path, without a slash at the end.`;
      report.add(node, "endpoint_not_canonical", message);
    }
    return undefined;
  },
  { pattern: "^https?://[^/?#@]+(?:/[^?#]*[^/?#])?$" },
);

/** A URL that is called as it stands. Its query may hold a credential: it belongs in no log. */
export const webhookUrl: Shape<string> = refined(
  text({ maximum: MAXIMUM_URL }),
  (given, node, report) => {
    const url = parseHttpUrl(given);
    if (url.ok) return given;
    report.add(node, "bad_url", url.problem);
    return undefined;
  },
  { pattern: "^[Hh][Tt][Tt][Pp][Ss]?://[^/?#@]+(?:/[^?#]*)?(?:\\?[^#]*)?$" },
);
