import { assertNever } from "../base/assert-never.ts";
import { type DnsData, type DnsHeader, type DnsMessage, type DnsRecord, DNS_TYPE, type Edns } from "./dns-message.ts";
import { type DnsName, labelsOf } from "./dns-name.ts";
import { addressOctets } from "./ip-address.ts";

const LARGEST_MESSAGE = 65_535;
/** What a pointer can name. */
const LAST_TARGET = 0x3fff;

/** The octets of a message. Owners and aliases are compressed. A message of more than 65535 octets is the caller's bug. */
export function writeDnsMessage(message: DnsMessage): Uint8Array {
  const out = new Out();
  writeHeader(out, message, 1);
  out.uint16(message.answers.length);
  out.uint16(message.authority.length);
  out.uint16(message.additional.length + (message.edns === undefined ? 0 : 1));
  out.name(message.question.name);
  out.uint16(message.question.type);
  out.uint16(message.question.class);
  for (const record of [...message.answers, ...message.authority, ...message.additional]) writeRecord(out, record);
  if (message.edns !== undefined) writeOpt(out, message.edns, message.rcode >> 4);
  else if (message.rcode > 15) throw new RangeError("an extended rcode needs an OPT record");
  return out.octets();
}

/** A message of a header alone: what is said to a question that nobody can read. */
export function writeDnsHeader(header: DnsHeader): Uint8Array {
  const out = new Out();
  writeHeader(out, header, 0);
  for (let section = 0; section < 3; section++) out.uint16(0);
  return out.octets();
}

function writeHeader(out: Out, header: DnsHeader, questions: 0 | 1): void {
  out.uint16(header.id);
  out.uint16(
    (header.response ? 0x8000 : 0) |
      (header.opcode << 11) |
      (header.authoritative ? 0x0400 : 0) |
      (header.truncated ? 0x0200 : 0) |
      (header.recursionDesired ? 0x0100 : 0) |
      (header.recursionAvailable ? 0x0080 : 0) |
      (header.authenticData ? 0x0020 : 0) |
      (header.checkingDisabled ? 0x0010 : 0) |
      (header.rcode & 0xf),
  );
  out.uint16(questions);
}

function writeRecord(out: Out, record: DnsRecord): void {
  out.name(record.name);
  out.uint16(record.type);
  out.uint16(record.class);
  out.uint32(record.ttl);
  out.measured(() => writeData(out, record.data));
}

function writeData(out: Out, data: DnsData): void {
  switch (data.kind) {
    case "address":
      out.append(addressOctets(data.address));
      return;
    case "alias":
      out.name(data.target);
      return;
    case "soa":
      out.name(data.primary);
      out.name(data.mailbox);
      for (const value of [data.serial, data.refresh, data.retry, data.expire, data.minimum]) out.uint32(value);
      return;
    case "other":
      out.append(data.octets);
      return;
    default:
      assertNever(data);
  }
}

function writeOpt(out: Out, edns: Edns, extendedRcode: number): void {
  out.append([0]);
  out.uint16(DNS_TYPE.OPT);
  out.uint16(edns.size);
  out.uint16(extendedRcode * 256 + edns.version);
  out.uint16(edns.dnssecOk ? 0x8000 : 0);
  out.measured(() => {
    for (const { code, octets } of edns.options) {
      out.uint16(code);
      out.uint16(octets.length);
      out.append(octets);
    }
  });
}

/** Octets that grow, and where names stand in them. */
class Out {
  #octets = new Uint8Array(512);
  #length = 0;
  readonly #places = new Map<string, number>();

  octets(): Uint8Array {
    return this.#octets.subarray(0, this.#length);
  }

  append(octets: ArrayLike<number>): void {
    const end = this.#length + octets.length;
    if (end > LARGEST_MESSAGE) throw new RangeError("a DNS message has at most 65535 octets");
    if (end > this.#octets.length) {
      const larger = new Uint8Array(Math.max(end, this.#octets.length * 2));
      larger.set(this.#octets.subarray(0, this.#length));
      this.#octets = larger;
    }
    this.#octets.set(octets, this.#length);
    this.#length = end;
  }

  uint16(value: number): void {
    this.append([value >> 8, value & 0xff]);
  }

  uint32(value: number): void {
    this.append([value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff]);
  }

  /** Writes the length of what `write` writes before it. */
  measured(write: () => void): void {
    const at = this.#length;
    this.uint16(0);
    write();
    const length = this.#length - at - 2;
    this.#octets[at] = length >> 8;
    this.#octets[at + 1] = length & 0xff;
  }

  /** Ends in a pointer where an end of the name stands in the message already. */
  name(name: DnsName): void {
    let rest: string = name;
    for (const label of labelsOf(name)) {
      const place = this.#places.get(rest);
      if (place !== undefined) return this.uint16(0xc000 | place);
      if (this.#length <= LAST_TARGET) this.#places.set(rest, this.#length);
      this.append([label.length]);
      this.append(label);
      const dot = rest.indexOf(".");
      rest = dot < 0 ? "" : rest.slice(dot + 1);
    }
    this.append([0]);
  }
}
