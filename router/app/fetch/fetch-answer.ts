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

/** Controls that no text has; what holds them is handed over in base64, where an octet never takes six. */
// oxlint-disable-next-line no-control-regex
const NO_TEXT = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f]/;

/** The whole answer as the agent gets it: `body` is text as it came, and what is no text in UTF-8 is `bodyBase64`. */
export function fetchAnswer(answer: HopAnswer, url: FetchUrl, passed: readonly Passed[]): unknown {
  return {
    status: answer.status,
    url: formatFetchUrl(url),
    headers: answer.fields.map(({ name, value }) => [name, value]),
    ...bodyOf(Buffer.concat(answer.content)),
    truncated: false,
    redirects: passed.map((one) => ({ status: one.status, url: formatFetchUrl(one.url), requestId: one.request })),
  };
}

/** The whole HTTP/1.1 response: 200, whatever the origin's own status was. */
export function fetchResponse(request: string, answer: unknown, keepAlive: boolean): Buffer {
  const body = Buffer.from(JSON.stringify(answer));
  const head =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" +
    `Content-Length: ${body.length}\r\n` +
    `Sluice-Request-Id: ${request}\r\n` +
    "Cache-Control: no-store\r\n" +
    `Connection: ${keepAlive ? "keep-alive" : "close"}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head, "latin1"), body]);
}

function bodyOf(content: Buffer): { readonly body: string } | { readonly bodyBase64: string } {
  if (isUtf8(content)) {
    const text = content.toString("utf8");
    if (!NO_TEXT.test(text)) return { body: text };
  }
  return { bodyBase64: content.toString("base64") };
}
