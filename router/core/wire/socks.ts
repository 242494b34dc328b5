import { portOf } from "../base/quantity.ts";
import { fail, ok, type Result } from "../base/result.ts";
import type { Authority } from "./authority.ts";
import type { Host } from "./host.ts";
import { parseHostname } from "./hostname.ts";
import { addressFromOctets, parseIpv4 } from "./ip-address.ts";
import { latin1 } from "./latin1.ts";
import { SOCKS_REPLY, type SocksReply } from "./socks-reply.ts";

/** The first octet of what a client of each version sends. */
export const SOCKS4 = 4;
export const SOCKS5 = 5;

export type SocksGreetingReading =
  | { readonly state: "incomplete" }
  /** One sentence that repeats nothing the client sent. */
  | { readonly state: "malformed"; readonly problem: string }
  | {
      readonly state: "complete";
      /** The client can do without authentication. */
      readonly open: boolean;
      /** Where the octets after the greeting begin. */
      readonly end: number;
    };

export type SocksRequestReading =
  | { readonly state: "incomplete" }
  | { readonly state: "malformed"; readonly problem: string; readonly reply: SocksReply }
  | { readonly state: "complete"; readonly authority: Authority; readonly end: number };

const INCOMPLETE = { state: "incomplete" } as const;

const METHOD_NONE = 0;
const COMMAND_CONNECT = 1;
const ADDRESS_IPV4 = 1;
const ADDRESS_NAME = 3;
const ADDRESS_IPV6 = 4;
/** Version, command, reserved, address type. */
const FIXED = 4;

/**
 * Reads the methods that a client offers (RFC 1928 section 3) out of the first `length` octets; what follows them is left
 * alone. At most 257 octets are ever asked for.
 */
export function readSocksGreeting(octets: Uint8Array, length: number): SocksGreetingReading {
  if (length >= 1 && octets[0] !== SOCKS5) return { state: "malformed", problem: "The greeting is not of SOCKS5." };
  const count = length >= 2 ? octets[1] : undefined;
  if (count === undefined) return INCOMPLETE;
  if (count === 0) return { state: "malformed", problem: "The greeting offers no method." };
  const end = 2 + count;
  if (length < end) return INCOMPLETE;
  return { state: "complete", open: octets.subarray(2, end).includes(METHOD_NONE), end };
}

/**
 * Reads what a client asks for (RFC 1928 section 4): CONNECT, by name or by address. A refusal comes at the first octet
 * that shows it and does not depend on how the octets were cut into reads. At most 262 octets are ever asked for.
 */
export function readSocksRequest(octets: Uint8Array, length: number): SocksRequestReading {
  const [version, command, reserved, type] = octets.subarray(0, Math.min(length, FIXED));
  if (version !== undefined && version !== SOCKS5) return malformed("The request is not of SOCKS5.");
  if (command !== undefined && command !== COMMAND_CONNECT) {
    return malformed("CONNECT is the only command.", SOCKS_REPLY.commandNotSupported);
  }
  if (reserved !== undefined && reserved !== 0) return malformed("The reserved octet is not 0.");
  if (type === undefined) return INCOMPLETE;

  const named = type === ADDRESS_NAME;
  if (!named && type !== ADDRESS_IPV4 && type !== ADDRESS_IPV6) {
    return malformed("The address is of a type that nobody has defined.", SOCKS_REPLY.addressTypeNotSupported);
  }
  if (named && length <= FIXED) return INCOMPLETE;
  const from = named ? FIXED + 1 : FIXED;
  const size = named ? (octets[FIXED] ?? 0) : type === ADDRESS_IPV4 ? 4 : 16;
  if (size === 0) return malformed("The host name is empty.");
  const end = from + size + 2;
  if (length < end) return INCOMPLETE;

  const address = octets.subarray(from, from + size);
  const host: Result<Host, string> = named
    ? spelledHost(latin1(address, 0, size))
    : ok({ kind: "address", text: addressFromOctets(address) });
  if (!host.ok) return malformed(host.problem);
  const port = portOf((octets[end - 2] ?? 0) * 256 + (octets[end - 1] ?? 0));
  if (port === undefined) return malformed("The port is 0.");
  return { state: "complete", authority: { host: host.value, port }, end };
}

/** What programs that hand on whatever was typed send as a name: a dotted quad, too, and that is judged as an address. */
function spelledHost(text: string): Result<Host, string> {
  const address = parseIpv4(text);
  if (address !== undefined) return ok({ kind: "address", text: address });
  const name = parseHostname(text);
  return name.ok ? ok({ kind: "name", text: name.value }) : fail(name.problem);
}

function malformed(problem: string, reply: SocksReply = SOCKS_REPLY.failure): SocksRequestReading {
  return { state: "malformed", problem, reply };
}
