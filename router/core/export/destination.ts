import { parsePort } from "../base/quantity.ts";

/** Where an exchange led: a target of the form `host:port`. */
export interface Destination {
  /** A name or an address, IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  /** The IP version where the host is an address; undefined where it is a name. */
  readonly version: 4 | 6 | undefined;
}

/** A DNS name in text form. */
const LONGEST_HOST = 255;

/** Undefined for `-`, which stands for a request that named nothing readable, and for any other text. */
export function parseDestination(target: string): Destination | undefined {
  const colon = target.lastIndexOf(":");
  const port = parsePort(target.slice(colon + 1));
  if (colon < 0 || colon > LONGEST_HOST || port === undefined) return undefined;
  const text = target.slice(0, colon);
  const bracketed = text.startsWith("[") && text.endsWith("]");
  const host = bracketed ? text.slice(1, -1) : text;
  const version = addressVersion(host);
  if (bracketed !== (version === 6) || (version === undefined && !/^[\w.-]+$/.test(host))) return undefined;
  return { host, port, version };
}

/** Whether a text is an IPv4 address in dotted form or an IPv6 address (RFC 4291 section 2.2, no zone id). */
export function addressVersion(text: string): 4 | 6 | undefined {
  if (text.length > 39) return undefined;
  if (!text.includes(":")) return isIpv4(text) ? 4 : undefined;
  return isIpv6(text) ? 6 : undefined;
}

function isIpv4(text: string): boolean {
  const parts = text.split(".");
  return parts.length === 4 && parts.every((part) => /^(?:0|[1-9][0-9]{0,2})$/.test(part) && Number(part) <= 255);
}

function isIpv6(text: string): boolean {
  const tail = text.slice(text.lastIndexOf(":") + 1);
  if (tail.includes(".") && !isIpv4(tail)) return false;
  // A dotted quad at the end stands for two groups.
  const plain = tail.includes(".") ? `${text.slice(0, -tail.length)}0:0` : text;
  const halves = plain.split("::");
  const groups = halves.flatMap((half) => (half === "" ? [] : half.split(":")));
  if (halves.length > 2 || !groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return false;
  return halves.length === 2 ? groups.length < 8 : groups.length === 8;
}
