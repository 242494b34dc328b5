import { X509Certificate } from "node:crypto";
import type { Socket } from "node:net";
import { connect as connectTls, createSecureContext, type SecureContext, type TLSSocket } from "node:tls";
import type { Clock } from "../../core/base/clock.ts";
import { type Millis, millis } from "../../core/base/quantity.ts";
import type { Reason } from "../../core/base/reason.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";
import type { DialPermit } from "../../core/policy/permit.ts";
import type { Host } from "../../core/wire/host.ts";
import type { IpAddress } from "../../core/wire/ip-address.ts";
import { dial } from "./dial.ts";

/** A connection to a provider, TLS done where it is to be. */
export interface ModelLink {
  readonly socket: Socket;
  /** Under TLS the socket below it; otherwise the same one. */
  readonly transport: Socket;
  readonly address: IpAddress;
  /** Of name, admission, connection and handshake. */
  readonly connectMillis: Millis;
}

export interface OpenProblem {
  readonly reason: Reason;
  /** For logs. */
  readonly detail: string;
}

/** Resolves the provider's name anew, and admits what it leads to; it has to end when the signal does. */
export type OpenModel = (signal: AbortSignal) => Promise<Result<DialPermit, OpenProblem>>;

export interface ModelLinkOptions {
  readonly scheme: "http" | "https";
  readonly host: Host;
  readonly tls: {
    /** PEM, and then nobody else's certificates count; undefined: the roots that Node carries. */
    readonly ca: string | undefined;
    /** The name that the certificate must be for; undefined: the host. */
    readonly serverName: string | undefined;
  };
  readonly open: OpenModel;
  readonly clock: Clock;
  /** For everything together. */
  readonly timeout: Millis;
}

export type ModelLinker = (signal: AbortSignal) => Promise<Result<ModelLink, OpenProblem>>;

/**
 * Opens one connection after another to one provider: each name look-up is admitted anew, and only what was admitted
 * is dialled. Certificates are always checked, whatever NODE_TLS_REJECT_UNAUTHORIZED says. The last TLS session of a
 * server that was verified is offered to the next connection.
 */
export function modelLinker(options: ModelLinkOptions): ModelLinker {
  const { clock, open, timeout } = options;
  const secure = options.scheme === "https" ? tlsLayer(options) : undefined;

  async function link(signal: AbortSignal, deadline: number): Promise<Result<ModelLink, OpenProblem>> {
    const began = clock.monotonic();
    const permit = await open(signal);
    if (!permit.ok) return permit;
    const left = millis(Math.max(1, deadline - clock.monotonic()));
    const dialled = await dial(permit.value, { clock, timeout: left, signal });
    if (!dialled.ok) return dialled;
    const { socket: transport, address } = dialled.value;
    const socket = secure === undefined ? ok(transport) : await secure(transport, signal);
    if (!socket.ok) return fail({ reason: "upstream_unreachable", detail: `${address} ${socket.problem}` });
    return ok({ socket: socket.value, transport, address, connectMillis: millis(clock.monotonic() - began) });
  }

  return async (signal) => {
    const cut = new AbortController();
    const { promise: ended, resolve } = Promise.withResolvers<Result<never, OpenProblem>>();
    const stop = (detail: string): void => {
      cut.abort();
      resolve(fail({ reason: "upstream_unreachable", detail }));
    };
    const onAbort = (): void => stop("given up");
    const timer = setTimeout(() => stop(`no connection within ${timeout} ms`), timeout);
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    try {
      const linked = link(cut.signal, clock.monotonic() + timeout);
      const first = await Promise.race([linked, ended]);
      // What comes to be after all belongs to nobody.
      if (cut.signal.aborted) {
        void linked.then(
          (late) => late.ok && late.value.transport.destroy(),
          () => undefined,
        );
      }
      return first;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
    }
  };
}

const PEM_END = "-----END CERTIFICATE-----";

type Secure = (transport: Socket, signal: AbortSignal) => Promise<Result<TLSSocket, string>>;

function tlsLayer({ host, tls }: ModelLinkOptions): Secure {
  const context = secureContext(tls.ca);
  const name = tls.serverName ?? host.text;
  // An address is no server name (RFC 6066 section 3), but certificates can be for one.
  const isName = tls.serverName !== undefined || host.kind === "name";
  let session: Buffer | undefined;

  return async (transport, signal) => {
    if (!context.ok) {
      transport.destroy();
      return context;
    }
    const { promise, resolve } = Promise.withResolvers<Result<TLSSocket, string>>();
    const socket = connectTls({
      socket: transport,
      host: name,
      servername: isName ? name : "",
      secureContext: context.value,
      ALPNProtocols: ["http/1.1"],
      rejectUnauthorized: true,
      ...(session === undefined ? {} : { session }),
    });
    let verified = false;
    const give = (detail: string): void => {
      socket.destroy();
      transport.destroy();
      resolve(fail(detail));
    };
    const onAbort = (): void => give("given up");
    signal.addEventListener("abort", onAbort, { once: true });
    // Of a server that is not verified no session may be kept: resumption skips the check of the name. (Those of TLS 1.2
    // come before it, and are not kept either.)
    socket.on("session", (latest) => {
      if (verified) session = latest;
    });
    socket.on("error", (error) => give(codeOf(error)));
    socket.once("close", () => give("closed during the handshake"));
    socket.once("secureConnect", () => {
      if (!socket.authorized) return give("the certificate was not verified");
      verified = true;
      // In a later turn: Node 26.10 dies of SIGSEGV where transport and socket are destroyed within the handshake's own.
      setImmediate(() => {
        socket.removeAllListeners("close");
        resolve(socket.destroyed ? fail("closed during the handshake") : ok(socket));
      });
    });
    if (signal.aborted) onAbort();
    const done = await promise;
    signal.removeEventListener("abort", onAbort);
    // A session that the server forgot, or that breaks the handshake, is not offered again.
    if (!done.ok) session = undefined;
    return done;
  };
}

/** Made once: reading roots costs a millisecond or more. What Node cannot read of `ca` it would leave out in silence. */
function secureContext(ca: string | undefined): Result<SecureContext, string> {
  try {
    if (ca === undefined) return ok(createSecureContext({ minVersion: "TLSv1.2" }));
    const blocks = ca.split(PEM_END).slice(0, -1);
    for (const block of blocks) new X509Certificate(`${block}${PEM_END}\n`).toLegacyObject();
    if (blocks.length > 0) return ok(createSecureContext({ minVersion: "TLSv1.2", ca }));
  } catch {
    // Said below.
  }
  return fail("the provider's certificates cannot be read");
}

/** The code only: messages of OpenSSL may repeat what a peer sent. */
function codeOf(error: Error): string {
  const code = "code" in error ? String(error.code) : "";
  return /^[A-Z][A-Z0-9_]{1,63}$/.test(code) ? code : "the handshake failed";
}
