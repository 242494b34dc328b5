import { constants, X509Certificate } from "node:crypto";
import {
  connect as connectTls,
  getCACertificates,
  createSecureContext,
  type SecureContext,
  type TLSSocket,
} from "node:tls";
import type { Clock } from "../../core/base/clock.ts";
import { type Millis, millis } from "../../core/base/quantity.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";
import { formatHost, type Host } from "../../core/wire/host.ts";
import type { Link } from "./dial.ts";
import { reset } from "./reset.ts";

export type Alpn = "h2" | "http/1.1";

/** A link with TLS done: the certificate is verified, and for the host that was judged. */
export interface SecureLink extends Link {
  readonly socket: TLSSocket;
  /** Undefined: the origin chose none of those offered, and speaks HTTP/1.1 or something that is not HTTP. */
  readonly alpn: Alpn | undefined;
}

export interface SecureProblem {
  /** `upstream_invalid`: it answered, and is not to be trusted or not to be understood. */
  readonly reason: "upstream_unreachable" | "upstream_invalid";
  /** A sentence in our words, for logs and for the agent. */
  readonly detail: string;
}

export interface SecureOptions {
  /** What the certificate must be for: the name, or the address. A name is sent as SNI, an address is not. */
  readonly host: Host;
  readonly context: SecureContext;
  /** In the order of preference; empty: no ALPN. */
  readonly alpn: readonly Alpn[];
  readonly clock: Clock;
  /** For the handshake. */
  readonly timeout: Millis;
  readonly signal: AbortSignal;
}

/** An origin that renegotiates could show another certificate, which Node would not look at. */
const STRICT = { minVersion: "TLSv1.2", secureOptions: constants.SSL_OP_NO_RENEGOTIATION } as const;
const PEM_END = "-----END CERTIFICATE-----";
/** Certificates in one `caFile`. */
const MOST_ROOTS = 1_024;

/**
 * What origins are verified by: the platform's roots (Node's own, NODE_EXTRA_CA_CERTS, `--use-system-ca`), and these.
 * Made once: reading the roots takes a few milliseconds. The problem is a sentence.
 */
export function originTrust(extraRoots: string): Result<SecureContext, string> {
  const blocks = extraRoots.split(PEM_END).slice(0, -1);
  if (blocks.length === 0 || blocks.length > MOST_ROOTS)
    return fail(`It holds 1 to ${MOST_ROOTS} certificates in PEM.`);
  try {
    // What Node cannot read of `ca` it would leave out in silence.
    const roots = blocks.map((block) => new X509Certificate(`${block}${PEM_END}\n`).toString());
    return ok(createSecureContext({ ...STRICT, ca: [...getCACertificates("default"), ...roots] }));
  } catch {
    return fail("One of its certificates cannot be read.");
  }
}

/** The platform's roots alone, read when they are first needed. */
export function platformTrust(): () => SecureContext {
  let context: SecureContext | undefined;
  return () => (context ??= createSecureContext(STRICT));
}

/**
 * TLS over a dialled link, which is this function's own from here on: a failure destroys it. Nothing weakens the check,
 * neither NODE_TLS_REJECT_UNAUTHORIZED nor a resumed session (none is offered: resumption skips the check of the name).
 */
export async function secure(link: Link, options: SecureOptions): Promise<Result<SecureLink, SecureProblem>> {
  const { host, signal, clock } = options;
  const { socket: transport } = link;
  const began = clock.monotonic();
  const { promise, resolve } = Promise.withResolvers<Result<TLSSocket, SecureProblem>>();
  const socket = connectTls({
    socket: transport,
    host: host.text,
    // An address is no server name (RFC 6066 section 3), but certificates can be for one.
    servername: host.kind === "name" ? host.text : "",
    secureContext: options.context,
    rejectUnauthorized: true,
    checkServerIdentity: (_name, { raw }) => wrongName(new X509Certificate(raw), host),
    ...(options.alpn.length === 0 ? {} : { ALPNProtocols: [...options.alpn] }),
  });
  // Node throws where a TLS socket is to be reset; those who relay reset what they relay.
  socket.resetAndDestroy = () => {
    reset(transport);
    return socket;
  };
  const give = (problem: SecureProblem): void => {
    resolve(fail(problem));
    // In a later turn: Node 26.10 dies of SIGSEGV where transport and socket are destroyed within the handshake's own.
    setImmediate(() => {
      socket.destroy();
      transport.destroy();
    });
  };
  const onAbort = (): void => give(unreachable("given up"));
  const timer = setTimeout(() => give(unreachable(`no TLS handshake within ${options.timeout} ms`)), options.timeout);
  const onClose = (): void => give(unreachable("the connection closed during the TLS handshake"));
  signal.addEventListener("abort", onAbort, { once: true });
  socket.on("error", (error) => give(problemOf(error)));
  socket.once("close", onClose);
  socket.once("secureConnect", () => {
    if (!socket.authorized) return give(invalid("the certificate was not verified"));
    socket.pause();
    setImmediate(() => resolve(ok(socket)));
  });
  if (signal.aborted) onAbort();

  const done = await promise;
  clearTimeout(timer);
  signal.removeEventListener("abort", onAbort);
  socket.off("close", onClose);
  if (!done.ok)
    return fail({ ...done.problem, detail: `${link.address ?? formatHost(options.host)}: ${done.problem.detail}` });
  const { alpnProtocol } = socket;
  const connectMillis = millis(link.connectMillis + clock.monotonic() - began);
  return ok({ ...link, socket, connectMillis, alpn: isAlpn(alpnProtocol) ? alpnProtocol : undefined });
}

function isAlpn(protocol: unknown): protocol is Alpn {
  return protocol === "h2" || protocol === "http/1.1";
}

/** By subjectAltName only: a common name names no host (RFC 9525 section 2). */
function wrongName(certificate: X509Certificate, host: Host): Error | undefined {
  const named =
    host.kind === "name"
      ? certificate.checkHost(host.text, { subject: "never", partialWildcards: false })
      : certificate.checkIP(host.text);
  if (named !== undefined) return undefined;
  return Object.assign(new Error("the certificate is for another name"), { code: "ERR_TLS_CERT_ALTNAME_INVALID" });
}

/** What is said of a certificate, by OpenSSL's code for it. */
const CERTIFICATE_PROBLEMS: Readonly<Record<string, string>> = {
  ERR_TLS_CERT_ALTNAME_INVALID: "the certificate is for another name",
  CERT_HAS_EXPIRED: "the certificate has expired",
  CERT_NOT_YET_VALID: "the certificate is not valid yet",
  DEPTH_ZERO_SELF_SIGNED_CERT: "the certificate is self-signed",
  SELF_SIGNED_CERT_IN_CHAIN: "the certificate leads to a root that is not trusted",
  UNABLE_TO_GET_ISSUER_CERT: "the certificate leads to no trusted root",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "the certificate leads to no trusted root",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "the certificate leads to no trusted root",
  INVALID_PURPOSE: "the certificate is not for servers",
  INVALID_CA: "the certificate was issued by one that may not issue",
  CERT_SIGNATURE_FAILURE: "the certificate's signature is wrong",
  CERT_REVOKED: "the certificate is revoked",
};
const NOT_REACHED = new Set(["ECONNRESET", "EPIPE", "ETIMEDOUT", "ECONNABORTED", "EHOSTUNREACH", "ENETUNREACH"]);

/** The code only: messages of OpenSSL may repeat what a peer sent. */
function problemOf(error: Error): SecureProblem {
  const given = "code" in error ? String(error.code) : "";
  const said = CERTIFICATE_PROBLEMS[given];
  if (said !== undefined) return invalid(`${said} (${given})`);
  const code = /^[A-Z][A-Z0-9_]{1,63}$/.test(given) ? given : "unknown";
  return NOT_REACHED.has(code)
    ? unreachable(`the connection broke during the TLS handshake (${code})`)
    : invalid(`the TLS handshake failed (${code})`);
}

function invalid(detail: string): SecureProblem {
  return { reason: "upstream_invalid", detail };
}

function unreachable(detail: string): SecureProblem {
  return { reason: "upstream_unreachable", detail };
}
