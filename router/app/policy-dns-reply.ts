import {
  DNS_CLASS_IN,
  DNS_OPTION_EXTENDED_ERROR,
  DNS_RCODE,
  DNS_TYPE,
  type DnsHeader,
  type DnsMessage,
  type DnsRecord,
  type Edns,
} from "../core/wire/dns-message.ts";
import { DNS_HEADER_OCTETS } from "../core/wire/dns-message-read.ts";
import { writeDnsHeader, writeDnsMessage } from "../core/wire/dns-message-write.ts";
import { dnsNameOf, type DnsName, readDnsName } from "../core/wire/dns-name.ts";
import { type IpAddress, isIpv6 } from "../core/wire/ip-address.ts";
import { parseHostname } from "../core/wire/hostname.ts";

/** What is said to one question. */
export interface DnsSaying {
  readonly rcode: number;
  /** Of the family asked for. */
  readonly addresses: readonly IpAddress[];
  /** Seconds, of the addresses or of there being none. */
  readonly ttl: number;
  /** Why, for programs and people (RFC 8914). */
  readonly note: { readonly code: number; readonly text: string } | undefined;
}

/** What this server takes over UDP (DNS flag day 2020), and the most it sends so, whatever a client says. */
const OWN_SIZE = 1_232;
const MOST_OVER_UDP = 4_096;
const LEAST_OVER_UDP = 512;
const LARGEST = 65_535;

/** The name that negative answers are said to come from; nobody asks it. */
const AUTHORITY = knownName("sluice.invalid");

/** A query as it was read, and as it came. */
export interface AskedDns {
  readonly message: DnsMessage;
  readonly octets: Uint8Array;
}

/**
 * The answer to a query, in octets. Over UDP one that is longer than the client takes is cut to its question and marked
 * (RFC 2181 section 9). Notes go only to who sent an OPT record. The question is repeated letter by letter: some clients
 * tell by their own mixture of cases that an answer is theirs.
 */
export function dnsReply(
  { message: query, octets: sent }: AskedDns,
  saying: DnsSaying,
  over: "udp" | "tcp",
): Uint8Array {
  const { question, edns } = query;
  const answers = saying.addresses.map((address): DnsRecord => ({
    name: question.name,
    type: isIpv6(address) ? DNS_TYPE.AAAA : DNS_TYPE.A,
    class: DNS_CLASS_IN,
    ttl: saying.ttl,
    data: { kind: "address", address },
  }));
  const isNegative =
    answers.length === 0 && (saying.rcode === DNS_RCODE.NOERROR || saying.rcode === DNS_RCODE.NXDOMAIN);
  const reply: DnsMessage = {
    ...answering(query, saying.rcode),
    question,
    answers,
    authority: isNegative ? [authorityOf(question.name, saying.ttl)] : [],
    additional: [],
    edns: edns === undefined ? undefined : ownEdns(edns, saying.note),
  };
  const octets = writeDnsMessage(reply);
  const size = Math.min(Math.max(edns?.size ?? LEAST_OVER_UDP, LEAST_OVER_UDP), MOST_OVER_UDP);
  if (octets.length <= (over === "udp" ? size : LARGEST)) return withName(octets, sent);
  return withName(writeDnsMessage({ ...reply, truncated: true, answers: [], authority: [] }), sent);
}

/** The question's name stands first in both, without pointers, since there is nothing before it that one could name. */
function withName(reply: Uint8Array, sent: Uint8Array): Uint8Array {
  const end = readDnsName(sent, DNS_HEADER_OCTETS, sent.length)?.end ?? DNS_HEADER_OCTETS;
  reply.set(sent.subarray(DNS_HEADER_OCTETS, end), DNS_HEADER_OCTETS);
  return reply;
}

/** A header alone, to what is no query that could be repeated. */
export function dnsErrorReply(header: DnsHeader, rcode: number): Uint8Array {
  return writeDnsHeader(answering(header, rcode));
}

function answering(header: DnsHeader, rcode: number): DnsHeader {
  return {
    id: header.id,
    response: true,
    opcode: header.opcode,
    authoritative: false,
    truncated: false,
    recursionDesired: header.recursionDesired,
    recursionAvailable: true,
    authenticData: false,
    checkingDisabled: header.checkingDisabled,
    rcode,
  };
}

function ownEdns(edns: Edns, note: DnsSaying["note"]): Edns {
  const options = note === undefined ? [] : [{ code: DNS_OPTION_EXTENDED_ERROR, octets: extendedError(note) }];
  return { size: OWN_SIZE, version: 0, dnssecOk: edns.dnssecOk, options };
}

/** RFC 8914 section 2. Texts are ours, in ASCII. */
function extendedError({ code, text }: { readonly code: number; readonly text: string }): Uint8Array {
  return Uint8Array.from([code >> 8, code & 0xff, ...Buffer.from(text, "latin1")]);
}

/** RFC 2308 section 3: says how long the "no" may be kept. */
function authorityOf(name: DnsName, ttl: number): DnsRecord {
  const times = { serial: 1, refresh: 3_600, retry: 600, expire: 86_400, minimum: ttl };
  const data = { kind: "soa", primary: AUTHORITY, mailbox: AUTHORITY, ...times } as const;
  return { name, type: DNS_TYPE.SOA, class: DNS_CLASS_IN, ttl, data };
}

function knownName(text: string): DnsName {
  const parsed = parseHostname(text);
  if (!parsed.ok) throw new Error(parsed.problem);
  return dnsNameOf(parsed.value);
}
