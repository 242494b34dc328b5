import { latin1 } from "./latin1.ts";
import { TOKEN } from "./octet-class.ts";

export interface Field {
  /** Lower-cased. */
  readonly name: string;
  /** Each octet as the character of its number (latin1), surrounding SP and HTAB removed. */
  readonly value: string;
  /** As sent. */
  readonly rawName: string;
}

export interface RequestHead {
  /** As sent: methods are case-sensitive. */
  readonly method: string;
  /** Visible ASCII only; not yet parsed. */
  readonly target: string;
  readonly version: "1.0" | "1.1";
  /** In the order sent. */
  readonly fields: readonly Field[];
}

export interface HeadLimits {
  /** Longest request line or field line, in octets without its CRLF. */
  readonly lineBytes: number;
  readonly fieldCount: number;
  /** The whole head with its empty line, in octets. */
  readonly headBytes: number;
}

export interface MalformedHead {
  readonly state: "malformed";
  /** One sentence that repeats nothing the client sent. */
  readonly problem: string;
  readonly status: 400 | 414 | 431;
}

export type HeadReading =
  | {
      readonly state: "incomplete";
      /** To be given back as `scannedFrom`. */
      readonly scanned: number;
    }
  | MalformedHead
  | {
      readonly state: "complete";
      readonly head: RequestHead;
      /** Where the octets after the head begin. */
      readonly end: number;
    };

const HTAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const SP = 0x20;
const COLON = 0x3a;
const DEL = 0x7f;

/** No registered method has more than 17 characters. */
const LONGEST_METHOD = 32;
/** "HTTP/1." as octets; the minor version follows. */
const VERSION_START = [0x48, 0x54, 0x54, 0x50, 0x2f, 0x31, 0x2e];

const BAD_LINE_END = malformed("A line does not end in CR LF.");

/**
 * Reads the head of an HTTP/1.1 or 1.0 request (RFC 9112) out of the first `length` octets of `buffer`, all of them
 * under the agent's control. Strict where readers of HTTP are known to differ: CR LF only, single spaces, no white
 * space before the colon, no folded lines, no control characters. A refusal comes at the first octet that shows it,
 * and does not depend on how the octets were cut into reads.
 *
 * Call it again with more octets and the `scanned` of the last call (at first 0). Octets of an unfinished line are
 * looked at once; when a line ends, the lines before it are read again (at most `fieldCount` times).
 */
export function readRequestHead(
  buffer: Uint8Array,
  length: number,
  scannedFrom: number,
  limits: HeadLimits,
): HeadReading {
  const bounded = Math.min(length, limits.headBytes);
  const reading = hasLineEnd(buffer, scannedFrom, bounded)
    ? readHead(buffer, bounded, limits)
    : readUnfinishedLine(buffer, bounded, scannedFrom, limits);
  return reading.state === "incomplete" && length >= limits.headBytes
    ? malformed(`The request head is longer than ${limits.headBytes} octets.`, 431)
    : reading;
}

function hasLineEnd(buffer: Uint8Array, from: number, length: number): boolean {
  const at = buffer.indexOf(LF, from);
  return at >= 0 && at < length;
}

/** The octets before `scanned` are known to be good, and their last line has not ended: it can still be found wrong. */
function readUnfinishedLine(buffer: Uint8Array, length: number, scanned: number, limits: HeadLimits): HeadReading {
  const start = scanned === 0 ? 0 : buffer.lastIndexOf(LF, scanned - 1) + 1;
  const line =
    start === 0 || (start === 2 && buffer[0] === CR)
      ? readRequestLine(buffer, length, scanned, limits)
      : readFieldLine(buffer, length, start, scanned, limits);
  return line !== undefined && "state" in line ? line : incomplete(buffer, length);
}

function readHead(buffer: Uint8Array, length: number, limits: HeadLimits): HeadReading {
  const start = readRequestLine(buffer, length, 0, limits);
  if (start === undefined) return incomplete(buffer, length);
  if ("state" in start) return start;
  const fields: Field[] = [];
  for (let at = start.next; ;) {
    const line = readFieldLine(buffer, length, at, 0, limits);
    if (line === undefined) return incomplete(buffer, length);
    if ("state" in line) return line;
    at = line.next;
    if (line.content === "end") {
      const { method, target, version } = start.content;
      return { state: "complete", head: { method, target, version, fields }, end: at };
    }
    fields.push(line.content);
    if (fields.length > limits.fieldCount) {
      return malformed(`The request has more than ${limits.fieldCount} fields.`, 431);
    }
  }
}

/** A CR at the very end is left to be looked at again, with what follows it. */
function incomplete(buffer: Uint8Array, length: number): HeadReading {
  return { state: "incomplete", scanned: length > 0 && buffer[length - 1] === CR ? length - 1 : length };
}

interface Line<Content> {
  readonly content: Content;
  /** Where the next line begins. */
  readonly next: number;
}

/** Undefined where the line has not ended yet. Octets before `scanned` are known to be good. */
function readRequestLine(
  buffer: Uint8Array,
  length: number,
  scanned: number,
  limits: HeadLimits,
): Line<Omit<RequestHead, "fields">> | MalformedHead | undefined {
  let at = 0;
  // RFC 9112 section 2.2: an empty line before the request line is ignored; one is all that old clients send.
  if (length > 0 && buffer[0] === CR) {
    const end = lineEnd(buffer, length, 0);
    if (typeof end !== "number") return end;
    at = end;
  }

  const methodStart = at;
  while (at < length && at - methodStart <= LONGEST_METHOD && TOKEN[buffer[at] ?? 0] === 1) at++;
  if (at - methodStart > LONGEST_METHOD) return malformed(`The method is longer than ${LONGEST_METHOD} characters.`);
  if (at >= length) return undefined;
  // TLS, SOCKS and other binary protocols end here, at their first octet.
  if (at === methodStart) return malformed("The octets do not begin with an HTTP method.");
  if (buffer[at] !== SP) return malformed("The method is not followed by a single space.");
  const methodEnd = at++;

  const targetStart = at;
  const targetLimit = methodStart + limits.lineBytes;
  for (at = afterKnown(buffer, at, scanned, SP); at < length; at++) {
    const octet = buffer[at] ?? 0;
    if (octet <= SP || octet >= DEL) break;
    if (at >= targetLimit) return lineTooLong(limits, 414);
  }
  if (at >= length) return undefined;
  if (at === targetStart) return malformed("The request line has no request-target after a single space.");
  if (buffer[at] !== SP) return malformed("The request-target is not followed by a space and the HTTP version.");
  const targetEnd = at++;

  for (const expected of VERSION_START) {
    if (at >= length) return undefined;
    if (buffer[at++] !== expected) return malformed("The HTTP version is neither HTTP/1.1 nor HTTP/1.0.");
  }
  if (at >= length) return undefined;
  const minor = (buffer[at++] ?? 0) - 0x30;
  if (minor !== 0 && minor !== 1) return malformed("The HTTP version is neither HTTP/1.1 nor HTTP/1.0.");
  if (at - methodStart > limits.lineBytes) return lineTooLong(limits, 414);

  const end = lineEnd(buffer, length, at);
  if (typeof end !== "number") return end;
  const method = latin1(buffer, methodStart, methodEnd);
  const target = latin1(buffer, targetStart, targetEnd);
  return { content: { method, target, version: minor === 1 ? "1.1" : "1.0" }, next: end };
}

/** A field line, or the empty line that ends the head; otherwise as `readRequestLine`. */
function readFieldLine(
  buffer: Uint8Array,
  length: number,
  start: number,
  scanned: number,
  limits: HeadLimits,
): Line<Field | "end"> | MalformedHead | undefined {
  if (start >= length) return undefined;
  if (buffer[start] === CR) {
    const end = lineEnd(buffer, length, start);
    return typeof end === "number" ? { content: "end", next: end } : end;
  }
  if (buffer[start] === SP || buffer[start] === HTAB) return malformed("A field line begins with white space.");

  let at = afterKnown(buffer, start, scanned, COLON);
  while (at < length && TOKEN[buffer[at] ?? 0] === 1) at++;
  if (at - start >= limits.lineBytes) return lineTooLong(limits, 431);
  if (at >= length) return undefined;
  if (at === start || buffer[at] !== COLON) return malformed("A field name is not a token with a colon after it.");
  const nameEnd = at++;

  // HTAB, SP, visible ASCII and obs-text (RFC 9110 section 5.5): neither NUL nor any other control character.
  for (at = Math.max(at, scanned); at < length; at++) {
    const octet = buffer[at] ?? 0;
    if ((octet < SP && octet !== HTAB) || octet === DEL) break;
    if (at - start >= limits.lineBytes) return lineTooLong(limits, 431);
  }
  if (at < length && buffer[at] !== CR && buffer[at] !== LF) {
    return malformed("A field value holds a control character.");
  }
  const end = lineEnd(buffer, length, at);
  if (typeof end !== "number") return end;

  let valueStart = nameEnd + 1;
  let valueEnd = at;
  while (valueStart < valueEnd && isWhiteSpace(buffer[valueStart])) valueStart++;
  while (valueEnd > valueStart && isWhiteSpace(buffer[valueEnd - 1])) valueEnd--;
  const rawName = latin1(buffer, start, nameEnd);
  const field = { name: rawName.toLowerCase(), value: latin1(buffer, valueStart, valueEnd), rawName };
  return { content: field, next: end };
}

/** Where the first octet `stop` is, or what is not known to be good begins, whichever comes first. */
function afterKnown(buffer: Uint8Array, at: number, scanned: number, stop: number): number {
  if (scanned <= at) return at;
  const found = buffer.indexOf(stop, at);
  return found < 0 || found > scanned ? scanned : found;
}

/** Where the line after the CR LF at `at` begins; undefined where that has not all arrived. */
function lineEnd(buffer: Uint8Array, length: number, at: number): number | MalformedHead | undefined {
  if (at >= length) return undefined;
  if (buffer[at] !== CR) return BAD_LINE_END;
  if (at + 1 >= length) return undefined;
  return buffer[at + 1] === LF ? at + 2 : BAD_LINE_END;
}

function isWhiteSpace(octet: number | undefined): boolean {
  return octet === SP || octet === HTAB;
}

function lineTooLong(limits: HeadLimits, status: 414 | 431): MalformedHead {
  return malformed(`A line of the request head is longer than ${limits.lineBytes} octets.`, status);
}

function malformed(problem: string, status: 400 | 414 | 431 = 400): MalformedHead {
  return { state: "malformed", problem, status };
}
