import { fail, ok, type Result } from "../../core/base/result.ts";
import { connectionOptions, fieldValues } from "../../core/wire/fields.ts";
import type { Field } from "../../core/wire/message-head.ts";
import { isToken } from "../../core/wire/octet-class.ts";
import { agentFields } from "./response-head.ts";

/** Where an answer's content ends (RFC 9112 section 6.3); nobody here asks with HEAD or CONNECT. */
export type AnswerFraming =
  | { readonly kind: "none" }
  | { readonly kind: "length"; readonly length: number }
  | { readonly kind: "chunked" }
  /** With the connection: FIN is its end, RST is not. */
  | { readonly kind: "close" };

/** A final answer's head. */
export interface AnswerHead {
  /** 200 to 599. */
  readonly status: number;
  /** What may go on: the end-to-end ones in the order sent, without framing. */
  readonly fields: readonly Field[];
  /** Content-Length, where there is one and the status can have it. */
  readonly length: number | undefined;
  readonly framing: AnswerFraming;
  /** Milliseconds that the connection may rest after the answer; 0: it ends with it. */
  readonly keep: number;
}

/** 1xx: something besides is still to come. */
export interface InterimHead {
  readonly status: number;
  readonly interim: true;
}

/** The longest head, or trailer section, in octets. */
export const MOST_HEAD_BYTES = 32 * 1024;
export const MOST_FIELDS = 200;

/** A control character, CR without LF, or LF without CR. What has none falls apart into lines in one way only. */
const BAD_OCTET = /[^\t\r\n\x20-\x7e\x80-\xff]|\r(?!\n)|(?<!\r)\n/;
/** RFC 9112 section 4. The reason may be left out with its space: nobody reads the rest differently for it. */
const STATUS_LINE = /^HTTP\/1\.([01]) ([0-9]{3})(?: [^\r]*)?$/;
const PREFIX = "HTTP/1.";

/** One sentence for what is no HTTP/1.1, or not all of it. */
export function unwell(what: string): string {
  return `The response is not whole, well-formed HTTP/1.1 (${what}).`;
}

/** What shows in a head that has not come to its end: the first octets of it, and the latest, from within a line on. */
export function beginningProblem(first: string, latest: string): string | undefined {
  if (first.slice(0, PREFIX.length) !== PREFIX.slice(0, first.length)) return unwell(NO_HTTP);
  // The CR at the very end may yet get its LF.
  return isBadText(latest.endsWith("\r") ? latest.slice(0, -1) : latest) ? unwell(BAD_LINE) : undefined;
}

/**
 * Reads the head of an answer, all of it the origin's choice, each octet as the character of its number and without the
 * empty line that ends it. Strict where readers of HTTP differ; the problem is one sentence that repeats nothing of it.
 */
export function readAnswerHead(text: string): Result<AnswerHead | InterimHead, string> {
  if (!text.startsWith(PREFIX)) return fail(unwell(NO_HTTP));
  if (isBadText(text)) return fail(unwell(BAD_LINE));
  let end = lineEnd(text, 0);
  const line = STATUS_LINE.exec(text.slice(0, end));
  if (line === null) return fail(unwell("the status line is none"));
  const status = Number(line[2]);
  const fields: Field[] = [];
  while (end < text.length) {
    const start = end + 2;
    end = lineEnd(text, start);
    if (fields.length === MOST_FIELDS) return fail("The response has too many fields.");
    const field = readField(text, start, end);
    if (field === undefined) return fail(unwell("a field line is none"));
    // Legal, and Node's own parser (llhttp 9) then does not know it for chunked: readers differ about where it ends.
    if (field.name === "transfer-encoding" && text[end - 1] === "\t") {
      return fail(unwell("a tab behind the Transfer-Encoding"));
    }
    fields.push(field);
  }
  if (status >= 100 && status < 200) {
    // RFC 9110 section 15.2: HTTP/1.0 has none, and readers differ about what follows.
    return line[1] === "1" ? ok({ status, interim: true }) : fail(unwell("HTTP/1.0 has no interim responses"));
  }
  if (status < 200 || status > 599) return fail("The status is not that of a final response.");
  return finalHead(status, line[1] === "1", fields);
}

/** `text` from `start` to `end` as a field line (RFC 9112 section 5): a token, a colon, a value; undefined: it is none. */
export function readField(text: string, start: number, end: number): Field | undefined {
  const colon = text.indexOf(":", start);
  // One of a later line has a line end before it, which is no token.
  if (colon < 0) return undefined;
  const rawName = text.slice(start, colon);
  if (!isToken(rawName)) return undefined;
  let from = colon + 1;
  let to = end;
  while (from < to && isWhiteSpace(text.charCodeAt(from))) from += 1;
  while (to > from && isWhiteSpace(text.charCodeAt(to - 1))) to -= 1;
  return { rawName, name: rawName.toLowerCase(), value: text.slice(from, to) };
}

/** Whether it holds what no lines can. */
export function isBadText(text: string): boolean {
  return BAD_OCTET.test(text);
}

function finalHead(status: number, is11: boolean, fields: readonly Field[]): Result<AnswerHead, string> {
  const head = { fields };
  const [coding, ...codings] = fieldValues(head, "transfer-encoding");
  const [written, ...lengths] = fieldValues(head, "content-length");
  // RFC 9112 section 6.1: a sender of these cannot be trusted with where anything ends.
  if (coding !== undefined && !is11) return fail(unwell("HTTP/1.0 has no Transfer-Encoding"));
  if (codings.length > 0 || (coding ?? "chunked").toLowerCase() !== "chunked") {
    return fail("The Transfer-Encoding is not exactly chunked.");
  }
  if (lengths.length > 0 || (written !== undefined && coding !== undefined)) return fail(unwell("it has two lengths"));
  if (written !== undefined && !/^[0-9]{1,15}$/.test(written)) return fail(unwell("Content-Length is not a number"));
  // Nobody asked for one, and what cannot be read cannot be metered or judged.
  for (const value of fieldValues(head, "content-encoding")) {
    if (value !== "" && value.toLowerCase() !== "identity") {
      return fail("The body has a Content-Encoding that was not asked for.");
    }
  }
  const passed = agentFields(fields);
  if (!passed.ok) return passed;
  const options = connectionOptions(head);
  if (!options.ok) return options;
  const length = written === undefined || status === 204 ? undefined : Number(written);
  const framing = framingOf(status, coding !== undefined, length);
  const ends = !is11 || framing.kind === "close" || options.value.has("close");
  return ok({ status, fields: passed.value, length, framing, keep: ends ? 0 : keepHint(head) });
}

function framingOf(status: number, chunked: boolean, length: number | undefined): AnswerFraming {
  if (status === 204 || status === 304) return NONE;
  if (chunked) return CHUNKED;
  return length === undefined ? CLOSE : { kind: "length", length };
}

const NONE: AnswerFraming = { kind: "none" };
const CHUNKED: AnswerFraming = { kind: "chunked" };
const CLOSE: AnswerFraming = { kind: "close" };

/** RFC 2068 section 19.7.1.1: seconds after which the origin closes it. Less the time that the last octet travelled. */
function keepHint(head: { readonly fields: readonly Field[] }): number {
  const [value] = fieldValues(head, "keep-alive");
  const seconds = value === undefined ? undefined : /(?:^|[ ,])timeout=([0-9]{1,6})(?:$|[ ,])/i.exec(value)?.[1];
  if (seconds === undefined) return REST_MILLIS;
  return Math.min(LONGEST_REST_MILLIS, Math.max(0, Number(seconds) * 1_000 - HINT_MARGIN_MILLIS));
}

/** Below what common servers allow (Node's is 5 s). */
export const REST_MILLIS = 4_000;
const LONGEST_REST_MILLIS = 60_000;
const HINT_MARGIN_MILLIS = 1_000;
const NO_HTTP = "it does not begin with HTTP/1";
const BAD_LINE = "a control character or a line end that is none";

function lineEnd(text: string, from: number): number {
  const at = text.indexOf("\r\n", from);
  return at < 0 ? text.length : at;
}

function isWhiteSpace(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
