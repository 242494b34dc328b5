import { isUtf8 } from "node:buffer";
import { type FetchUrl, formatFetchUrl } from "../../core/wire/fetch-url.ts";
import type { HopAnswer } from "./fetch-hop.ts";

/** An answer that led on. */
export interface Passed {
  readonly status: number;
  /** What was asked for. */
  readonly url: FetchUrl;
  /** Of its exchange, in audit and logs. */
  readonly request: string;
}

/** A JSON object, made piece by piece: whole it would stand in memory many times. */
export interface FetchAnswer {
  /** Octets of all pieces together. */
  readonly length: number;
  pieces(): Generator<Uint8Array, void>;
}

/** Octets of content in a piece; a multiple of three, so that base64 has no padding within. */
const PIECE = 48 * 1024;
const AFTER = Buffer.from('"}');

/** The whole answer as the agent gets it: `body` is text as it came, and what is no text in UTF-8 is `bodyBase64`. */
export function fetchAnswer(answer: HopAnswer, url: FetchUrl, passed: readonly Passed[]): FetchAnswer {
  const content = Buffer.concat(answer.content);
  const text = isUtf8(content) ? textLength(content) : undefined;
  const facts = JSON.stringify({
    status: answer.status,
    url: formatFetchUrl(url),
    headers: answer.fields.map(({ name, value }) => [name, value]),
    truncated: false,
    redirects: passed.map((one) => ({ status: one.status, url: formatFetchUrl(one.url), requestId: one.request })),
  });
  const before = Buffer.from(`${facts.slice(0, -1)},"${text === undefined ? "bodyBase64" : "body"}":"`);
  return {
    length: before.length + (text ?? 4 * Math.ceil(content.length / 3)) + AFTER.length,
    *pieces() {
      yield before;
      yield* text === undefined ? inBase64(content) : asText(content);
      yield AFTER;
    },
  };
}

/** The head of the HTTP/1.1 response: 200, whatever the origin's own status was. */
export function fetchHead(request: string, length: number, keepAlive: boolean): string {
  return (
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" +
    `Content-Length: ${length}\r\n` +
    `Sluice-Request-Id: ${request}\r\n` +
    "Cache-Control: no-store\r\n" +
    `Connection: ${keepAlive ? "keep-alive" : "close"}\r\n\r\n`
  );
}

/**
 * The octets that a text has within a text of JSON: two for the quote, the backslash, and the controls that texts have.
 * Undefined where it has others: then it is handed over in base64, and no octet ever takes six.
 */
function textLength(content: Uint8Array): number | undefined {
  let length = content.length;
  for (const octet of content) {
    if (octet > 0x5c && octet !== 0x7f) continue;
    if (octet === 0x22 || octet === 0x5c || octet === 0x09 || octet === 0x0a || octet === 0x0d) length += 1;
    else if (octet < 0x20 || octet === 0x7f) return undefined;
  }
  return length;
}

function* asText(content: Buffer): Generator<Uint8Array, void> {
  for (let from = 0; from < content.length;) {
    let end = Math.min(from + PIECE, content.length);
    // Not within a character.
    while (end < content.length && ((content[end] ?? 0) & 0xc0) === 0x80) end -= 1;
    yield Buffer.from(JSON.stringify(content.toString("utf8", from, end)).slice(1, -1));
    from = end;
  }
}

function* inBase64(content: Buffer): Generator<Uint8Array, void> {
  for (let from = 0; from < content.length; from += PIECE) {
    yield Buffer.from(content.toString("base64", from, from + PIECE), "latin1");
  }
}
