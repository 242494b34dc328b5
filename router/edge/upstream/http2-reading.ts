import { type ClientHttp2Stream, constants, type ServerHttp2Stream } from "node:http2";
import { joinPushes } from "./joined-pushes.ts";

/** Where the content of a message goes, in order. */
export interface Http2Taker {
  /** The chunk is the taker's. A promise asks to wait; it must not reject, and must settle when its stream is gone. */
  data(chunk: Buffer): Promise<void> | undefined;
  /** The peer has said END_STREAM, and everything before it was taken. Names and values in turn. */
  end(trailers: readonly string[]): void;
}

export interface Http2Reading {
  /** Once. Until then, and while a promise of the taker's is open, the peer has its window and no more. */
  start(taker: Http2Taker): void;
  /** Everything was taken, up to END_STREAM. */
  readonly whole: boolean;
}

/**
 * Reads a message's content off a stream. Node says `end` of a stream that was reset with NO_ERROR or CANCEL, or whose
 * connection broke, just as of one that ended (measured on Node 26.10): a content that was cut would be passed on as
 * whole. What tells them apart is the moment at which the end is pushed: END_STREAM pushes it while the stream is not
 * closed yet. Only where END_STREAM finds the stream paused, and its other side over, does Node push it as it does for
 * RST_STREAM: there NO_ERROR counts as an end, and a Content-Length that was said must have been met.
 *
 * To be called in the turn in which Node hands the stream out.
 */
export function readHttp2(stream: ServerHttp2Stream | ClientHttp2Stream): Http2Reading {
  // Frames that came in one read with the head may have been looked at already.
  let ended = !stream.pending && !stream.closed && stream.state.remoteClose === 1;
  let whole = false;
  let trailers: readonly string[] = [];
  const push = stream.push.bind(stream);
  stream.push = (chunk: unknown, encoding?: BufferEncoding) => {
    if (chunk === null) ended ||= !stream.closed || closedByEnd(stream);
    return push(chunk, encoding);
  };
  joinPushes(stream, setImmediate);
  stream.on("trailers", (_fields, _flags, raw?: readonly string[]) => {
    trailers = raw ?? [];
  });
  return {
    start(taker) {
      stream.on("data", (chunk: Buffer) => {
        const wait = taker.data(chunk);
        if (wait === undefined) return;
        stream.pause();
        void wait.then(() => stream.resume());
      });
      stream.on("end", () => {
        if (!ended || whole) return;
        whole = true;
        taker.end(trailers);
      });
    },
    get whole() {
      return whole;
    },
  };
}

function closedByEnd(stream: ServerHttp2Stream | ClientHttp2Stream): boolean {
  const isBehind = stream.isPaused() || stream.readableLength > 0;
  return isBehind && !stream.destroyed && stream.rstCode === constants.NGHTTP2_NO_ERROR;
}

/** Until the peer has taken what was written, or is gone. */
export async function http2Drained(stream: ServerHttp2Stream | ClientHttp2Stream): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const done = (): void => {
    stream.off("drain", done);
    stream.off("close", done);
    resolve();
  };
  stream.on("drain", done);
  stream.on("close", done);
  if (stream.destroyed) done();
  return promise;
}
