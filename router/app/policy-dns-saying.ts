import type { Reason } from "../core/base/reason.ts";
import { DNS_EXTENDED_ERROR, DNS_RCODE } from "../core/wire/dns-message.ts";
import type { IpAddress } from "../core/wire/ip-address.ts";
import type { DnsSaying } from "./policy-dns-reply.ts";

/** Seconds: an approval or a new policy may allow soon what was refused. */
const REFUSED_SECONDS = 5;

/** How a reason is said in the DNS's own words. A name that policy refuses does not exist; the rest is for now. */
export function refusalOf(reason: Reason): DnsSaying {
  switch (reason) {
    case "policy_missing":
    case "policy_expired":
    case "audit_unavailable":
    case "overloaded":
    case "dns_failure":
      return said(DNS_RCODE.SERVFAIL, noteOf(reason));
    case "draining":
    case "rate_limited":
      return said(DNS_RCODE.REFUSED, noteOf(reason));
    case "address_not_allowed":
      return { ...empty(REFUSED_SECONDS), note: noteOf(reason) };
    default:
      return { ...said(DNS_RCODE.NXDOMAIN, noteOf(reason)), ttl: REFUSED_SECONDS };
  }
}

const BLOCKED: ReadonlySet<Reason> = new Set<Reason>(["blocklisted", "denied_by_rule", "address_not_allowed"]);
const NOT_NOW: ReadonlySet<Reason> = new Set<Reason>([
  "policy_missing",
  "policy_expired",
  "audit_unavailable",
  "draining",
  "overloaded",
]);

/** The note that goes with a reason (RFC 8914). */
export function noteOf(reason: Reason): NonNullable<DnsSaying["note"]> {
  const code = BLOCKED.has(reason)
    ? DNS_EXTENDED_ERROR.BLOCKED
    : NOT_NOW.has(reason)
      ? DNS_EXTENDED_ERROR.NOT_READY
      : reason === "dns_failure"
        ? DNS_EXTENDED_ERROR.NO_REACHABLE_AUTHORITY
        : DNS_EXTENDED_ERROR.PROHIBITED;
  return { code, text: `sluice: ${reason}` };
}

/** An rcode alone. */
export function said(rcode: number, note?: DnsSaying["note"]): DnsSaying {
  return { rcode, addresses: [], ttl: 0, note };
}

/** The name is there, and has nothing of what was asked for. `ttl` in seconds. */
export function empty(ttl: number): DnsSaying {
  return { rcode: DNS_RCODE.NOERROR, addresses: [], ttl, note: undefined };
}

/** `ttl` in seconds. */
export function found(addresses: readonly IpAddress[], ttl: number): DnsSaying {
  return { rcode: DNS_RCODE.NOERROR, addresses, ttl, note: undefined };
}
