import type { Port } from "../base/quantity.ts";
import { fail, ok, type Result } from "../base/result.ts";
import { type Authority, parseAuthority, sameAuthority } from "./authority.ts";
import { formatHost } from "./host.ts";
import { type OriginForm, parseOriginForm } from "./request-target.ts";

/** An http or https URL that is asked for, in the parts that are judged, dialled and sent. */
export interface FetchUrl extends OriginForm {
  readonly scheme: "http" | "https";
  readonly authority: Authority;
}

/** Characters: presigned URLs of object stores have two thousand. */
export const LONGEST_FETCH_URL = 8_192;

const DEFAULT_PORTS = { http: 80 as Port, https: 443 as Port } as const;
const PARTS = /^(?<scheme>[A-Za-z][A-Za-z0-9+.-]*):\/\/(?<authority>[^/?#]*)(?<rest>[^]*)$/;
const REFERENCE = /^[!-[\]-~]*$/;
const SCHEME = /^[A-Za-z][A-Za-z0-9+.-]*:/;

/**
 * A text as an absolute http or https URL. Host and path are read as at the proxy door, so that one rule means one thing:
 * nothing is decoded, and addresses in any spelling but the canonical ones, user information, fragments and dot segments
 * are refused. The problem is one sentence that does not repeat the text.
 */
export function parseFetchUrl(given: string): Result<FetchUrl, string> {
  if (given.length > LONGEST_FETCH_URL) return fail(`A URL has at most ${LONGEST_FETCH_URL} characters.`);
  const parts = PARTS.exec(given)?.groups;
  if (parts === undefined) return fail("An absolute URL is needed, such as https://host/path.");
  const scheme = parts["scheme"]?.toLowerCase();
  if (scheme !== "http" && scheme !== "https") return fail("The scheme is http or https.");
  const authority = parseAuthority(parts["authority"] ?? "", DEFAULT_PORTS[scheme]);
  if (!authority.ok) return authority;
  const rest = parts["rest"] ?? "";
  if (rest.includes("#")) return fail("A URL that is fetched has no fragment.");
  // RFC 9110 section 4.2.3: an empty path is "/".
  const origin = parseOriginForm(rest.startsWith("/") ? rest : `/${rest}`);
  return origin.ok ? ok({ scheme, authority: authority.value, ...origin.value }) : origin;
}

/**
 * Where a Location field of an answer to `from` leads (RFC 9110 section 10.2.2, RFC 3986 section 5.2): absolute, or relative
 * to `from`. Its fragment is never sent, and is dropped. A problem as in `parseFetchUrl`.
 */
export function locationUrl(from: FetchUrl, location: string): Result<FetchUrl, string> {
  if (location.length > LONGEST_FETCH_URL) return fail(`A URL has at most ${LONGEST_FETCH_URL} characters.`);
  const [reference = ""] = location.split("#", 1);
  if (reference === "") return fail("The Location is empty.");
  // Looked at before segments go: browsers read a backslash as a slash, and leave out line ends.
  if (!REFERENCE.test(reference)) return fail("The Location holds a character that must be percent-encoded.");
  if (SCHEME.test(reference)) return parseFetchUrl(reference);
  if (reference.startsWith("//")) return parseFetchUrl(`${from.scheme}:${reference}`);
  const mark = reference.indexOf("?");
  const path = mark < 0 ? reference : reference.slice(0, mark);
  const query = mark < 0 ? "" : reference.slice(mark);
  const merged = path.startsWith("/") ? path : from.path.slice(0, from.path.lastIndexOf("/") + 1) + path;
  const origin = parseOriginForm((path === "" ? from.path : withoutDots(merged)) + query);
  return origin.ok ? ok({ scheme: from.scheme, authority: from.authority, ...origin.value }) : origin;
}

const ENCODED_DOT = /%(?:25)*2e/i;

/** RFC 3986 section 5.2.4, for dots that are written as such; others are `parseOriginForm`'s to refuse. */
function withoutDots(path: string): string {
  const kept: string[] = [];
  const segments = path.split("/").slice(1);
  for (const [index, segment] of segments.entries()) {
    const isDots = segment === "." || segment === "..";
    if (segment === ".." && ENCODED_DOT.test(kept.at(-1) ?? "")) return path;
    if (segment === "..") kept.pop();
    if (!isDots) kept.push(segment);
    else if (index === segments.length - 1) kept.push("");
  }
  return `/${kept.join("/")}`;
}

/** The one spelling, without a default port. Its query may hold a credential: it belongs in no log. */
export function formatFetchUrl(url: FetchUrl): string {
  return `${url.scheme}://${hostFieldOf(url)}${url.path}${url.query}`;
}

/** The Host field: with the port only where it is not the scheme's own (RFC 9110 section 7.2). */
export function hostFieldOf({ scheme, authority: { host, port } }: FetchUrl): string {
  return port === DEFAULT_PORTS[scheme] ? formatHost(host) : `${formatHost(host)}:${port}`;
}

/** RFC 6454: scheme, host and port. */
export function sameOrigin(one: FetchUrl, other: FetchUrl): boolean {
  return one.scheme === other.scheme && sameAuthority(one.authority, other.authority);
}
