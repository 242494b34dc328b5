import type { Reason } from "../core/base/reason.ts";
import { DNS_EXTENDED_ERROR, DNS_RCODE } from "../core/wire/dns-message.ts";
import type { IpAddress } from "../core/wire/ip-address.ts";
import type { DnsSaying } from "./policy-dns-reply.ts";

/** Seconds: an approval or a new policy may allow soon what was refused. */
const REFUSED_SECONDS = 5;

/** How a reason is said in the DNS's own words: an rcode, and why (RFC 8914). */
interface Words {
  readonly rcode: number;
  readonly note: number;
}

const NOT_NOW: Words = { rcode: DNS_RCODE.SERVFAIL, note: DNS_EXTENDED_ERROR.NOT_READY };
const BLOCKED: Words = { rcode: DNS_RCODE.NXDOMAIN, note: DNS_EXTENDED_ERROR.BLOCKED };
/** What no rule allows does not exist. */
const PROHIBITED: Words = { rcode: DNS_RCODE.NXDOMAIN, note: DNS_EXTENDED_ERROR.PROHIBITED };

const WORDS: ReadonlyMap<Reason, Words> = new Map<Reason, Words>([
  ["policy_missing", NOT_NOW],
  ["policy_expired", NOT_NOW],
  ["audit_unavailable", NOT_NOW],
  ["overloaded", NOT_NOW],
  ["draining", { ...NOT_NOW, rcode: DNS_RCODE.REFUSED }],
  ["dns_failure", { rcode: DNS_RCODE.SERVFAIL, note: DNS_EXTENDED_ERROR.NO_REACHABLE_AUTHORITY }],
  ["rate_limited", { ...PROHIBITED, rcode: DNS_RCODE.REFUSED }],
  ["blocklisted", BLOCKED],
  ["denied_by_rule", BLOCKED],
  // The name is there, and none of its addresses may be told.
  ["address_not_allowed", { ...BLOCKED, rcode: DNS_RCODE.NOERROR }],
]);

/** What is said where a question is refused. */
export function refusalOf(reason: Reason): DnsSaying {
  const { rcode, note } = WORDS.get(reason) ?? PROHIBITED;
  return { rcode, addresses: [], ttl: REFUSED_SECONDS, note: { code: note, text: `sluice: ${reason}` } };
}

/** An rcode alone. */
export function said(rcode: number): DnsSaying {
  return { rcode, addresses: [], ttl: 0, note: undefined };
}

/** The name is there, and has nothing of what was asked for. `ttl` in seconds. */
export function empty(ttl: number): DnsSaying {
  return { rcode: DNS_RCODE.NOERROR, addresses: [], ttl, note: undefined };
}

/** `ttl` in seconds. */
export function found(addresses: readonly IpAddress[], ttl: number): DnsSaying {
  return { rcode: DNS_RCODE.NOERROR, addresses, ttl, note: undefined };
}
