import { dashed, fieldValues } from "../../core/wire/fields.ts";
import type { Field } from "../../core/wire/message-head.ts";

/**
 * By these an agent would ask for an answer in which nothing can be found: coded, or in parts. Where something is injected
 * none of them goes on, in a head or behind it. Some origins still take `request-range` for `range`.
 */
const ASKS_OTHERWISE: ReadonlySet<string> = new Set([
  "accept-encoding",
  "connect-accept-encoding",
  "grpc-accept-encoding",
  "if-range",
  "range",
  "request-range",
]);

/** A request with a field of this (lower-case) name may have an answer that cannot be searched. */
export function asksForUnsearchable(name: string): boolean {
  return ASKS_OTHERWISE.has(dashed(name));
}

/** Of the content, and of each message in it (gRPC over HTTP/2, "Message-Encoding"; Connect's streams). */
const CODINGS = ["content-encoding", "grpc-encoding", "connect-content-encoding"] as const;

/** RFC 9110 section 15.3.7 */
const PARTIAL_CONTENT = 206;

/**
 * Why nothing could be found in the content behind this head, as a sentence; undefined: all of it comes, as it is. The one
 * rule for HTTP/1.1, HTTP/2 and fetches: an origin that codes its answer unasked, or sends it in parts, may repeat what was
 * injected, and no gate would see it.
 */
export function unsearchable(head: { readonly status: number; readonly fields: readonly Field[] }): string | undefined {
  const coded = CODINGS.some((name) => fieldValues(head, name).some((value) => value.toLowerCase() !== "identity"));
  if (coded) return "The answer is coded, and was asked for as it is.";
  const inParts =
    head.status === PARTIAL_CONTENT ||
    fieldValues(head, "content-range").length > 0 ||
    fieldValues(head, "content-type").some((value) => /^multipart\/byteranges/i.test(value));
  return inParts ? "The answer is a part, and was asked for as a whole." : undefined;
}
