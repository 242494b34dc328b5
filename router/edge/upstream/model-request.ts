import { isToken } from "../../core/wire/octet-class.ts";
import type { ModelRequest } from "./model-call.ts";

/** Below this, chunks are joined: one write is cheaper than the copy. */
const JOINED = 64 * 1024;
/** Longer ones are given to the socket in parts, so that the progress of an upload can be seen. */
const LARGEST_WRITE = 256 * 1024;

const PATH = /^\/[\x21\x22\x24-\x7e]*$/;
const NOT_A_VALUE = /[^\t\x20-\x7e\x80-\xff]/;

/** What this client writes itself, and what belongs to one connection (RFC 9110 section 7.6.1). */
const NOT_THE_CALLERS = new Set([
  "host",
  "content-length",
  "accept-encoding",
  "connection",
  "keep-alive",
  "proxy-connection",
  "proxy-authorization",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "expect",
]);

/** A request as it is written. */
export interface RequestOctets {
  /** The head, and where that is not much the body behind it. */
  readonly head: Buffer;
  /** What of the body is not in `head`: no part longer than 256 KiB. */
  readonly parts: readonly Uint8Array[];
}

const NO_PARTS: readonly Uint8Array[] = [];

/**
 * The request as it is written. Throws a TypeError for whatever the origin could read as another one: such a request
 * is a bug of the caller's, and nothing of it has been sent.
 */
export function requestOctets(request: ModelRequest, host: string): RequestOctets {
  const { method, path, headers, body, length } = request;
  if (!PATH.test(path)) throw new TypeError("a path begins with / and is visible ASCII");
  if (headers.length % 2 !== 0) throw new TypeError("a header has a name and a value");
  let head = `${method} ${path} HTTP/1.1\r\nhost: ${host}\r\nconnection: keep-alive\r\naccept-encoding: identity\r\n`;
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at] ?? "";
    const value = headers[at + 1] ?? "";
    if (!isToken(name) || NOT_A_VALUE.test(value)) throw new TypeError("a header is not well-formed");
    if (NOT_THE_CALLERS.has(name.toLowerCase())) throw new TypeError(`${name} is not the caller's to write`);
    head += `${name}: ${value}\r\n`;
  }
  // Without one a GET or DELETE has no content; for the others its absence is to be said (RFC 9110 section 8.6).
  head += length > 0 || (method !== "GET" && method !== "DELETE") ? `content-length: ${length}\r\n\r\n` : "\r\n";
  if (length >= JOINED) return { head: Buffer.from(head, "latin1"), parts: partsOf(body, length) };
  const joined = Buffer.allocUnsafe(head.length + length);
  let at = joined.write(head, 0, "latin1");
  for (const chunk of body) {
    if (at + chunk.length > joined.length) throw new TypeError(NOT_AS_LONG);
    joined.set(chunk, at);
    at += chunk.length;
  }
  if (at !== joined.length) throw new TypeError(NOT_AS_LONG);
  return { head: joined, parts: NO_PARTS };
}

function partsOf(body: readonly Uint8Array[], length: number): readonly Uint8Array[] {
  let sum = 0;
  let largest = 0;
  for (const chunk of body) {
    sum += chunk.length;
    largest = Math.max(largest, chunk.length);
  }
  if (sum !== length) throw new TypeError(NOT_AS_LONG);
  return largest <= LARGEST_WRITE ? body : body.flatMap(inParts);
}

function inParts(chunk: Uint8Array): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < chunk.length; at += LARGEST_WRITE) parts.push(chunk.subarray(at, at + LARGEST_WRITE));
  return parts;
}

const NOT_AS_LONG = "the body is not as long as was said";
