import { type Port, portOf } from "../base/quantity.ts";
import { fail, ok, type Result } from "../base/result.ts";
import { type Authority, parseAuthority } from "./authority.ts";
import { ALPHANUMERIC, allOf, octetClass } from "./octet-class.ts";

/** Path and query as sent: policy judges these very characters and the origin gets them unchanged. */
export interface OriginForm {
  /** Begins with "/"; no dot segments. */
  readonly path: string;
  /** With its "?", or "" where there is none. */
  readonly query: string;
}

export interface AbsoluteForm extends OriginForm {
  readonly authority: Authority;
}

/**
 * RFC 3986 `pchar` and "/", and the three that WHATWG URL (browsers, undici) leaves bare in a path: `[ ] |`
 * (measured on Node 26; it escapes `"<>^`{}`, and only a hand-typed curl sends those in a path: refused).
 */
const PATH_OCTETS = octetClass(`${ALPHANUMERIC}-._~!$&'()*+,;=:@/%[]|`);

/**
 * In a query WHATWG URL also leaves ``^`{}`` bare, and curl sends `"<>` as typed. Policy does not read the query and
 * no separator of ours is among them, so all visible ASCII passes but "#" (a fragment is never sent) and the
 * backslash (undici sends it bare; it is read as "/" by too many, and `%5C` says the same).
 */
const QUERY_OCTETS = octetClass(`${ALPHANUMERIC}-._~!$&'()*+,;=:@/%[]|?^\`{}"<>`);

/**
 * A segment that is "." or ".." to anyone: literal, percent-encoded (also twice), between encoded or literal
 * separators, or with a path parameter behind it (`..;x`, which Tomcat strips first). What a rule such as
 * `/public/**` allows must not climb out at the origin (RFC 3986 section 5.2.4 would remove them; we do not repair).
 */
const DOT_SEGMENT = /(?:\/|%(?:25)*(?:2f|5c))(?:\.|%(?:25)*2e){1,2}(?:$|[/;]|%(?:25)*(?:2f|5c|3b))/i;

/** Where http goes without a port (RFC 9110 section 4.2.1). */
export const HTTP_PORT = portOf(80) as Port;

/** Where https goes without a port (RFC 9110 section 4.2.2). */
export const HTTPS_PORT = portOf(443) as Port;

/** RFC 9112 section 3.2.2, for `http` only. The problem is one sentence that does not repeat the text. */
export function parseAbsoluteForm(text: string): Result<AbsoluteForm, string> {
  if (/^http:\/\//i.test(text)) return absoluteForm(text.slice("http://".length), HTTP_PORT);
  return /^https:/i.test(text)
    ? fail("An https URL is not of this connection, whose requests go on in clear.")
    : fail("The request-target is not an absolute http URL.");
}

/** The same for `https` only: inside inspected TLS, and at the proxy's port. */
export function parseSecureAbsoluteForm(text: string): Result<AbsoluteForm, string> {
  if (/^https:\/\//i.test(text)) return absoluteForm(text.slice("https://".length), HTTPS_PORT);
  return fail("The request-target is neither a path nor an absolute https URL.");
}

/** `rest`: what follows the scheme. */
function absoluteForm(rest: string, defaultPort: Port): Result<AbsoluteForm, string> {
  const authorityEnd = rest.search(/[/?]/);
  const authorityText = authorityEnd < 0 ? rest : rest.slice(0, authorityEnd);
  const authority = parseAuthority(authorityText, defaultPort);
  if (!authority.ok) return authority;
  const after = authorityEnd < 0 ? "" : rest.slice(authorityEnd);
  // RFC 9110 section 4.2.3: an empty path is "/".
  const origin = parseOriginForm(after === "" || after.startsWith("?") ? `/${after}` : after);
  return origin.ok ? ok({ authority: authority.value, path: origin.value.path, query: origin.value.query }) : origin;
}

/** RFC 9112 section 3.2.1. */
export function parseOriginForm(text: string): Result<OriginForm, string> {
  if (!text.startsWith("/")) return fail("The request-target is not a path.");
  const mark = text.indexOf("?");
  const path = mark < 0 ? text : text.slice(0, mark);
  const query = mark < 0 ? "" : text.slice(mark);
  if (!allOf(path, PATH_OCTETS)) return fail("The path holds a character that must be percent-encoded.");
  if (/%(?![0-9a-f]{2})/i.test(path)) return fail("The path has a percent sign without two hex digits.");
  // A reader that stops at NUL sees another path than the one judged.
  if (path.includes("%00")) return fail("The path holds an encoded NUL.");
  if (DOT_SEGMENT.test(path)) return fail("The path has a dot segment.");
  if (!allOf(query, QUERY_OCTETS)) return fail("The query holds a character that must be percent-encoded.");
  return ok({ path, query });
}
