import { X509Certificate } from "node:crypto";
import { type ClientRequest, type IncomingMessage, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { type Millis, millis } from "../../core/base/quantity.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";
import { type Endpoint, endpointOrigin } from "../../core/config/endpoint-shape.ts";
import { lookupWith } from "./lookup-with.ts";
import type { NameResolver } from "./resolver.ts";

export interface FeedDeadlines {
  /** From the beginning to the end of the answer's head. */
  readonly head: Millis;
  /** Without an octet of the body. */
  readonly silence: Millis;
  /** Of everything: an answer that drips is cut here. */
  readonly total: Millis;
}

export const FEED_DEADLINES: FeedDeadlines = { head: millis(20_000), silence: millis(30_000), total: millis(600_000) };

export interface FeedRequest {
  readonly endpoint: Endpoint;
  /** PEM, and then nobody else's certificates count; undefined: the roots that Node carries. */
  readonly ca: string | undefined;
  readonly resolve: NameResolver["resolve"];
  readonly deadlines: FeedDeadlines;
  readonly maximumBytes: number;
  /** Of what its asker has; undefined: it has nothing, and wants all of it. */
  readonly etag: string | undefined;
}

export type FeedAnswer =
  /** What the etag stands for is what there is. */
  { readonly kind: "unchanged" } | { readonly kind: "whole"; readonly etag: string | undefined };

/**
 * Is given the body as it comes, and not given more before it resolves; a chunk is its own only until then. A sentence
 * ends the reading.
 */
export type TakeChunk = (chunk: Uint8Array) => Promise<string | undefined>;

/** RFC 9110 section 8.8.3, within a bound: it is sent back. */
const ETAG = /^(?:W\/)?"[\x21\x23-\x7e]{0,256}"$/;
const MOST_HEAD_OCTETS = 16 * 1024;

/**
 * One GET of one endpoint that the operator chose, over a connection of its own. As with `createPoster`: no redirect is
 * followed, no proxy read from the environment, certificates are always checked, names go through the router's resolver,
 * and which address it is, is the operator's choice. An answer counts only where its end can be told from a connection
 * that was cut, and where its octets are the feed's own (no content coding). The problem is one sentence, without the
 * endpoint's path and query and without anything that was answered.
 */
export async function getFeed(
  asked: FeedRequest,
  take: TakeChunk,
  signal: AbortSignal,
): Promise<Result<FeedAnswer, string>> {
  const origin = endpointOrigin(asked.endpoint);
  if (asked.ca !== undefined && !isCertificate(asked.ca)) {
    return fail(`The certificates for ${origin} cannot be read.`);
  }
  const stop = new AbortController();
  let why = "";
  const end = (reason: string): void => {
    if (why === "") why = reason;
    stop.abort();
  };
  const onAbort = (): void => end("given up");
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  const { head, silence, total } = asked.deadlines;
  const timers = [setTimeout(() => end(`not whole within ${total} ms`), total)];
  const beginsIn = setTimeout(() => end(`no answer within ${head} ms`), head);
  timers.push(beginsIn);
  try {
    const response = await answered(open(asked, stop.signal));
    clearTimeout(beginsIn);
    const judged = judgeHead(response, asked);
    if (!judged.ok || judged.value.kind === "unchanged") {
      response.destroy();
      return judged.ok ? judged : fail(`${origin}: ${judged.problem}.`);
    }
    const quiet = setTimeout(() => end(`no octet within ${silence} ms`), silence);
    timers.push(quiet);
    let length = 0;
    for await (const chunk of response as AsyncIterable<Uint8Array>) {
      length += chunk.length;
      if (length > asked.maximumBytes) return fail(`${origin}: more than ${asked.maximumBytes} octets.`);
      const problem = await take(chunk);
      if (problem !== undefined) return fail(problem);
      quiet.refresh();
    }
    // Second line: the reading above throws where the answer was cut.
    return response.complete ? judged : fail(`${origin}: the answer was cut.`);
  } catch (error) {
    return fail(`${origin}: ${why === "" ? codeOf(error) : why}.`);
  } finally {
    for (const timer of timers) clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
    stop.abort();
  }
}

function open({ endpoint, ca, resolve, etag }: FeedRequest, signal: AbortSignal): ClientRequest {
  const options = {
    host: endpoint.authority.host.text,
    port: endpoint.authority.port,
    path: `${endpoint.path === "" ? "/" : endpoint.path}${endpoint.query}`,
    headers: {
      host: endpointOrigin(endpoint).slice(`${endpoint.scheme}://`.length),
      accept: "text/plain, */*;q=0.5",
      "accept-encoding": "identity",
      "user-agent": "sluice",
      ...(etag === undefined ? {} : { "if-none-match": etag }),
    },
    agent: false,
    lookup: lookupWith(resolve),
    maxHeaderSize: MOST_HEAD_OCTETS,
    insecureHTTPParser: false,
    signal,
  };
  if (endpoint.scheme === "http") return requestHttp(options);
  return requestHttps({ ...options, rejectUnauthorized: true, ...(ca === undefined ? {} : { ca }) });
}

function answered(outgoing: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    outgoing.once("response", resolve);
    // An answer that switches protocols closes without an error.
    outgoing.once("close", () => reject(new Error("closed")));
    // Stays: a connection may also fail after its response has begun.
    outgoing.on("error", reject);
    outgoing.end();
  });
}

function judgeHead({ statusCode, headers }: IncomingMessage, asked: FeedRequest): Result<FeedAnswer, string> {
  if (statusCode === 304 && asked.etag !== undefined) return ok({ kind: "unchanged" });
  if (statusCode !== undefined && statusCode >= 300 && statusCode < 400) {
    return fail(`status ${statusCode}; redirects are not followed`);
  }
  if (statusCode !== 200) return fail(`status ${statusCode}`);
  const { "content-encoding": coding, "content-length": length, "transfer-encoding": transfer, etag } = headers;
  if (coding !== undefined && coding.toLowerCase() !== "identity") return fail("the answer has a content coding");
  if (length === undefined && transfer === undefined) return fail("the answer does not say where it ends");
  if (length !== undefined && Number(length) > asked.maximumBytes) {
    return fail(`more than ${asked.maximumBytes} octets`);
  }
  return ok({ kind: "whole", etag: etag !== undefined && ETAG.test(etag) ? etag : undefined });
}

/** Of several the first: an empty text would leave Node's own roots in force. */
function isCertificate(text: string): boolean {
  try {
    new X509Certificate(text).toLegacyObject();
    return true;
  } catch {
    return false;
  }
}

/** The code only: messages of the parser and of OpenSSL may repeat what was sent. */
function codeOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return /^[A-Z][A-Z0-9_]{1,63}$/.test(code) ? code : "the request failed";
}
