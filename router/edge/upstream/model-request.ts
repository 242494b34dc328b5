import type { Dispatcher } from "undici";
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

/**
 * The request as undici takes it. Throws a TypeError for whatever undici, or the origin behind it, could stumble over:
 * such a request is a bug of the caller's, and nothing of it has been sent.
 */
export function dispatchOptions(request: ModelRequest, host: string): Dispatcher.DispatchOptions {
  const { method, path, headers, length } = request;
  if (!PATH.test(path)) throw new TypeError("a path begins with / and is visible ASCII");
  if (headers.length % 2 !== 0) throw new TypeError("a header has a name and a value");
  const written = ["host", host, "accept-encoding", "identity"];
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at] ?? "";
    const value = headers[at + 1] ?? "";
    if (!isToken(name) || NOT_A_VALUE.test(value)) throw new TypeError("a header is not well-formed");
    if (NOT_THE_CALLERS.has(name.toLowerCase())) throw new TypeError(`${name} is not the caller's to write`);
    written.push(name, value);
  }
  const body = bodyOf(request);
  if (body !== null) written.push("content-length", String(length));
  // undici takes any iterable; its types do not say so.
  return { method, path, headers: written, body: body as Uint8Array | null };
}

function bodyOf({ body, length }: ModelRequest): Uint8Array | readonly Uint8Array[] | null {
  let sum = 0;
  let largest = 0;
  for (const chunk of body) {
    sum += chunk.length;
    largest = Math.max(largest, chunk.length);
  }
  if (sum !== length) throw new TypeError("the body is not as long as was said");
  if (length === 0) return null;
  const [only] = body;
  if (only?.length === length && length <= LARGEST_WRITE) return only;
  if (length < JOINED) return Buffer.concat(body, length);
  return largest <= LARGEST_WRITE ? body : body.flatMap(inParts);
}

function inParts(chunk: Uint8Array): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < chunk.length; at += LARGEST_WRITE) parts.push(chunk.subarray(at, at + LARGEST_WRITE));
  return parts;
}
