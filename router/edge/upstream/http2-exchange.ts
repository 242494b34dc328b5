import { type ClientHttp2Session, constants, sensitiveHeaders } from "node:http2";
import type { Bytes } from "../../core/base/quantity.ts";
import type { Field } from "../../core/wire/message-head.ts";
import { byteMeter, headOctets } from "./byte-meter.ts";
import type { ExchangeOptions } from "./exchange.ts";
import { http2Drained, type Http2Reading, readHttp2 } from "./http2-reading.ts";
import { http2AnswerFields, type Http2ResponseHead, http2ResponseHead } from "./http2-response.ts";

/** One request in parsed form, judged. */
export interface Http2OriginRequest {
  readonly method: string;
  /** Path and query, beginning with "/". */
  readonly target: string;
  /** The `:authority`. */
  readonly authority: string;
  /** In lower case, none of a connection. */
  readonly fields: readonly Field[];
  /** Names of fields that no table of HPACK may keep (RFC 7541 section 7.1.3). */
  readonly secret: readonly string[];
  /** Undefined: the head is all there is. */
  readonly content: Http2Reading | undefined;
  /** What of its trailers goes on, by name. */
  readonly trailers: (raw: readonly string[]) => Record<string, string[]>;
  /** The most that its content may have. */
  readonly bodyBytes: Bytes | undefined;
}

/** Where an answer goes. */
export interface Http2Sink {
  /** 1xx, at most 16 of them, before the head. */
  interim(status: number, fields: readonly Field[]): void;
  head(head: Http2ResponseHead): void;
  /** As `Http2Taker.data`. */
  data(chunk: Buffer): Promise<void> | undefined;
  /** The origin has said everything. Settles when the agent has it, or is gone. */
  end(trailers: readonly Field[]): Promise<void>;
}

type HowEnded =
  | { readonly cause: "completed" }
  /** The origin has not begun with it, and says so: it may be asked again, on another connection. */
  | { readonly cause: "not_processed" }
  | { readonly cause: "upstream_unreachable"; readonly detail: string }
  | { readonly cause: "upstream_invalid"; readonly detail: string }
  /** The origin broke off an answer that it had begun, with this code (RFC 9113 section 7). */
  | { readonly cause: "origin_reset"; readonly code: number }
  | {
      readonly cause: "request_too_large" | "idle_timeout" | "lifetime_limit" | "byte_limit" | "aborted";
    };

/** Octets of content, without framing. */
export type Http2End = HowEnded & { readonly bytesOut: number; readonly bytesIn: number };

const MOST_INTERIM = 16;

/**
 * Sends one request as a stream of `session`, and passes the answer on; repeats nothing. Both directions go at their
 * own pace: an answer may end while the content still flows, and goes on until the origin has it or says it is enough.
 */
export async function http2Exchange(
  session: ClientHttp2Session,
  request: Http2OriginRequest,
  sink: Http2Sink,
  options: ExchangeOptions,
): Promise<Http2End> {
  const { promise: ended, resolve } = Promise.withResolvers<Http2End>();
  const outward = byteMeter(options.limits.bytesOut);
  if (!outward.beside(headOctets(request))) return { cause: "byte_limit", bytesOut: 0, bytesIn: 0 };
  const inward = byteMeter(options.limits.bytesIn);
  const { content } = request;
  const stream = session.request(headerList(request), {
    endStream: content === undefined,
    waitForTrailers: content !== undefined,
  });
  const reading = readHttp2(stream);
  let done = false;
  let begun = false;
  /** What the answer's content is said to have. */
  let length: number | undefined;
  let interim = 0;
  let taken = false;
  let trailers: Record<string, string[]> = {};

  const unwatch = options.watch.watch({
    idle: options.limits.idle,
    lifetime: options.limits.lifetime,
    carried: () => outward.carried + inward.carried,
    expire: (cause) => finish({ cause }),
  });
  options.signal.addEventListener("abort", onAbort, { once: true });

  stream.on("error", () => undefined);
  stream.on("headers", (fields, _flags, raw?: readonly string[]) => provisional(fields[":status"], raw ?? []));
  stream.on("response", (_fields, flags, raw?: readonly string[]) => {
    if (done) return;
    const head = http2ResponseHead(raw ?? [], (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0);
    if (!head.ok) return finish({ cause: "upstream_invalid", detail: head.problem });
    begun = true;
    if (request.method !== "HEAD" && head.value.status !== 304) length = contentLength(head.value.fields);
    sink.head(head.value);
  });
  stream.on("wantTrailers", () => {
    if (stream.destroyed || stream.closed) return;
    try {
      stream.sendTrailers(trailers);
    } catch {
      // Fields that Node does not take: nobody else would catch it here.
      finish({ cause: "upstream_invalid", detail: "The trailers cannot be sent." });
    }
  });
  stream.on("close", closed);
  reading.start({
    data(chunk) {
      if (done) return undefined;
      if (inward.admit(chunk.length)) return sink.data(chunk);
      finish({ cause: "byte_limit" });
      return undefined;
    },
    end: (raw) => void answered(raw),
  });
  content?.start({
    data: (chunk) => send(chunk),
    end(raw) {
      // The agent's stream is closed by us once all is over: that is no end of its content.
      if (done) return;
      trailers = request.trailers(raw);
      const sent = Object.entries(trailers).flatMap(([name, values]) => values.map((value) => ({ name, value })));
      if (outward.beside(headOctets({ target: "", fields: sent }))) stream.end();
      else finish({ cause: "byte_limit" });
    },
  });
  if (options.signal.aborted) onAbort();
  return ended;

  function finish(how: HowEnded): void {
    if (done) return;
    done = true;
    unwatch();
    options.signal.removeEventListener("abort", onAbort);
    // RFC 9113 section 5.4.2: what is not wanted any more is cancelled; what is over is left as it is.
    stream.close(how.cause === "completed" ? constants.NGHTTP2_NO_ERROR : constants.NGHTTP2_CANCEL);
    resolve({ ...how, bytesOut: outward.carried, bytesIn: inward.carried });
  }

  function onAbort(): void {
    finish({ cause: "aborted" });
  }

  function send(chunk: Buffer): Promise<void> | undefined {
    // Answered and closed: the origin has enough, and what else comes is read to nowhere.
    if (done || stream.closed) return undefined;
    const { bodyBytes } = request;
    if (bodyBytes !== undefined && outward.carried + chunk.length > bodyBytes) finish({ cause: "request_too_large" });
    else if (!outward.admit(chunk.length)) finish({ cause: "byte_limit" });
    else if (!stream.write(chunk)) return http2Drained(stream);
    return undefined;
  }

  function provisional(status: unknown, raw: readonly string[]): void {
    // 101 is none of HTTP/2's (RFC 9113 section 8.6).
    if (done || begun || typeof status !== "number" || status === 101) return;
    interim += 1;
    const fields = http2AnswerFields(raw);
    if (interim > MOST_INTERIM) {
      finish({ cause: "upstream_invalid", detail: "The origin sends interim responses without end." });
    } else if (fields.ok) sink.interim(status, fields.value);
  }

  async function answered(raw: readonly string[]): Promise<void> {
    if (done) return;
    if (!begun) return finish({ cause: "upstream_invalid", detail: "The stream ended without a response." });
    const fields = http2AnswerFields(raw);
    if (!fields.ok) return finish({ cause: "upstream_invalid", detail: fields.problem });
    if (length !== undefined && inward.carried !== length) {
      return finish({ cause: "upstream_invalid", detail: "The content is not as long as was said." });
    }
    await sink.end(fields.value);
    taken = true;
    if (content === undefined || stream.closed || stream.destroyed) finish({ cause: "completed" });
  }

  function closed(): void {
    // A whole answer was said; whether the agent takes it is told by `sink.end`.
    if (reading.whole) {
      if (taken) finish({ cause: "completed" });
      return;
    }
    const code = stream.rstCode;
    if (begun) finish({ cause: "origin_reset", code });
    else if (code === constants.NGHTTP2_REFUSED_STREAM) finish({ cause: "not_processed" });
    else if (session.destroyed || session.closed) {
      finish({ cause: "upstream_unreachable", detail: "The connection broke before an answer." });
    } else finish({ cause: "upstream_invalid", detail: `The origin reset the stream (${http2ErrorName(code)}).` });
  }
}

function contentLength(fields: readonly Field[]): number | undefined {
  const said = fields.find(({ name }) => name === "content-length");
  return said === undefined ? undefined : Number(said.value);
}

function headerList({ method, authority, target, fields, secret }: Http2OriginRequest): readonly string[] {
  const list = [":method", method, ":scheme", "https", ":authority", authority, ":path", target];
  for (const { name, value } of fields) list.push(name, value);
  return secret.length === 0 ? list : Object.assign(list, { [sensitiveHeaders]: [...secret] });
}

/** RFC 9113 section 7, by code. */
const ERRORS = [
  "NO_ERROR",
  "PROTOCOL_ERROR",
  "INTERNAL_ERROR",
  "FLOW_CONTROL_ERROR",
  "SETTINGS_TIMEOUT",
  "STREAM_CLOSED",
  "FRAME_SIZE_ERROR",
  "REFUSED_STREAM",
  "CANCEL",
  "COMPRESSION_ERROR",
  "CONNECT_ERROR",
  "ENHANCE_YOUR_CALM",
  "INADEQUATE_SECURITY",
  "HTTP_1_1_REQUIRED",
] as const;

export function http2ErrorName(code: number): string {
  return ERRORS[code] ?? "unknown";
}
