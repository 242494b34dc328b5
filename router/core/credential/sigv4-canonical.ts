import { fail, ok, type Result } from "../base/result.ts";

/** A request as it goes on the wire, as far as a signature covers it. */
export interface SignablePart {
  readonly method: string;
  /** Begins with "/", escaped as it is sent. */
  readonly path: string;
  /** Without "?". */
  readonly query: string;
  /** Those that are signed, in the order sent; names in lower case; `host` once. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Of the body's octets, 64 lower-case hex digits. */
  readonly bodySha256: string;
}

const MAXIMUM_HEADERS = 64;
const MAXIMUM_TEXT = 16_384;
const MAXIMUM_PARAMETERS = 64;
const METHOD = /^[A-Z]{1,16}$/;
const NAME = /^[!#$%&'*+.^_`|~0-9a-z-]{1,256}$/;
const SHA256 = /^[0-9a-f]{64}$/;

/**
 * The canonical request of AWS Signature Version 4 (AWS IAM user guide, "Create a signed AWS API request"), for every
 * service but S3: each segment of the path is escaped once more than on the wire. A path that a server would normalise
 * before it checks is refused, since there is no telling which of the two it would hash.
 */
export function canonicalRequest(
  request: SignablePart,
): Result<{ readonly text: string; readonly signedHeaders: string }, string> {
  if (!METHOD.test(request.method)) return fail("The method cannot be signed.");
  if (!SHA256.test(request.bodySha256)) return fail("The body's digest is none.");
  const path = canonicalPath(request.path);
  if (path === undefined) return fail("The path cannot be signed.");
  const query = canonicalQuery(request.query);
  if (query === undefined) return fail("The query cannot be signed.");
  const headers = canonicalHeaders(request.headers);
  if (headers === undefined) return fail("The headers cannot be signed.");
  return ok({
    text: `${request.method}\n${path}\n${query}\n${headers.lines}\n${headers.names}\n${request.bodySha256}`,
    signedHeaders: headers.names,
  });
}

function canonicalPath(path: string): string | undefined {
  if (!path.startsWith("/") || path.length > MAXIMUM_TEXT || !path.isWellFormed()) return undefined;
  const segments = path.slice(1).split("/");
  const last = segments.length - 1;
  for (const [index, segment] of segments.entries()) {
    if (segment === "." || segment === ".." || (segment === "" && index !== last)) return undefined;
  }
  return `/${segments.map(escaped).join("/")}`;
}

/** Names and values are escaped anew, so that it does not matter how the wire has them; "+" might mean two things. */
function canonicalQuery(query: string): string | undefined {
  if (query === "") return "";
  if (query.length > MAXIMUM_TEXT || !query.isWellFormed() || query.includes("+")) return undefined;
  const parameters = query.split("&", MAXIMUM_PARAMETERS + 1);
  if (parameters.length > MAXIMUM_PARAMETERS) return undefined;
  const pairs: (readonly [name: string, value: string])[] = [];
  for (const parameter of parameters) {
    const equals = parameter.indexOf("=");
    const name = unescaped(equals === -1 ? parameter : parameter.slice(0, equals));
    const value = equals === -1 ? "" : unescaped(parameter.slice(equals + 1));
    if (name === undefined || name === "" || value === undefined) return undefined;
    pairs.push([escaped(name), escaped(value)]);
  }
  return pairs
    .toSorted((one, other) => compare(one[0], other[0]) || compare(one[1], other[1]))
    .map(([name, value]) => `${name}=${value}`)
    .join("&");
}

function canonicalHeaders(
  headers: SignablePart["headers"],
): { readonly lines: string; readonly names: string } | undefined {
  if (headers.length > MAXIMUM_HEADERS) return undefined;
  const values = new Map<string, string>();
  let hosts = 0;
  for (const [name, value] of headers) {
    if (!NAME.test(name) || value.length > MAXIMUM_TEXT || !isVisible(value)) return undefined;
    if (name === "host") hosts += 1;
    const before = values.get(name);
    const trimmed = value.replace(/[ \t]+/g, " ").trim();
    values.set(name, before === undefined ? trimmed : `${before},${trimmed}`);
  }
  if (hosts !== 1) return undefined;
  const names = [...values.keys()].toSorted(compare);
  return { lines: names.map((name) => `${name}:${values.get(name) ?? ""}\n`).join(""), names: names.join(";") };
}

/** Of ASCII only what can stand in a header's value: anything else would be hashed otherwise than it is sent. */
function isVisible(value: string): boolean {
  return /^[\t\x20-\x7e]*$/.test(value);
}

/** RFC 3986 unreserved characters stay, everything else becomes `%XX` of its UTF-8. `text` is well-formed. */
function escaped(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function unescaped(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function compare(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}
