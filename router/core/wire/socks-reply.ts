import { type Reason, REASONS } from "../base/reason.ts";

/** RFC 1928 section 6, field REP. */
export const SOCKS_REPLY = {
  succeeded: 0,
  failure: 1,
  notAllowed: 2,
  hostUnreachable: 4,
  connectionRefused: 5,
  commandNotSupported: 7,
  addressTypeNotSupported: 8,
} as const;

export type SocksReply = (typeof SOCKS_REPLY)[keyof typeof SOCKS_REPLY];

/** Of the methods offered, none is spoken here (RFC 1928 section 3). */
export const NO_ACCEPTABLE_METHOD = Uint8Array.of(5, 0xff);
/** The method without authentication is the one. */
export const WITHOUT_AUTHENTICATION = Uint8Array.of(5, 0);

/** The whole reply. It tells no address of ours: none is of use to a client of CONNECT. */
export function socksReply(reply: SocksReply): Uint8Array {
  return Uint8Array.of(5, reply, 0, 1, 0, 0, 0, 0, 0, 0);
}

/** Policy's word is "not allowed"; what may pass (limits, shutdown, no policy yet) is a failure. */
export function socksReplyOf(reason: Reason): SocksReply {
  if (reason === "dns_failure") return SOCKS_REPLY.hostUnreachable;
  if (reason === "upstream_unreachable") return SOCKS_REPLY.connectionRefused;
  return REASONS[reason].status === 403 ? SOCKS_REPLY.notAllowed : SOCKS_REPLY.failure;
}
