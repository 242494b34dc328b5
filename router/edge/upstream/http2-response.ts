import { fail, ok, type Result } from "../../core/base/result.ts";
import { fieldValues } from "../../core/wire/fields.ts";
import type { Field } from "../../core/wire/message-head.ts";
import { agentFields } from "./response-head.ts";

/** A final answer as far as the agent may see it. */
export interface Http2ResponseHead {
  /** 200 to 599. */
  readonly status: number;
  /** End-to-end fields in the order sent, Content-Length among them. */
  readonly fields: readonly Field[];
  /** Neither content nor trailers follow. */
  readonly whole: boolean;
}

/** Of a head or of trailers; the same number that the h1 reader takes. */
export const MOST_ANSWER_FIELDS = 200;

/** Of a head or of trailers, counted as RFC 9113 section 6.5.2 does. */
export const MOST_HEAD_BYTES = 32 * 1024;

/**
 * What of an origin's head may go on. nghttp2 has refused what RFC 9113 section 8 calls malformed: connection-specific
 * fields, capitals, two statuses, a Content-Length that is not the content's.
 */
export function http2ResponseHead(raw: readonly string[], whole: boolean): Result<Http2ResponseHead, string> {
  const [first, status = ""] = raw;
  if (first !== ":status" || !/^[2-5][0-9]{2}$/.test(status))
    return fail("The status is not that of a final response.");
  const read = http2AnswerFields(raw.slice(2));
  if (!read.ok) return read;
  const [length, ...more] = fieldValues({ fields: fieldsOf(raw) }, "content-length");
  if (more.length > 0 || (length !== undefined && !/^[0-9]{1,15}$/.test(length))) {
    return fail("The Content-Length is not one number.");
  }
  const measured = length === undefined || status === "204" ? [] : [field("content-length", length)];
  return ok({ status: Number(status), fields: [...read.value, ...measured], whole });
}

/** The fields of an interim answer, or trailers, that go on. */
export function http2AnswerFields(raw: readonly string[]): Result<readonly Field[], string> {
  if (raw.length > 2 * MOST_ANSWER_FIELDS) return fail("The response has too many fields.");
  // Node takes what nghttp2 does, and gives up a connection by which it cannot pass so much on.
  if (raw.reduce((octets, text) => octets + text.length, 16 * raw.length) > MOST_HEAD_BYTES) {
    return fail(`The response has fields of more than ${MOST_HEAD_BYTES} octets.`);
  }
  const fields = fieldsOf(raw);
  // nghttp2 lets none through; were one to pass, Node would write two fields of it.
  if (fields.some(({ value }) => /[\0\r\n]/.test(value))) return fail("A field value holds a control character.");
  return agentFields(fields);
}

function fieldsOf(raw: readonly string[]): readonly Field[] {
  const fields: Field[] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at] ?? "";
    if (!name.startsWith(":")) fields.push(field(name, raw[at + 1] ?? ""));
  }
  return fields;
}

function field(name: string, value: string): Field {
  return { name, rawName: name, value };
}
