import { DNS_CLASS_IN, type DnsData, DNS_TYPE } from "./dns-message.ts";
import { readDnsName } from "./dns-name.ts";
import { addressFromOctets } from "./ip-address.ts";

/** The data of a record between `from` and `end` of a message; undefined where they are not what the type says. */
export function readRecordData(
  message: Uint8Array,
  type: number,
  recordClass: number,
  from: number,
  end: number,
): DnsData | undefined {
  if (recordClass !== DNS_CLASS_IN) return other(message, from, end);
  switch (type) {
    case DNS_TYPE.A:
    case DNS_TYPE.AAAA:
      if (end - from !== (type === DNS_TYPE.A ? 4 : 16)) return undefined;
      return { kind: "address", address: addressFromOctets(Uint8Array.from(message.subarray(from, end))) };
    case DNS_TYPE.CNAME: {
      const target = readDnsName(message, from, end);
      return target?.end === end ? { kind: "alias", target: target.name } : undefined;
    }
    case DNS_TYPE.SOA:
      return readSoa(message, from, end);
    default:
      return other(message, from, end);
  }
}

/** RFC 1035 section 3.3.13. */
function readSoa(message: Uint8Array, from: number, end: number): DnsData | undefined {
  const primary = readDnsName(message, from, end);
  const mailbox = primary === undefined ? undefined : readDnsName(message, primary.end, end);
  if (primary === undefined || mailbox === undefined || end - mailbox.end !== 20) return undefined;
  const view = new DataView(message.buffer, message.byteOffset + mailbox.end, 20);
  return {
    kind: "soa",
    primary: primary.name,
    mailbox: mailbox.name,
    serial: view.getUint32(0),
    refresh: view.getUint32(4),
    retry: view.getUint32(8),
    expire: view.getUint32(12),
    minimum: view.getUint32(16),
  };
}

/** A copy: a record must not keep its whole message. */
function other(message: Uint8Array, from: number, end: number): DnsData {
  return { kind: "other", octets: Uint8Array.from(message.subarray(from, end)) };
}
