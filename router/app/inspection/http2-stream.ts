import { constants, type ServerHttp2Stream } from "node:http2";
import type { Millis } from "../../core/base/quantity.ts";
import type { EgressRequest } from "../../core/policy/egress-request.ts";
import { judgedValues } from "../../core/wire/fields.ts";
import { Http2Answer } from "../../edge/inspection/http2-answer.ts";
import { type Http2Reading, readHttp2 } from "../../edge/upstream/http2-reading.ts";
import { judge, refusalOf } from "../admission.ts";
import { Exchange } from "../exchange.ts";
import { refuseHttp2 } from "./http2-refusal.ts";
import { type Http2Request, http2Request } from "./http2-request.ts";
import type { Http2Streams } from "./http2-streams.ts";
import { Http2Walk } from "./http2-walk.ts";

/** One stream: an exchange of its own, judged alone, with exactly one outcome. */
export async function serveHttp2Stream(
  streams: Http2Streams,
  stream: ServerHttp2Stream,
  raw: readonly string[],
  ended: boolean,
): Promise<void> {
  const { rooms } = streams;
  const { host, port } = streams.authority;
  const content = ended ? undefined : readHttp2(stream);
  const request = http2Request(raw, streams.authority, streams.limits);
  const asked: EgressRequest = request.ok
    ? {
        via: "http",
        secure: true,
        host,
        port,
        method: request.value.http.method,
        path: request.value.http.path,
        header: (name) => judgedValues(request.value, name),
      }
    : { via: "tunnel", host, port };
  const action = request.ok ? `http.${request.value.http.method}` : "request";
  const trace = request.ok ? request.value.http.trace : undefined;
  const exchange = new Exchange(rooms.nextRequestId(), action, asked, rooms.clock, rooms.settle, "inspection", trace);
  exchange.within = streams.within;
  const answer = new Http2Answer(stream, exchange.start.request, isHead(raw));
  const release = streams.reserve();
  rooms.registry.add(exchange);
  streams.live.add(exchange);
  // The connection is on its way out: what its last words are for has not seen this one.
  const over = streams.within?.cutReason;
  if (over !== undefined) exchange.cut(over);
  stream.on("close", () => {
    // Where everything was said on both sides it is over, and the origin may still be taking the last of it.
    if (!answer.whole || content?.whole === false) exchange.abandon();
  });
  try {
    try {
      if (request.ok) await serveRequest(streams, exchange, request.value, content, answer, release !== undefined);
      else {
        const policy = rooms.admission.policy().identity;
        refuseHttp2(answer, exchange, { ...request.problem, policy, rule: undefined }, false);
      }
    } finally {
      // Without effect on what is settled: what is not is a bug of ours, and on record all the same.
      exchange.aborted("internal");
      rooms.registry.remove(exchange);
      streams.live.delete(exchange);
    }
    if (rooms.admission.draining()) streams.drain();
    // Answered, the rest of the request is wanted no more.
    if (content?.whole === false) answer.stop();
    if (!(await goneWithin(answer, rooms.limits.idle))) streams.destroy();
  } finally {
    release?.();
  }
}

async function serveRequest(
  streams: Http2Streams,
  exchange: Exchange,
  request: Http2Request,
  content: Http2Reading | undefined,
  answer: Http2Answer,
  hasRoom: boolean,
): Promise<void> {
  const { request: asked } = exchange;
  if (asked === undefined) throw new TypeError("an exchange of a request has one");
  const judged = judge(streams.rooms.admission, exchange, asked);
  if (!judged.ok) refuseHttp2(answer, exchange, judged.problem, request.grpc);
  else if (!hasRoom) {
    const overloaded = refusalOf(judged.value, "overloaded", "Too many streams are open.");
    refuseHttp2(answer, exchange, overloaded.problem, request.grpc);
  } else {
    try {
      await new Http2Walk(streams, exchange, request, content, answer, judged.value).walk();
    } finally {
      // After a whole answer without effect.
      if (!answer.ended) answer.reset(constants.NGHTTP2_INTERNAL_ERROR);
    }
  }
}

/** An agent that does not take even the end of a stream takes nothing of its connection. */
async function goneWithin(answer: Http2Answer, wait: Millis): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), wait);
  void answer.gone.then(() => resolve(true));
  const gone = await promise;
  clearTimeout(timer);
  return gone;
}

function isHead(raw: readonly string[]): boolean {
  return raw.some((name, at) => at % 2 === 0 && name === ":method" && raw[at + 1] === "HEAD");
}
