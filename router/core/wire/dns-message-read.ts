import { fail, ok, type Result } from "../base/result.ts";
import {
  type DnsHeader,
  type DnsMessage,
  type DnsQuestion,
  type DnsRecord,
  DNS_TYPE,
  type Edns,
} from "./dns-message.ts";
import { readDnsName } from "./dns-name.ts";
import { readRecordData } from "./dns-record-data.ts";

/** Octets of a header: what has fewer is answered by nothing. */
export const DNS_HEADER_OCTETS = 12;
const LARGEST_MESSAGE = 65_535;
/** All sections together: what this router asks for has a hundred at the most. */
const MOST_RECORDS = 512;
const MOST_OPTIONS = 64;

const CUT_SHORT = fail("The message or a part of it is cut short.");
const BAD_NAME = fail("A name in the message is malformed.");

/** The header alone, of a message of at least 12 octets; `rcode` without the bits that an OPT record would add. */
export function readDnsHeader(message: Uint8Array): DnsHeader | undefined {
  if (message.length < DNS_HEADER_OCTETS) return undefined;
  const flags = uint16(message, 2);
  return {
    id: uint16(message, 0),
    response: (flags & 0x8000) !== 0,
    opcode: (flags >> 11) & 0xf,
    authoritative: (flags & 0x0400) !== 0,
    truncated: (flags & 0x0200) !== 0,
    recursionDesired: (flags & 0x0100) !== 0,
    recursionAvailable: (flags & 0x0080) !== 0,
    authenticData: (flags & 0x0020) !== 0,
    checkingDisabled: (flags & 0x0010) !== 0,
    rcode: flags & 0xf,
  };
}

/**
 * A whole message (RFC 1035 section 4, RFC 6891), with exactly one question, at most one OPT record and nothing behind it.
 * Names in the data of CNAME and SOA records fill it; other data is taken as it is. Bounded: 65535 octets, 512 records,
 * 64 options. The problem is one sentence, without anything of the message.
 */
export function readDnsMessage(message: Uint8Array): Result<DnsMessage, string> {
  if (message.length > LARGEST_MESSAGE) return fail("The message is longer than 65535 octets.");
  const header = readDnsHeader(message);
  if (header === undefined) return CUT_SHORT;
  if ((uint16(message, 2) & 0x0040) !== 0) return fail("A bit of the header that must be zero is set.");
  if (uint16(message, 4) !== 1) return fail("The message has not exactly one question.");
  const counts = [uint16(message, 6), uint16(message, 8), uint16(message, 10)] as const;
  if (counts[0] + counts[1] + counts[2] > MOST_RECORDS) return fail("The message has too many records.");

  const asked = readDnsName(message, DNS_HEADER_OCTETS, message.length);
  if (asked === undefined) return BAD_NAME;
  if (asked.end + 4 > message.length) return CUT_SHORT;
  const question: DnsQuestion = {
    name: asked.name,
    type: uint16(message, asked.end),
    class: uint16(message, asked.end + 2),
  };

  let at = asked.end + 4;
  let opt: OptRecord | undefined;
  const sections: DnsRecord[][] = [[], [], []];
  for (const [index, section] of sections.entries()) {
    for (let count = counts[index] ?? 0; count > 0; count--) {
      const read = readRecord(message, at);
      if (!read.ok) return read;
      at = read.value.end;
      if (read.value.record !== undefined) {
        section.push(read.value.record);
        continue;
      }
      if (index !== 2 || opt !== undefined) return fail("An OPT record stands where none may.");
      opt = read.value.opt;
    }
  }
  if (at !== message.length) return fail("The message is followed by octets that do not belong to it.");
  const [answers = [], authority = [], additional = []] = sections;
  const rcode = header.rcode + (opt?.rcode ?? 0) * 16;
  return ok({ ...header, rcode, question, answers, authority, additional, edns: opt?.edns });
}

interface OptRecord {
  /** The upper eight bits of the message's. */
  readonly rcode: number;
  readonly edns: Edns;
}

type RecordReading =
  | { readonly record: DnsRecord; readonly end: number }
  | { readonly record: undefined; readonly opt: OptRecord; readonly end: number };

function readRecord(message: Uint8Array, at: number): Result<RecordReading, string> {
  const owner = readDnsName(message, at, message.length);
  if (owner === undefined) return BAD_NAME;
  const data = owner.end + 10;
  if (data > message.length) return CUT_SHORT;
  const type = uint16(message, owner.end);
  const recordClass = uint16(message, owner.end + 2);
  const ttl = uint32(message, owner.end + 4);
  const end = data + uint16(message, owner.end + 8);
  if (end > message.length) return CUT_SHORT;
  if (type === DNS_TYPE.OPT) {
    if (owner.name !== "") return fail("An OPT record has an owner.");
    const options = readOptions(message, data, end);
    if (options === undefined) return fail("The options of the OPT record are malformed.");
    const edns = { size: recordClass, version: (ttl >>> 16) & 0xff, dnssecOk: (ttl & 0x8000) !== 0, options };
    return ok({ record: undefined, opt: { rcode: ttl >>> 24, edns }, end });
  }
  const read = readRecordData(message, type, recordClass, data, end);
  if (read === undefined) return fail("The data of a record are malformed.");
  // RFC 2181 section 8.
  const seconds = ttl > 0x7fff_ffff ? 0 : ttl;
  return ok({ record: { name: owner.name, type, class: recordClass, ttl: seconds, data: read }, end });
}

function readOptions(message: Uint8Array, from: number, end: number): Edns["options"] | undefined {
  const options: { readonly code: number; readonly octets: Uint8Array }[] = [];
  let at = from;
  while (at < end) {
    if (at + 4 > end || options.length >= MOST_OPTIONS) return undefined;
    const next = at + 4 + uint16(message, at + 2);
    if (next > end) return undefined;
    options.push({ code: uint16(message, at), octets: Uint8Array.from(message.subarray(at + 4, next)) });
    at = next;
  }
  return options;
}

function uint16(message: Uint8Array, at: number): number {
  return (message[at] ?? 0) * 256 + (message[at + 1] ?? 0);
}

function uint32(message: Uint8Array, at: number): number {
  return uint16(message, at) * 65_536 + uint16(message, at + 2);
}
