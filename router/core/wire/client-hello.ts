import { fail, ok, type Result } from "../base/result.ts";
import { type Hostname, parseHostname } from "./hostname.ts";
import { type HandshakeReading, readFirstHandshake } from "./tls-record.ts";
import { OctetReader } from "./octet-reader.ts";

/** What the first flight of a TLS client says in the clear; all of it chosen by the agent. */
export interface ClientHello {
  /** The one server_name; undefined where the extension is absent. A bad one makes the whole hello malformed. */
  readonly serverName: Hostname | undefined;
  /** An encrypted_client_hello extension is present, real or GREASE: nobody but the origin can tell. */
  readonly ech: boolean;
  /** Application protocols offered, in order, each octet as the character of its number (latin1). */
  readonly alpn: readonly string[];
}

export type ClientHelloReading =
  | Exclude<HandshakeReading, { readonly state: "complete" }>
  | { readonly state: "complete"; readonly hello: ClientHello };

const EXTENSION_SERVER_NAME = 0;
const EXTENSION_ALPN = 16;
/** RFC 9849, its drafts from -08 on, and the older encrypted SNI. */
const EXTENSIONS_ECH = new Set([0xfe0d, 0xfe0c, 0xfe0b, 0xfe0a, 0xfe09, 0xfe08, 0xffce]);

const NAME_TYPE_HOST = 0;

const CUT_SHORT = fail("The ClientHello or a part of it is cut short.");
const TOO_LONG = fail("A part of the ClientHello is followed by octets that do not belong to it.");

/**
 * Reads the ClientHello (RFC 8446 section 4.1.2, RFC 5246 section 7.4.1.2) at the start of the first `length` octets
 * of `bytes`. Octets behind its last record are left alone. Every length must fit exactly: two readers that differ on
 * where a part ends differ on the server's name.
 *
 * Call it again from the start when more octets have come. Until the hello is whole a call walks at most 64 record
 * headers, and it is parsed once; 64 KiB or more are never "incomplete".
 */
export function readClientHello(bytes: Uint8Array, length: number): ClientHelloReading {
  const handshake = readFirstHandshake(bytes, length);
  if (handshake.state !== "complete") return handshake;
  const hello = parseHello(new OctetReader(handshake.body, 0, handshake.body.length));
  return hello.ok ? { state: "complete", hello: hello.value } : { state: "malformed", problem: hello.problem };
}

function parseHello(body: OctetReader): Result<ClientHello, string> {
  const version = body.number(2);
  const random = body.take(32);
  const sessionId = body.vector(1);
  const cipherSuites = body.vector(2);
  const compressionMethods = body.vector(1);
  if (
    version === undefined ||
    random === undefined ||
    sessionId === undefined ||
    cipherSuites === undefined ||
    compressionMethods === undefined
  ) {
    return CUT_SHORT;
  }
  if (version >> 8 !== 3) return fail("The ClientHello is of no version of TLS.");
  if (sessionId.remaining > 32) return fail("The session id is longer than 32 octets.");
  if (cipherSuites.remaining === 0 || cipherSuites.remaining % 2 !== 0) {
    return fail("The list of cipher suites is empty or has an odd length.");
  }
  if (compressionMethods.remaining === 0) return fail("The list of compression methods is empty.");
  // RFC 5246 section 7.4.1.2: a hello may end here. It names no server.
  if (body.remaining === 0) return ok({ serverName: undefined, ech: false, alpn: [] });

  const extensions = body.vector(2);
  if (extensions === undefined) return CUT_SHORT;
  return body.remaining > 0 ? TOO_LONG : parseExtensions(extensions);
}

function parseExtensions(extensions: OctetReader): Result<ClientHello, string> {
  let serverName: Hostname | undefined;
  let ech = false;
  let alpn: readonly string[] = [];
  const seen = new Set<number>();
  while (extensions.remaining > 0) {
    const type = extensions.number(2);
    const data = extensions.vector(2);
    if (type === undefined || data === undefined) return CUT_SHORT;
    // RFC 8446 section 4.2. Of two server_names one reader takes the first and another the last.
    if (seen.has(type)) return fail("The ClientHello has an extension twice.");
    seen.add(type);
    if (type === EXTENSION_SERVER_NAME) {
      const name = parseServerName(data);
      if (!name.ok) return name;
      serverName = name.value;
    } else if (type === EXTENSION_ALPN) {
      const protocols = parseProtocols(data);
      if (!protocols.ok) return protocols;
      alpn = protocols.value;
    } else if (EXTENSIONS_ECH.has(type)) {
      ech = true;
    }
  }
  return ok({ serverName, ech, alpn });
}

/** RFC 6066 section 3, of which only the case that all readers read alike: one name, of type host_name. */
function parseServerName(data: OctetReader): Result<Hostname, string> {
  const list = data.vector(2);
  if (list === undefined) return CUT_SHORT;
  if (data.remaining > 0) return TOO_LONG;
  const type = list.number(1);
  const name = list.vector(2);
  if (type === undefined || name === undefined) return CUT_SHORT;
  if (list.remaining > 0) return fail("The server_name extension has more than one name.");
  if (type !== NAME_TYPE_HOST) return fail("The server_name is of a type other than host_name.");
  const text = name.text();
  // RFC 6066: "without a trailing dot"; nor is it an address, which no Hostname is.
  const hostname = text.endsWith(".") ? undefined : parseHostname(text);
  return hostname?.ok === true ? hostname : fail("The server_name is not a host name.");
}

/** RFC 7301 section 3.1. */
function parseProtocols(data: OctetReader): Result<readonly string[], string> {
  const list = data.vector(2);
  if (list === undefined) return CUT_SHORT;
  if (data.remaining > 0) return TOO_LONG;
  if (list.remaining === 0) return fail("The list of application protocols is empty.");
  const protocols: string[] = [];
  while (list.remaining > 0) {
    const protocol = list.vector(1);
    if (protocol === undefined) return CUT_SHORT;
    if (protocol.remaining === 0) return fail("An application protocol has an empty name.");
    protocols.push(protocol.text());
  }
  return ok(protocols);
}
