import {
  DNS_CLASS_IN,
  DNS_OPCODE_QUERY,
  DNS_RCODE,
  DNS_TYPE,
  type DnsMessage,
  type DnsQuestion,
  type DnsRecord,
} from "./dns-message.ts";
import type { DnsName } from "./dns-name.ts";
import type { IpAddress } from "./ip-address.ts";

/** What a server's answer comes to. `ttl`: seconds. */
export type DnsFinding =
  | { readonly kind: "found"; readonly addresses: readonly IpAddress[]; readonly ttl: number }
  /** `exists`: the name does, with other records. `ttl`: how long that may be believed, as the zone says. */
  | { readonly kind: "none"; readonly exists: boolean; readonly ttl: number | undefined }
  | { readonly kind: "failed"; readonly code: string };

/** RFC 1034 leaves it open; BIND follows sixteen. */
const LONGEST_CHAIN = 16;

const failed = (code: string): DnsFinding => ({ kind: "failed", code });

/** Whether a message answers this very question, letter case aside. */
export function answersQuestion(message: DnsMessage, id: number, asked: DnsQuestion): boolean {
  const { question } = message;
  return (
    message.response &&
    message.opcode === DNS_OPCODE_QUERY &&
    message.id === id &&
    question.name === asked.name &&
    question.type === asked.type &&
    question.class === asked.class
  );
}

/**
 * The addresses that an answer to a question for A or AAAA gives: those of the question's own name, or of the name that
 * its aliases end in (RFC 1034 section 3.6.2), and no others that the server thought of. The codes of failures are those
 * of c-ares.
 */
export function addressesIn(message: DnsMessage): DnsFinding {
  const { question, rcode } = message;
  if (message.truncated) return failed("ETRUNCATED");
  if (rcode === DNS_RCODE.NXDOMAIN) return { kind: "none", exists: false, ttl: negativeTtl(message) };
  if (rcode === DNS_RCODE.SERVFAIL) return failed("ESERVFAIL");
  if (rcode === DNS_RCODE.REFUSED) return failed("EREFUSED");
  if (rcode !== DNS_RCODE.NOERROR) return failed("EBADRESP");

  const aliases = new Map<DnsName, DnsRecord>();
  for (const record of message.answers) {
    if (record.type !== DNS_TYPE.CNAME || record.class !== DNS_CLASS_IN) continue;
    if (!aliases.has(record.name)) aliases.set(record.name, record);
  }
  let name = question.name;
  let ttl = Number.POSITIVE_INFINITY;
  for (let hop = 0; ; hop += 1) {
    const alias = aliases.get(name);
    if (alias?.data.kind !== "alias") break;
    if (hop === LONGEST_CHAIN) return failed("EBADRESP");
    ttl = Math.min(ttl, alias.ttl);
    name = alias.data.target;
  }
  const addresses: IpAddress[] = [];
  for (const record of message.answers) {
    if (record.name !== name || record.type !== question.type || record.class !== DNS_CLASS_IN) continue;
    if (record.data.kind !== "address") continue;
    addresses.push(record.data.address);
    ttl = Math.min(ttl, record.ttl);
  }
  return addresses.length > 0
    ? { kind: "found", addresses, ttl }
    : { kind: "none", exists: true, ttl: negativeTtl(message) };
}

/** RFC 2308 sections 3 and 5: without the zone's SOA a "no" is not kept. */
function negativeTtl(message: DnsMessage): number | undefined {
  for (const { data, ttl } of message.authority) if (data.kind === "soa") return Math.min(ttl, data.minimum);
  return undefined;
}
