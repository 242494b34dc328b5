import { DNS_OPCODE_QUERY, DNS_RCODE, type DnsMessage, type DnsQuestion } from "./dns-message.ts";

/** DNS flag day 2020: what fits into a packet everywhere. */
const UDP_SIZE = 1_232;

/** A question to a resolver, which is to do the rest. */
export function upstreamQuery(id: number, question: DnsQuestion): DnsMessage {
  return {
    id,
    response: false,
    opcode: DNS_OPCODE_QUERY,
    authoritative: false,
    truncated: false,
    recursionDesired: true,
    recursionAvailable: false,
    authenticData: false,
    checkingDisabled: false,
    rcode: DNS_RCODE.NOERROR,
    question,
    answers: [],
    authority: [],
    additional: [],
    edns: { size: UDP_SIZE, version: 0, dnssecOk: false, options: [] },
  };
}
