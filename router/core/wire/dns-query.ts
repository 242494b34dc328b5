import { fail, ok, type Result } from "../base/result.ts";
import { DNS_OPCODE_QUERY, DNS_RCODE, type DnsHeader, type DnsMessage } from "./dns-message.ts";
import { readDnsHeader, readDnsMessage } from "./dns-message-read.ts";

export interface BadDnsQuery {
  /** What to answer beneath; undefined: silence. An answer to an answer would go round for ever. */
  readonly header: DnsHeader | undefined;
  readonly rcode: number;
  /** One sentence, without anything of the message. */
  readonly problem: string;
}

/** A client's question: one, of the opcode QUERY, with nothing behind it but an OPT record of version 0 at the most. */
export function readDnsQuery(octets: Uint8Array): Result<DnsMessage, BadDnsQuery> {
  const header = readDnsHeader(octets);
  if (header === undefined) return silent("The message is shorter than a header.");
  if (header.response) return silent("The message is an answer.");
  const refused = (rcode: number, problem: string) => fail({ header, rcode, problem });
  if (header.opcode !== DNS_OPCODE_QUERY) return refused(DNS_RCODE.NOTIMP, "The message is not a query.");
  const read = readDnsMessage(octets);
  if (!read.ok) return refused(DNS_RCODE.FORMERR, read.problem);
  const { answers, authority, additional, truncated, rcode } = read.value;
  if (answers.length + authority.length + additional.length > 0 || truncated || rcode !== 0) {
    return refused(DNS_RCODE.FORMERR, "The query holds more than a question.");
  }
  return ok(read.value);
}

function silent(problem: string): { readonly ok: false; readonly problem: BadDnsQuery } {
  return fail({ header: undefined, rcode: DNS_RCODE.FORMERR, problem });
}
