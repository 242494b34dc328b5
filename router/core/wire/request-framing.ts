import { fail, ok, type Result } from "../base/result.ts";
import { fieldValues } from "./fields.ts";
import type { RequestHead } from "./message-head.ts";

/** Where the content of a request ends. */
export type RequestFraming =
  | { readonly kind: "none" }
  /** Octets, 0 to 2^53-1. */
  | { readonly kind: "length"; readonly length: number }
  | { readonly kind: "chunked" };

/**
 * RFC 9112 section 6, without its ways out: whatever two readers could take differently is refused (request smuggling:
 * CVE-2022-32213 and its family, CVE-2023-46846). The problem is one sentence.
 */
export function requestFraming(head: RequestHead): Result<RequestFraming, string> {
  const codings = fieldValues(head, "transfer-encoding");
  const lengths = fieldValues(head, "content-length");
  const [coding] = codings;
  const [length] = lengths;
  if (coding !== undefined) {
    if (length !== undefined) return fail("The request has both Content-Length and Transfer-Encoding.");
    if (codings.length > 1) return fail("The request has more than one Transfer-Encoding field.");
    if (head.version === "1.0") return fail("An HTTP/1.0 request has no Transfer-Encoding.");
    return coding.toLowerCase() === "chunked"
      ? ok({ kind: "chunked" })
      : fail("The Transfer-Encoding is not exactly chunked.");
  }
  if (length === undefined) return ok({ kind: "none" });
  if (lengths.length > 1) return fail("The request has more than one Content-Length field.");
  // No sign, no list, no leading zero (octal to someone).
  if (!/^(?:0|[1-9][0-9]{0,15})$/.test(length)) return fail("The Content-Length is not a plain decimal number.");
  const value = Number(length);
  return Number.isSafeInteger(value)
    ? ok({ kind: "length", length: value })
    : fail("The Content-Length is larger than 2^53-1.");
}
