import type { Reason } from "../base/reason.ts";
import type { Port } from "../base/quantity.ts";
import { fail, ok, type Result } from "../base/result.ts";
import { type Authority, parseAuthority, sameAuthority } from "./authority.ts";
import { connectionOptions, dashed, fieldValues, isOfHop } from "./fields.ts";
import type { Hostname } from "./hostname.ts";
import type { Field, RequestHead } from "./message-head.ts";
import { type RequestFraming, requestFraming } from "./request-framing.ts";
import { type TraceContext, traceContext } from "./traceparent.ts";
import {
  type AbsoluteForm,
  HTTP_PORT,
  HTTPS_PORT,
  type OriginForm,
  parseAbsoluteForm,
  parseOriginForm,
  parseSecureAbsoluteForm,
} from "./request-target.ts";

/** One HTTP request that can be read, in parsed form; what goes to the origin is written anew from these members. */
export interface HttpForwardRequest extends OriginForm {
  /** `https`: for an https URL in full, whose TLS is the proxy's to do. axios asks so, where others ask for a tunnel. */
  readonly kind: "http" | "https";
  readonly authority: Authority;
  /** Token without lower-case letters. */
  readonly method: string;
  /** What the client reads: no chunked answer in 1.0. */
  readonly version: "1.0" | "1.1";
  readonly framing: RequestFraming;
  readonly upgrade: "websocket" | undefined;
  /** The client will send another request on this connection. */
  readonly keepAlive: boolean;
  /** The client waits for 100 (Continue) before it sends its content. */
  readonly expectContinue: boolean;
  /** End-to-end fields in the order sent, without those that say again, or otherwise, what the other members say. */
  readonly fields: readonly Field[];
  readonly trace: TraceContext | undefined;
}

export interface TunnelRequest {
  readonly kind: "tunnel";
  readonly authority: Authority;
  readonly trace: TraceContext | undefined;
}

export type ForwardRequest = TunnelRequest | HttpForwardRequest;

export interface RequestProblem {
  readonly reason: Reason;
  /** One sentence that repeats nothing the client sent. */
  readonly detail: string;
  /** Where HTTP asks for another status than the reason's own. */
  readonly status?: number;
}

const NOT_FORWARDED: ReadonlySet<string> = new Set([
  // Written anew from the other members.
  "host",
  "content-length",
  "expect",
  // Some origins take these for the method or the target, and so would serve another request than was judged.
  "x-http-method",
  "x-http-method-override",
  "x-method-override",
  "x-original-url",
  "x-rewrite-url",
  // CGI origins turn it into HTTP_PROXY (httpoxy, CVE-2016-5385).
  "proxy",
]);

/** What a request at the proxy door asks for: a tunnel by CONNECT, or one http or https exchange by absolute-form. */
export function forwardRequest(head: RequestHead): Result<ForwardRequest, RequestProblem> {
  if (head.method === "CONNECT") return tunnelRequest(head);
  if (/^https:/i.test(head.target)) return secureForwardRequest(head);
  const target = parseAbsoluteForm(head.target);
  if (target.ok) return namedRequest(head, target.value.authority, target.value);
  return head.target === "*" || head.target.startsWith("/")
    ? malformed("This is a proxy: it expects an absolute http URL as the request-target, or CONNECT host:port.")
    : malformed(target.problem);
}

function secureForwardRequest(head: RequestHead): Result<HttpForwardRequest, RequestProblem> {
  const target = parseSecureAbsoluteForm(head.target);
  if (!target.ok) return malformed(target.problem);
  const request = namedRequest(head, target.value.authority, target.value, HTTPS_PORT);
  return request.ok ? ok({ ...request.value, kind: "https" }) : request;
}

/**
 * What a request inside a CONNECT tunnel asks for, where the tunnel's rule has `protocol: http`. It is for the
 * tunnel's own authority or it is refused: the judged host and the origin's virtual host cannot differ.
 */
export function innerRequest(
  head: RequestHead,
  tunnelAuthority: Authority,
): Result<HttpForwardRequest, RequestProblem> {
  return tunnelledRequest(head, tunnelAuthority, parseAbsoluteForm, HTTP_PORT);
}

/** The same inside inspected TLS to that authority, which the server name is of too. */
export function secureRequest(
  head: RequestHead,
  tunnelAuthority: Authority,
): Result<HttpForwardRequest, RequestProblem> {
  return tunnelledRequest(head, tunnelAuthority, parseSecureAbsoluteForm, HTTPS_PORT);
}

function tunnelledRequest(
  head: RequestHead,
  tunnelAuthority: Authority,
  parseAbsolute: (target: string) => Result<AbsoluteForm, string>,
  defaultPort: Port,
): Result<HttpForwardRequest, RequestProblem> {
  if (head.method === "CONNECT") return malformed("A tunnel does not carry another CONNECT.");
  if (head.target.startsWith("/")) {
    const target = parseOriginForm(head.target);
    return target.ok ? namedRequest(head, tunnelAuthority, target.value, defaultPort) : malformed(target.problem);
  }
  const target = parseAbsolute(head.target);
  if (!target.ok) return malformed(target.problem);
  if (!sameAuthority(target.value.authority, tunnelAuthority)) {
    return fail({ reason: "host_mismatch", detail: "The request-target is not of the host and port of the tunnel." });
  }
  return namedRequest(head, tunnelAuthority, target.value, defaultPort);
}

/**
 * What a request on redirected port 80 asks for: its Host field, or nobody, says of whom. An absolute-form target must name
 * the same (RFC 9112 section 3.2.2 has an origin take it).
 */
export function transparentRequest(head: RequestHead): Result<HttpForwardRequest, RequestProblem> {
  if (head.method === "CONNECT") return malformed("Port 80 leads to origins, not to a proxy.");
  const absolute = head.target.startsWith("/") ? undefined : parseAbsoluteForm(head.target);
  const target = absolute ?? parseOriginForm(head.target);
  if (!target.ok) return malformed(target.problem);
  const host = hostAuthority(head, HTTP_PORT);
  if (!host.ok) return host;
  if (host.value === undefined) return malformed("Without a Host field nobody can tell which host it is for.");
  if (host.value.port !== HTTP_PORT) {
    return fail({ reason: "host_mismatch", detail: "The Host field does not name port 80." });
  }
  if (absolute?.ok === true && !sameAuthority(absolute.value.authority, host.value)) {
    return fail({ reason: "host_mismatch", detail: "The request-target and the Host field name different hosts." });
  }
  return httpRequest(head, host.value, target.value);
}

/** What a request to the router itself asks for: origin-form, whatever Host it names. */
export function localRequest(head: RequestHead): Result<HttpForwardRequest, RequestProblem> {
  const target = parseOriginForm(head.target);
  if (!target.ok) return malformed(`This is an API, not a proxy. ${target.problem}`);
  const host = hostAuthority(head, HTTP_PORT);
  return host.ok ? httpRequest(head, host.value ?? LOCALHOST, target.value) : host;
}

const LOCALHOST: Authority = { host: { kind: "name", text: "localhost" as Hostname }, port: HTTP_PORT };

function tunnelRequest(head: RequestHead): Result<ForwardRequest, RequestProblem> {
  const authority = parseAuthority(head.target, undefined);
  if (!authority.ok) return malformed(authority.problem);
  // Octets that one reader takes for content and another for the tunnel's first (CVE-2025-64763).
  if (fieldValues(head, "content-length").length > 0 || fieldValues(head, "transfer-encoding").length > 0) {
    return malformed("A CONNECT request has neither Content-Length nor Transfer-Encoding.");
  }
  // Some clients leave the port out of Host.
  const mismatch = hostProblem(head, authority.value, authority.value.port);
  return mismatch === undefined
    ? ok({ kind: "tunnel", authority: authority.value, trace: traceContext(head) })
    : fail(mismatch);
}

/** A request for an authority that its target, or its tunnel, names: its Host field must name the same. */
function namedRequest(
  head: RequestHead,
  authority: Authority,
  target: OriginForm,
  defaultPort: Port = HTTP_PORT,
): Result<HttpForwardRequest, RequestProblem> {
  const mismatch = hostProblem(head, authority, defaultPort);
  return mismatch === undefined ? httpRequest(head, authority, target) : fail(mismatch);
}

function httpRequest(
  head: RequestHead,
  authority: Authority,
  target: OriginForm,
): Result<HttpForwardRequest, RequestProblem> {
  // Methods are case-sensitive and none has small letters; an origin that takes "post" for POST would be another
  // reader than a rule that denies POST.
  if (/[a-z]/.test(head.method)) return malformed("The method has lower-case letters.");
  const framing = requestFraming(head);
  if (!framing.ok) return malformed(framing.problem);
  const options = connectionOptions(head);
  if (!options.ok) return malformed(options.problem);
  // It is of this hop anyway; a reader that removes it where another obeys it sees the content end elsewhere.
  if (options.value.has("transfer-encoding")) return malformed("The Connection field names Transfer-Encoding.");
  const upgrade = requestedUpgrade(head, framing.value, options.value);
  if (!upgrade.ok) return malformed(upgrade.problem);
  const expectations = fieldValues(head, "expect");
  if (expectations.some((value) => value.toLowerCase() !== "100-continue")) {
    return fail({ reason: "malformed_request", detail: "The only expectation met is 100-continue.", status: 417 });
  }

  return ok({
    kind: "http",
    authority,
    method: head.method,
    path: target.path,
    query: target.query,
    framing: framing.value,
    upgrade: upgrade.value,
    version: head.version,
    keepAlive: !options.value.has("close") && (head.version === "1.1" || options.value.has("keep-alive")),
    // RFC 9110 section 10.1.1: ignored in HTTP/1.0.
    expectContinue: expectations.length > 0 && head.version === "1.1" && framing.value.kind !== "none",
    fields: head.fields.filter(({ name }) => !NOT_FORWARDED.has(dashed(name)) && !isOfHop(name, options.value)),
    trace: traceContext(head),
  });
}

/** RFC 9112 section 3.2: the Host field names the authority that the request-target (or the tunnel) names. */
function hostProblem(head: RequestHead, authority: Authority, defaultPort: Port): RequestProblem | undefined {
  const named = hostAuthority(head, defaultPort);
  if (!named.ok) return named.problem;
  return named.value === undefined || sameAuthority(named.value, authority)
    ? undefined
    : { reason: "host_mismatch", detail: "The Host field does not name the host and port that the request is for." };
}

/** What the one Host field names. An HTTP/1.0 request may do without: Python's urllib sends CONNECT so. */
function hostAuthority(head: RequestHead, defaultPort: Port): Result<Authority | undefined, RequestProblem> {
  const hosts = fieldValues(head, "host");
  const [host] = hosts;
  if (host === undefined) {
    return head.version === "1.0" ? ok(undefined) : malformed("An HTTP/1.1 request has a Host field.");
  }
  if (hosts.length > 1) return malformed("The request has more than one Host field.");
  const named = parseAuthority(host, defaultPort);
  return named.ok ? named : malformed(`The Host field is malformed. ${named.problem}`);
}

/**
 * Only `websocket` goes on. An Upgrade to `h2c` that an origin accepts makes the rest of the connection a tunnel that
 * nobody judges (h2c smuggling, Bishop Fox 2020); where nothing else is asked for it is ignored, as a server may (RFC 9110
 * section 7.8; Java's HttpClient offers it by default), and goes no further. One to `websocket` without its conditions is
 * taken by one reader and not by another.
 */
function requestedUpgrade(
  head: RequestHead,
  framing: RequestFraming,
  options: ReadonlySet<string>,
): Result<"websocket" | undefined, string> {
  const protocols = fieldValues(head, "upgrade");
  const [protocol] = protocols;
  if (protocol === undefined || protocols.every((each) => each.toLowerCase() === "h2c")) return ok(undefined);
  const isWebSocket =
    protocol.toLowerCase() === "websocket" &&
    protocols.length === 1 &&
    head.method === "GET" &&
    head.version === "1.1" &&
    options.has("upgrade") &&
    framing.kind === "none";
  return isWebSocket
    ? ok("websocket")
    : fail("The only upgrade forwarded is to websocket, by an HTTP/1.1 GET with Connection: upgrade and no content.");
}

function malformed(detail: string): { readonly ok: false; readonly problem: RequestProblem } {
  return fail({ reason: "malformed_request", detail });
}
