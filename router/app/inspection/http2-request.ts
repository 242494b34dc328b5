import { fail, ok, type Result } from "../../core/base/result.ts";
import { type Authority, formatAuthority, parseAuthority, sameAuthority } from "../../core/wire/authority.ts";
import { dashed, fieldValues } from "../../core/wire/fields.ts";
import { type HttpForwardRequest, type RequestProblem, secureRequest } from "../../core/wire/forward-request.ts";
import type { Field, HeadLimits } from "../../core/wire/message-head.ts";
import { isToken } from "../../core/wire/octet-class.ts";
import { HTTPS_PORT } from "../../core/wire/request-target.ts";

/** A stream's request in parsed form. */
export interface Http2Request {
  readonly http: HttpForwardRequest;
  /** What goes to the origin beside the pseudo-fields: end-to-end, names in lower case. */
  readonly fields: readonly Field[];
  readonly grpc: boolean;
}

/** Each of them once, and no others: not `:protocol` (RFC 8441), nor a response's `:status`. */
const PSEUDO = [":method", ":scheme", ":authority", ":path"] as const;

/** RFC 9113 section 8.2.2. nghttp2 resets a stream that has one; TE it lets pass as `trailers` only. */
const OF_CONNECTION = new Set([
  "connection",
  "proxy-connection",
  "keep-alive",
  "transfer-encoding",
  "upgrade",
  "http2-settings",
]);

/** No registered method has more than 17 characters. */
const LONGEST_METHOD = 32;

/**
 * What a stream asks for, out of its field lines as nghttp2 gave them (names and values in turn). It is judged by what
 * judges HTTP/1.1: the same target, the same methods, the same fields left out. `authority` is what the connection is for.
 */
export function http2Request(
  raw: readonly string[],
  authority: Authority,
  limits: HeadLimits,
): Result<Http2Request, RequestProblem> {
  const sorted = sortFields(raw);
  if (!sorted.ok) return sorted;
  const { pseudo, fields } = sorted.value;
  if (fields.length > limits.fieldCount) return tooLarge(`The request has more than ${limits.fieldCount} fields.`, 431);
  const octets = raw.reduce((sum, text) => sum + text.length, 0) + 16 * raw.length;
  if (octets > limits.headBytes) return tooLarge(`The request head is longer than ${limits.headBytes} octets.`, 431);

  const method = pseudo.get(":method");
  const path = pseudo.get(":path");
  if (method === undefined || path === undefined) return malformed("The request has no method or no path.");
  if (!isToken(method)) return malformed("The method is not a token.");
  if (method.length > LONGEST_METHOD) return malformed(`The method is longer than ${LONGEST_METHOD} characters.`);
  if (path.length > limits.lineBytes) return tooLarge(`The path is longer than ${limits.lineBytes} octets.`, 414);
  if (pseudo.get(":scheme") !== "https") return malformed("The scheme of a request inside TLS is https.");
  const named = authorityProblem(pseudo.get(":authority"), fields, authority);
  if (named !== undefined) return fail(named);

  const host: Field = { name: "host", rawName: "host", value: formatAuthority(authority) };
  const head = {
    method,
    target: path,
    version: "1.1",
    fields: [...fields.filter(({ name }) => name !== "host"), host],
  } as const;
  if (!path.startsWith("/")) return malformed("The path does not begin with a slash.");
  const read = secureRequest(head, authority);
  if (!read.ok) return read;
  return ok({
    http: read.value,
    fields: [...read.value.fields, ...kept(head.fields)],
    grpc: /^application\/grpc(?:$|[+;])/i.test(fieldValues(head, "content-type")[0] ?? ""),
  });
}

/**
 * What of a request's trailers goes on: nothing that belongs to a head, and no second value of a field that was judged
 * or written here. An origin that merges trailers into the head would else see another request than was judged.
 */
export function http2RequestTrailers(
  raw: readonly string[],
  request: Http2Request,
  injected: readonly string[],
  limits: HeadLimits,
): readonly Field[] {
  const sorted = sortFields(raw);
  if (!sorted.ok || sorted.value.pseudo.size > 0 || sorted.value.fields.length > limits.fieldCount) return [];
  const taken = new Set([...injected, ...request.fields.map(({ name }) => name)].map(dashed));
  const { authority } = request.http;
  const host: Field = { name: "host", rawName: "host", value: formatAuthority(authority) };
  const fields = sorted.value.fields.filter(({ name }) => !taken.has(dashed(name)) && !isOfHead(dashed(name)));
  const read = secureRequest({ method: "GET", target: "/", version: "1.1", fields: [...fields, host] }, authority);
  return read.ok ? read.value.fields : [];
}

/** RFC 9110 section 6.5.1: framing, routing, modifiers, authentication, content handling. */
function isOfHead(name: string): boolean {
  return (
    name === "authorization" ||
    name === "cookie" ||
    name === "set-cookie" ||
    name === "range" ||
    name === "host" ||
    name === "max-forwards" ||
    name === "expect" ||
    name.startsWith("content-") ||
    name.startsWith("if-") ||
    name.startsWith("x-forwarded-") ||
    name === "forwarded"
  );
}

interface Sorted {
  readonly pseudo: ReadonlyMap<string, string>;
  /** Cookie crumbs are one field again (RFC 9113 section 8.2.3), as a rule about `cookie` would see it over HTTP/1.1. */
  readonly fields: readonly Field[];
}

function sortFields(raw: readonly string[]): Result<Sorted, RequestProblem> {
  const pseudo = new Map<string, string>();
  const fields: Field[] = [];
  const cookies: string[] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at] ?? "";
    const value = raw[at + 1] ?? "";
    if (!isFieldValue(value)) return malformed("A field value holds a control character, or blanks around it.");
    if (name.startsWith(":")) {
      if (fields.length > 0 || cookies.length > 0) return malformed("A pseudo-field comes after a field.");
      if (pseudo.has(name) || !PSEUDO.some((known) => known === name)) {
        return malformed("A pseudo-field comes twice, or is none of a request.");
      }
      pseudo.set(name, value);
      continue;
    }
    if (!isToken(name) || /[A-Z]/.test(name)) return malformed("A field name is not a token in lower case.");
    if (OF_CONNECTION.has(name) || (name === "te" && value.toLowerCase() !== "trailers")) {
      return malformed("A field is one of a connection, which HTTP/2 does not have.");
    }
    // An empty crumb would leave a blank at the end of what is joined.
    if (name !== "cookie") fields.push({ name, rawName: name, value });
    else if (value !== "") cookies.push(value);
  }
  if (cookies.length > 0) fields.push({ name: "cookie", rawName: "cookie", value: cookies.join("; ") });
  return ok({ pseudo, fields });
}

/** RFC 9113 section 8.2.1, and no control characters at all but HTAB, as over HTTP/1.1. */
function isFieldValue(value: string): boolean {
  for (let at = 0; at < value.length; at++) {
    const code = value.charCodeAt(at);
    if ((code < 0x20 && code !== 0x09) || code === 0x7f || code > 0xff) return false;
  }
  return !/^[ \t]/.test(value) && !/[ \t]$/.test(value);
}

/** RFC 9113 section 8.3.1: `:authority`, else Host; where both are, both. */
function authorityProblem(
  pseudo: string | undefined,
  fields: readonly Field[],
  authority: Authority,
): RequestProblem | undefined {
  const hosts = fieldValues({ fields }, "host");
  if (hosts.length > 1) return problem("The request has more than one Host field.");
  const all = pseudo === undefined ? hosts : [pseudo, ...hosts];
  if (all.length === 0) return problem("The request has neither an :authority nor a Host field.");
  for (const text of all) {
    const named = parseAuthority(text, HTTPS_PORT);
    if (!named.ok) return problem(`The :authority or Host field is malformed. ${named.problem}`);
    if (!sameAuthority(named.value, authority)) {
      return { reason: "host_mismatch", detail: "The :authority or Host field does not name the host of the tunnel." };
    }
  }
  return undefined;
}

/** What h1 writes anew from other members, and HTTP/2 says in fields. */
function kept(fields: readonly Field[]): readonly Field[] {
  return fields.filter(({ name }) => name === "te" || name === "expect" || name === "content-length");
}

function problem(detail: string): RequestProblem {
  return { reason: "malformed_request", detail };
}

function malformed(detail: string): { readonly ok: false; readonly problem: RequestProblem } {
  return fail(problem(detail));
}

function tooLarge(detail: string, status: 414 | 431): { readonly ok: false; readonly problem: RequestProblem } {
  return fail({ ...problem(detail), status });
}
