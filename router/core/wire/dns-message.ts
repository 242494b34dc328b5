import type { DnsName } from "./dns-name.ts";
import type { IpAddress } from "./ip-address.ts";

/** Types of records that something here asks about (IANA DNS Parameters). */
export const DNS_TYPE = Object.freeze({ A: 1, CNAME: 5, SOA: 6, AAAA: 28, OPT: 41 });
export const DNS_CLASS_IN = 1;
export const DNS_OPCODE_QUERY = 0;

export const DNS_RCODE = Object.freeze({
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  /** RFC 6891 section 9; needs an OPT record. */
  BADVERS: 16,
});

/** RFC 8914. */
export const DNS_OPTION_EXTENDED_ERROR = 15;
export const DNS_EXTENDED_ERROR = Object.freeze({
  OTHER: 0,
  NOT_READY: 14,
  BLOCKED: 15,
  PROHIBITED: 18,
  NO_REACHABLE_AUTHORITY: 22,
});

export interface DnsHeader {
  /** 0 to 65535. */
  readonly id: number;
  readonly response: boolean;
  /** 0 to 15. */
  readonly opcode: number;
  readonly authoritative: boolean;
  readonly truncated: boolean;
  readonly recursionDesired: boolean;
  readonly recursionAvailable: boolean;
  readonly authenticData: boolean;
  readonly checkingDisabled: boolean;
  /** 0 to 15; with an OPT record to 4095. */
  readonly rcode: number;
}

export interface DnsQuestion {
  readonly name: DnsName;
  readonly type: number;
  readonly class: number;
}

export type DnsData =
  /** A or AAAA. */
  | { readonly kind: "address"; readonly address: IpAddress }
  /** CNAME. */
  | { readonly kind: "alias"; readonly target: DnsName }
  | {
      readonly kind: "soa";
      readonly primary: DnsName;
      readonly mailbox: DnsName;
      readonly serial: number;
      readonly refresh: number;
      readonly retry: number;
      readonly expire: number;
      /** Seconds that a negative answer may be kept (RFC 2308 section 4). */
      readonly minimum: number;
    }
  /** As sent: names in it are not looked at. */
  | { readonly kind: "other"; readonly octets: Uint8Array };

export interface DnsRecord {
  readonly name: DnsName;
  /** Never OPT. */
  readonly type: number;
  readonly class: number;
  /** Seconds, 0 to 2^31 - 1. */
  readonly ttl: number;
  readonly data: DnsData;
}

/** The OPT record (RFC 6891). */
export interface Edns {
  /** Octets of UDP payload that its sender takes. */
  readonly size: number;
  readonly version: number;
  readonly dnssecOk: boolean;
  readonly options: readonly { readonly code: number; readonly octets: Uint8Array }[];
}

/** A message with exactly one question. */
export interface DnsMessage extends DnsHeader {
  readonly question: DnsQuestion;
  readonly answers: readonly DnsRecord[];
  readonly authority: readonly DnsRecord[];
  readonly additional: readonly DnsRecord[];
  readonly edns: Edns | undefined;
}
