import { type ClientHttp2Session, type ClientHttp2Stream, type ClientSessionOptions, connect } from "node:http2";
import type { Duplex } from "node:stream";
import type { ExchangeOptions } from "./exchange.ts";
import { type Http2End, http2Exchange, type Http2OriginRequest, type Http2Sink } from "./http2-exchange.ts";
import { MOST_ANSWER_FIELDS, MOST_HEAD_BYTES } from "./http2-response.ts";

/** An origin's connection that speaks HTTP/2, for the streams of one agent connection. */
export interface Http2Origin {
  /** A stream can be opened now: to be looked at in the same turn as `exchange` is called. */
  readonly usable: boolean;
  /** As `http2Exchange`. */
  exchange(request: Http2OriginRequest, sink: Http2Sink, options: ExchangeOptions): Promise<Http2End>;
  /** The streams that are open may end; then the connection closes. */
  close(): void;
  /** At once. */
  destroy(): void;
}

/** All streams together: what an origin may have on its way to us, none of it kept (streams have windows of their own). */
const CONNECTION_WINDOW = 4 * 1024 * 1024;
/** Megabytes of Node's own accounting for one connection: heads, queued frames, unanswered pings. */
const SESSION_MEMORY = 8;

/** What Node's types have for servers only: a field that is usually said once may be passed on twice, as it came. */
interface StrictFields {
  readonly strictSingleValueFields: boolean;
}

/**
 * The socket, connected, with TLS and ALPN `h2` done, is this one's own from here on. `window` is what each stream may
 * send before it is taken. `gone` is called once, when no more streams can be opened: the origin said GOAWAY, broke a
 * rule of the framing, or is not there any more.
 */
export function http2Origin(socket: Duplex, window: number, gone: () => void): Http2Origin {
  const how: ClientSessionOptions & StrictFields = {
    createConnection: () => socket,
    settings: { enablePush: false, initialWindowSize: window, maxHeaderListSize: MOST_HEAD_BYTES },
    maxReservedRemoteStreams: 0,
    maxHeaderListPairs: MOST_ANSWER_FIELDS + 1,
    maxSessionMemory: SESSION_MEMORY,
    maxSettings: 16,
    strictSingleValueFields: false,
  };
  socket.pause();
  const session: ClientHttp2Session = connect("https://origin.invalid", how);
  let lost = false;
  const lose = (): void => {
    if (lost) return;
    lost = true;
    gone();
  };
  session.on("error", lose);
  session.on("goaway", lose);
  session.on("close", lose);
  // Dialled sockets may be half open, an HTTP/2 connection may not.
  socket.once("end", () => setImmediate(() => session.destroy()));
  // Nothing is pushed to who does not take it (RFC 9113 section 8.4); were it to come all the same, it goes nowhere.
  session.on("stream", (stream: ClientHttp2Stream) => stream.close());
  session.setLocalWindowSize(CONNECTION_WINDOW);
  return {
    get usable() {
      return !lost && !session.closed && !session.destroyed;
    },
    exchange: async (request, sink, options) => http2Exchange(session, request, sink, options),
    // In a later turn: what was read ahead is given to a session that must still be there (see edge/inspection).
    close: () => void setImmediate(() => session.close()),
    destroy: () => void setImmediate(() => session.destroy()),
  };
}
