import type { IncomingMessage } from "node:http";
import { fail, ok, type Result } from "../../core/base/result.ts";
import { endToEndFields, fieldValues } from "../../core/wire/fields.ts";
import type { Field } from "../../core/wire/message-head.ts";

/** A final response as far as the agent may see it. */
export interface ResponseHead {
  /** 200 to 599. */
  readonly status: number;
  /** End-to-end fields in the order sent, without Content-Length. */
  readonly fields: readonly Field[];
  /** Content-Length; with no body (HEAD, 304) that of the body that is not sent. */
  readonly length: number | undefined;
  /** Chunks may follow; how many octets `length` says, or the end of the exchange. */
  readonly hasBody: boolean;
}

/** Well below the number at which Node drops fields in silence (2,000). */
const MOST_FIELDS = 200;

/**
 * What of an origin's response head may go on, or one sentence on why it is not HTTP/1.1 as RFC 9112 has it. Node's
 * parser has done lines, fields and lengths; these are the things that it lets through (see the tests).
 */
export function responseHead(message: IncomingMessage, requestMethod: string): Result<ResponseHead, string> {
  const status = message.statusCode ?? 0;
  if (message.httpVersion !== "1.1" && message.httpVersion !== "1.0") return fail("The HTTP version is unknown.");
  if (status < 200 || status > 599) return fail("The status is not that of a final response.");
  const fields = fieldsOf(message);
  if (!fields.ok) return fields;
  const head = { fields: fields.value };

  const codings = fieldValues(head, "transfer-encoding");
  // Any other coding would reach the agent undecoded, and without the field that says so.
  if (codings.length > 1 || (codings[0] ?? "chunked").toLowerCase() !== "chunked") {
    return fail("The Transfer-Encoding is not exactly chunked.");
  }
  if (codings.length > 0 && message.httpVersion === "1.0") return fail("HTTP/1.0 has no Transfer-Encoding.");
  const [length, ...lengths] = fieldValues(head, "content-length");
  if (lengths.length > 0 || (length !== undefined && codings.length > 0)) return fail("The body has two lengths.");
  if (length !== undefined && !/^[0-9]{1,15}$/.test(length)) return fail("The Content-Length is not a number.");

  const passed = agentFields(head.fields);
  if (!passed.ok) return passed;
  return ok({
    status,
    fields: passed.value,
    length: length === undefined || status === 204 ? undefined : Number(length),
    hasBody: requestMethod !== "HEAD" && status !== 204 && status !== 304,
  });
}

/** The end-to-end ones, without framing and without what only this proxy says: an origin cannot say it for us. */
export function agentFields(fields: readonly Field[]): Result<readonly Field[], string> {
  const passed = endToEndFields({ fields });
  if (!passed.ok) return passed;
  return ok(passed.value.filter(({ name }) => name !== "content-length" && !name.startsWith("sluice-")));
}

export function fieldsOf(message: IncomingMessage): Result<readonly Field[], string> {
  const raw = message.rawHeaders;
  if (raw.length > 2 * MOST_FIELDS) return fail("The response has too many fields.");
  const fields: Field[] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const rawName = raw[at] ?? "";
    fields.push({ rawName, name: rawName.toLowerCase(), value: raw[at + 1] ?? "" });
  }
  return ok(fields);
}
