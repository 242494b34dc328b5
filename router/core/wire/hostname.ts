import type { Brand } from "../base/brand.ts";
import { fail, ok, type Result } from "../base/result.ts";
import { ALPHANUMERIC, allOf, octetClass } from "./octet-class.ts";

/**
 * A DNS name in its one spelling: lower case, no trailing dot, at most 253 octets, labels of 1 to 63 octets out of
 * `a-z 0-9 - _` that neither begin nor end with a hyphen. Never an address in any form that inet_aton or the WHATWG
 * URL parser would read. A-labels (`xn--`) stand as written: what they decode to is never looked at.
 */
export type Hostname = Brand<string, "Hostname">;

const LONGEST_NAME = 253;
const LONGEST_LABEL = 63;

const NAME_OCTETS = octetClass(`${ALPHANUMERIC}-_.`);

/**
 * The name that a text spells; the problem is one sentence that does not repeat it. Nothing is decoded, mapped or cut:
 * percent signs, full-width dots, soft hyphens, NUL and zone ids are refused, where a repairing parser would let
 * "allowed.example" and what is dialled differ.
 */
export function parseHostname(text: string): Result<Hostname, string> {
  if (text.length > LONGEST_NAME + 1) return fail("The host name is longer than 253 octets.");
  // Before lower-casing, which takes U+212A (Kelvin) to "k".
  if (!allOf(text, NAME_OCTETS)) {
    return fail("A host name holds ASCII letters, digits, hyphens, underscores and dots only.");
  }
  const name = (text.endsWith(".") ? text.slice(0, -1) : text).toLowerCase();
  if (name === "") return fail("The host name is empty.");
  if (name.length > LONGEST_NAME) return fail("The host name is longer than 253 octets.");

  let last = "";
  for (const label of name.split(".")) {
    if (label === "") return fail("The host name has an empty label.");
    if (label.length > LONGEST_LABEL) return fail("A label of the host name is longer than 63 octets.");
    if (label.startsWith("-") || label.endsWith("-")) {
      return fail("A label of the host name begins or ends with a hyphen.");
    }
    last = label;
  }
  // WHATWG URL, "ends in a number": 127.1, 0x7f.1, 2130706433, 1.2.3.0x all reach an address somewhere.
  if (/^(?:[0-9]+|0x[0-9a-f]*)$/.test(last)) return fail("The host name ends in a number.");
  return ok(name as Hostname);
}
