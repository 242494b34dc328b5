import type { Brand } from "../base/brand.ts";
import { type Hostname, parseHostname } from "./hostname.ts";

/**
 * A name of the DNS in one spelling: labels with dots between, none at the end, the root as the empty text. Letters are
 * in lower case; every octet but `a-z 0-9 - _` is written `\DDD`, so a dot within a label is no end of one. What is a
 * `Hostname` is spelled as one, and nothing else parses as one.
 */
export type DnsName = Brand<string, "DnsName">;

/** RFC 1035 section 2.3.4, with the length octets and the root's. */
const LONGEST_NAME = 255;
const LONGEST_LABEL = 63;
/** A name has 127 labels, and no compressor points to nothing but a pointer. */
const MOST_POINTERS = 127;

const SPELLED = Array.from({ length: 256 }, (_, octet) => {
  const character = String.fromCharCode(octet);
  if (/[A-Za-z0-9_-]/.test(character)) return character.toLowerCase();
  return `\\${String(octet).padStart(3, "0")}`;
});

export function dnsNameOf(host: Hostname): DnsName {
  return host as string as DnsName;
}

/** Undefined where the name is none of a host. */
export function hostnameOf(name: DnsName): Hostname | undefined {
  const parsed = parseHostname(name);
  return parsed.ok ? parsed.value : undefined;
}

export interface NameReading {
  readonly name: DnsName;
  /** Where the name ends in the message; behind its first pointer, where it has one. */
  readonly end: number;
}

/**
 * The name at `at` of a message (RFC 1035 section 4.1.4). Each pointer leads to before the labels that it ends, and
 * behind the header, so that it leads nowhere twice. Undefined where it is no name, or where it does not end before `limit`.
 */
export function readDnsName(message: Uint8Array, at: number, limit: number): NameReading | undefined {
  let name = "";
  let length = 1;
  let pointers = 0;
  let end: number | undefined;
  let from = at;
  let cursor = at;
  for (;;) {
    // Behind a pointer the name may stand anywhere before it.
    const octet = cursor < (end === undefined ? limit : message.length) ? message[cursor] : undefined;
    if (octet === undefined) return undefined;
    if (octet === 0) return { name: name as DnsName, end: end ?? cursor + 1 };
    if (octet >= 0xc0) {
      const low = cursor + 1 < (end === undefined ? limit : message.length) ? message[cursor + 1] : undefined;
      if (low === undefined) return undefined;
      const target = (octet & 0x3f) * 256 + low;
      pointers += 1;
      if (target >= from || target < 12 || pointers > MOST_POINTERS) return undefined;
      end ??= cursor + 2;
      from = target;
      cursor = target;
      continue;
    }
    // 0x40 and 0x80 are no labels (RFC 6891 section 5).
    if (octet > LONGEST_LABEL) return undefined;
    length += 1 + octet;
    const labelEnd = cursor + 1 + octet;
    if (length > LONGEST_NAME || labelEnd > (end === undefined ? limit : message.length)) return undefined;
    if (name !== "") name += ".";
    for (let index = cursor + 1; index < labelEnd; index++) name += SPELLED[message[index] ?? 0] ?? "";
    cursor = labelEnd;
  }
}

/** The labels of a name, each as its octets; none for the root. */
export function labelsOf(name: DnsName): readonly Uint8Array[] {
  return name === "" ? [] : name.split(".").map(labelOctets);
}

function labelOctets(label: string): Uint8Array {
  const octets: number[] = [];
  for (let at = 0; at < label.length; at++) {
    if (label[at] !== "\\") octets.push(label.charCodeAt(at));
    else {
      octets.push(Number(label.slice(at + 1, at + 4)));
      at += 3;
    }
  }
  return Uint8Array.from(octets);
}
