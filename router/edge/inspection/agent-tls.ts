import type { Socket } from "node:net";
import { type SecureContext, TLSSocket } from "node:tls";
import type { Millis } from "../../core/base/quantity.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";

export type AgentProtocol = "h2" | "http/1.1";

export interface AgentTlsOptions {
  readonly context: SecureContext;
  /** The one protocol that is agreed to; undefined: none is, whatever is offered. */
  readonly alpn: AgentProtocol | undefined;
  /** For the handshake. */
  readonly timeout: Millis;
  readonly signal: AbortSignal;
}

export interface AgentTlsProblem {
  readonly kind: "distrusts" | "left" | "timeout" | "failed" | "given_up";
  /** A sentence for logs. */
  readonly detail: string;
}

/** Alerts (RFC 8446 section 6.2) by which a client says that it does not take the certificate. */
const DISTRUST = new Set([
  "ERR_SSL_TLSV1_ALERT_UNKNOWN_CA",
  "ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE",
  "ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN",
  "ERR_SSL_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
  "ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED",
  "ERR_SSL_SSLV3_ALERT_CERTIFICATE_REVOKED",
]);

/**
 * The server's side of a handshake with the agent, over its released socket; `early` holds what was read of it, from the
 * ClientHello on. The socket is this function's own from here on: a failure destroys it. 0-RTT is never accepted.
 */
export async function acceptTls(
  transport: Socket,
  early: readonly Buffer[],
  options: AgentTlsOptions,
): Promise<Result<TLSSocket, AgentTlsProblem>> {
  const { alpn, signal } = options;
  const { promise, resolve } = Promise.withResolvers<Result<TLSSocket, AgentTlsProblem>>();
  // Node's TLS socket takes first what can be read of the one below it.
  for (const octets of early.toReversed()) transport.unshift(octets);
  const socket = new TLSSocket(transport, {
    isServer: true,
    secureContext: options.context,
    requestCert: false,
    ...(alpn === undefined ? {} : { ALPNProtocols: [alpn] }),
  });
  // Node throws where a TLS socket is to be reset; those who relay reset what they relay.
  socket.resetAndDestroy = () => {
    if (!transport.destroyed) transport.resetAndDestroy();
    return socket;
  };
  const give = (problem: AgentTlsProblem): void => {
    resolve(fail(problem));
    // In a later turn, so that an alert goes out, and no socket is destroyed within the handshake's own.
    setImmediate(() => {
      socket.destroy();
      transport.destroy();
    });
  };
  const onAbort = (): void => give({ kind: "given_up", detail: "The handshake was given up." });
  const onTimeout = (): void => give({ kind: "timeout", detail: "The TLS handshake did not end before the deadline." });
  const onClose = (): void => {
    give({ kind: "left", detail: "The agent closed during the TLS handshake; it may not trust this router's CA." });
  };
  let secured = false;
  // Its last octets may have ended the handshake in the same read; if they have not, none will.
  const onEnd = (): void => void setImmediate(() => secured || onClose());
  const timer = setTimeout(onTimeout, options.timeout);
  signal.addEventListener("abort", onAbort, { once: true });
  // Node tells of a failed handshake in two ways: one before it, and one once it may have been done.
  socket.on("error", (error) => give(problemOf(error)));
  socket.on("_tlsError", (error: Error) => give(problemOf(error)));
  socket.once("close", onClose);
  socket.once("end", onEnd);
  socket.once("secure", () => {
    secured = true;
    setImmediate(() => resolve(ok(socket)));
  });
  if (signal.aborted) onAbort();

  const done = await promise;
  clearTimeout(timer);
  signal.removeEventListener("abort", onAbort);
  socket.off("close", onClose);
  socket.off("end", onEnd);
  return done;
}

/** The code only: messages of OpenSSL may repeat what a peer sent. */
function problemOf(error: Error): AgentTlsProblem {
  const given = "code" in error ? String(error.code) : "";
  const code = /^[A-Z][A-Z0-9_]{1,63}$/.test(given) ? given : "unknown";
  if (DISTRUST.has(code)) {
    return { kind: "distrusts", detail: `The agent does not trust this router's CA (${alertOf(code)}).` };
  }
  if (code === "ECONNRESET" || code === "EPIPE") {
    return { kind: "left", detail: "The agent closed during the TLS handshake; it may not trust this router's CA." };
  }
  return { kind: "failed", detail: `The TLS handshake with the agent failed (${code}).` };
}

function alertOf(code: string): string {
  return `alert ${code.replace(/^ERR_SSL_(?:TLSV1|SSLV3)_ALERT_/, "").toLowerCase()}`;
}
