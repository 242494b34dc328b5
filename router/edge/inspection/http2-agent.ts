import { constants, performServerHandshake, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import type { TLSSocket } from "node:tls";

/** An agent's connection inside inspected TLS that speaks HTTP/2. */
export interface Http2Agent {
  /** What the agent said that it takes of each stream before we wait; 64 KiB until it has. */
  readonly window: number;
  /** GOAWAY: no new streams; those that are open may end, then the connection closes. */
  close(): void;
  /** At once. */
  destroy(): void;
  /** Settles when the connection is gone. */
  readonly closed: Promise<void>;
}

export interface Http2AgentOptions {
  /** The most octets of a head, as RFC 9113 section 6.5.2 counts them. */
  readonly headBytes: number;
  /** The most fields of a head; cookies may come in many. */
  readonly fields: number;
  /** A request; `ended`: its head is all there is. Names and values in turn, pseudo-fields first. */
  readonly stream: (stream: ServerHttp2Stream, raw: readonly string[], ended: boolean) => void;
}

/** Streams that one agent connection may have open. */
export const MOST_STREAMS = 128;
/** What a stream of the agent's may send before it is taken: over loopback a round trip is microseconds. */
export const AGENT_WINDOW = 64 * 1024;
const CONNECTION_WINDOW = 1024 * 1024;
/** Megabytes of Node's own accounting for one connection. */
const SESSION_MEMORY = 8;

/**
 * What an agent does not do by accident, and what ends the connection: resets of its own streams (CVE-2023-44487: a
 * burst, then so many a second), frames that mean nothing, streams over the limit. The framing itself is nghttp2's,
 * which bounds CONTINUATION frames (CVE-2024-28182), unanswered SETTINGS and PING acknowledgements (CVE-2019-9512,
 * CVE-2019-9515) by itself.
 */
const FLOODS = {
  streamResetBurst: 200,
  streamResetRate: 50,
  maxSessionInvalidFrames: 100,
  maxSessionRejectedStreams: 100,
  maxSettings: 16,
  maxOutstandingPings: 4,
} as const;

/**
 * The socket, not destroyed, with TLS and ALPN `h2` done and not read yet, is this one's own from here on. Node waits for
 * `secureConnect` on a socket that it believes to be in its handshake, which it does of every server's TLSSocket that no
 * `tls.Server` made (Node 26.10); and it gives the session what was read ahead, in one piece only while the socket is
 * paused: a second one after a broken preface throws where nobody can catch it.
 */
export function http2Agent(socket: TLSSocket, options: Http2AgentOptions): Http2Agent {
  Object.assign(socket.pause(), { secureConnecting: false });
  const session: ServerHttp2Session = performServerHandshake(socket, {
    ...FLOODS,
    settings: {
      maxConcurrentStreams: MOST_STREAMS,
      initialWindowSize: AGENT_WINDOW,
      // Twice: what is a little over is answered with 431, and only beyond that is the stream reset.
      maxHeaderListSize: 2 * options.headBytes,
      // RFC 8441: a WebSocket comes over HTTP/1.1, or not at all.
      enableConnectProtocol: false,
    },
    maxHeaderListPairs: options.fields,
    maxSessionMemory: SESSION_MEMORY,
    strictSingleValueFields: false,
  });
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  session.on("error", () => undefined);
  session.on("close", resolve);
  // The sockets of this router may be half open, an HTTP/2 connection may not: who says nothing more takes nothing more.
  socket.once("end", () => setImmediate(() => session.destroy()));
  session.setLocalWindowSize(CONNECTION_WINDOW);
  session.on("stream", (stream, _fields, flags, raw) => {
    stream.on("error", () => undefined);
    options.stream(stream, raw, (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0);
  });
  return {
    get window() {
      return session.remoteSettings.initialWindowSize ?? AGENT_WINDOW;
    },
    // In a later turn: what was read ahead is given to a session that must still be there.
    close: () => void setImmediate(() => session.close()),
    destroy: () => void setImmediate(() => session.destroy()),
    closed,
  };
}
