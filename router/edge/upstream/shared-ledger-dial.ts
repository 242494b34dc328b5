import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { Millis } from "../../core/base/quantity.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";
import type { Endpoint } from "../../core/config/endpoint-shape.ts";
import type { Host } from "../../core/wire/host.ts";
import type { NameResolver } from "./resolver.ts";
import { errorCode } from "./shared-ledger-link.ts";

/** Until the kernel asks whether an idle peer is still there. */
const KEEP_ALIVE = 15_000;

export interface LedgerDialOptions {
  readonly endpoint: Endpoint;
  readonly resolve: NameResolver["resolve"];
  /** Of name, connection and handshake together. */
  readonly timeout: Millis;
}

/**
 * A connection to the shared ledger, under TLS where its endpoint is https. Names go through the router's resolver, never
 * through getaddrinfo, which shares its threads with the audit log's fdatasync; their addresses are tried in turn. Which
 * address it is, is the operator's choice: admission does not apply. `ca`: PEM, and then nobody else's certificates count.
 * The problem is a phrase.
 */
export async function dialSharedLedger(
  { endpoint, resolve, timeout }: LedgerDialOptions,
  ca: string | undefined,
  signal: AbortSignal,
): Promise<Result<Socket, string>> {
  const { host, port } = endpoint.authority;
  const end = AbortSignal.any([signal, AbortSignal.timeout(timeout)]);
  const addresses = host.kind === "name" ? await resolve(host.text, end) : ok([host.text]);
  if (!addresses.ok) return fail(`its name has no address (${addresses.problem.detail})`);
  let problem = "its name has no address";
  for (const address of addresses.value) {
    if (end.aborted) break;
    const socket = endpoint.scheme === "http" ? connectTcp({ host: address, port }) : secured(host, address, port, ca);
    if (socket === undefined) return fail("the certificates to trust cannot be read");
    const connected = await settled(socket, endpoint.scheme === "http" ? "connect" : "secureConnect", end);
    if (connected === undefined) {
      socket.setNoDelay(true).setKeepAlive(true, KEEP_ALIVE);
      return ok(socket);
    }
    problem = `${address} ${connected}`;
  }
  if (signal.aborted) return fail("given up");
  return fail(end.aborted ? `no connection within ${timeout} ms` : problem);
}

/** Undefined where OpenSSL cannot read the certificates. */
function secured(host: Host, address: string, port: number, ca: string | undefined): Socket | undefined {
  try {
    return connectTls({
      host: address,
      port,
      rejectUnauthorized: true,
      // An address is no server name (RFC 6066 section 3); the certificate has to be for `host` then.
      servername: host.kind === "name" ? host.text : "",
      ...(ca === undefined ? {} : { ca }),
    });
  } catch {
    return undefined;
  }
}

/** Undefined once it is there; else a phrase, and the socket is gone. */
async function settled(
  socket: Socket,
  event: "connect" | "secureConnect",
  end: AbortSignal,
): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const onAbort = (): void => resolve("did not answer");
  // Stays until somebody else listens: a socket may fail at any time, and one that nobody listens to ends the process.
  const onError = (error: unknown): void => resolve(`failed (${errorCode(error)})`);
  const onClose = (): void => resolve("closed the connection");
  socket.on("error", onError).once("close", onClose);
  socket.once(event, () => resolve(undefined));
  end.addEventListener("abort", onAbort, { once: true });
  if (end.aborted) onAbort();
  const problem = await promise;
  end.removeEventListener("abort", onAbort);
  socket.off("close", onClose);
  if (problem !== undefined) socket.destroy();
  return problem;
}
