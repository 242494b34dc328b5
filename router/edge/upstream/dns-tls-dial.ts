import { constants, X509Certificate } from "node:crypto";
import { connect, type TLSSocket } from "node:tls";
import type { Millis } from "../../core/base/quantity.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";
import { parseAuthority } from "../../core/wire/authority.ts";
import type { Hostname } from "../../core/wire/hostname.ts";
import { parseIpAddress } from "../../core/wire/ip-address.ts";

export interface DnsTlsOptions {
  /** What the server's certificate must be for; servers are given as addresses. */
  readonly serverName: Hostname;
  /** PEM, and then nobody else's certificates count; undefined: the roots that Node carries. */
  readonly ca: string | undefined;
}

const PEM_END = "-----END CERTIFICATE-----";

/**
 * A TLS connection to a DNS server, its certificate checked strictly (RFC 8310), whatever NODE_TLS_REJECT_UNAUTHORIZED
 * says, and nothing resumed. `server`: `address` or `address:port`. `protocol`: of ALPN; `isNeeded`: the server must take it.
 * The problem is a code.
 */
export async function dialDnsTls(
  server: string,
  defaultPort: number,
  protocol: { readonly name: string; readonly isNeeded: boolean },
  { serverName, ca }: DnsTlsOptions,
  timeout: Millis,
): Promise<Result<TLSSocket, string>> {
  const place = placeOf(server, defaultPort);
  if (place === undefined) return fail("EBADNAME");
  // Of an empty text Node would make the platform's roots.
  if (ca !== undefined && !isPem(ca)) return fail("ERR_CA");
  let socket: TLSSocket;
  try {
    socket = connect({
      ...place,
      servername: serverName,
      checkServerIdentity: (_name, { raw }) => wrongName(new X509Certificate(raw), serverName),
      rejectUnauthorized: true,
      minVersion: "TLSv1.2",
      secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
      ALPNProtocols: [protocol.name],
      ...(ca === undefined ? {} : { ca }),
    });
  } catch {
    return fail("ERR_CA");
  }
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const timer = setTimeout(() => resolve("ETIMEOUT"), timeout);
  // Stays: a socket may fail at any time, and one that nobody listens to ends the process.
  socket.on("error", (error) => resolve(codeOf(error)));
  const onClose = (): void => resolve("ECONNRESET");
  socket.once("close", onClose);
  // Not within the handshake's own callback, where a socket must not be destroyed.
  socket.once("secureConnect", () => setImmediate(() => resolve(undefined)));
  const problem = await promise;
  clearTimeout(timer);
  socket.off("close", onClose);
  const isTaken = socket.alpnProtocol === protocol.name;
  if (problem === undefined && socket.authorized && (isTaken || !protocol.isNeeded)) {
    socket.setNoDelay(true);
    return ok(socket);
  }
  socket.destroy();
  return fail(problem ?? "ERR_ALPN");
}

function placeOf(server: string, defaultPort: number): { readonly host: string; readonly port: number } | undefined {
  const address = parseIpAddress(server);
  if (address !== undefined) return { host: address, port: defaultPort };
  const parsed = parseAuthority(server, undefined);
  if (!parsed.ok || parsed.value.host.kind !== "address") return undefined;
  return { host: parsed.value.host.text, port: parsed.value.port };
}

/** True where every certificate in the text can be read, and there is one. */
function isPem(text: string): boolean {
  const blocks = text.split(PEM_END).slice(0, -1);
  try {
    return (
      blocks.length > 0 && blocks.every((block) => new X509Certificate(`${block}${PEM_END}\n`).serialNumber !== "")
    );
  } catch {
    return false;
  }
}

/** By subjectAltName only: a common name names no host (RFC 9525 section 2). */
function wrongName(certificate: X509Certificate, name: Hostname): Error | undefined {
  if (certificate.checkHost(name, { subject: "never", partialWildcards: false }) !== undefined) return undefined;
  return Object.assign(new Error("the certificate is for another name"), { code: "ERR_TLS_CERT_ALTNAME_INVALID" });
}

/** The code only: messages of OpenSSL may hold what the peer chose. */
function codeOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return /^[A-Z][A-Z0-9_]{1,63}$/.test(code) ? code : "ECONNRESET";
}
