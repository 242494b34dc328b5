import type { ServerHttp2Stream } from "node:http2";
import type { TLSSocket } from "node:tls";
import type { Millis } from "../../core/base/quantity.ts";
import type { Reason } from "../../core/base/reason.ts";
import type { Result } from "../../core/base/result.ts";
import type { NamePermit } from "../../core/policy/permit.ts";
import type { Authority } from "../../core/wire/authority.ts";
import { type IpAddress, parseIpAddress } from "../../core/wire/ip-address.ts";
import { AGENT_WINDOW, http2Agent } from "../../edge/inspection/http2-agent.ts";
import type { CorridorRooms } from "../corridor-rooms.ts";
import type { Exchange } from "../exchange.ts";
import type { InjectedFields } from "./injected-fields.ts";
import type { Http2Room } from "./http2-room.ts";
import { serveHttp2Stream } from "./http2-stream.ts";
import type { Http2Streams } from "./http2-streams.ts";
import { Http2Way, type Redial } from "./http2-way.ts";

export interface Http2Rooms extends Omit<CorridorRooms, "inspection"> {
  readonly http2: Http2Room;
  /** What the permit's rule writes into a request, and keeps out of its answer. The problem is a sentence. */
  inject(permit: NamePermit): Promise<Result<InjectedFields, string>>;
}

export interface Http2Connection {
  /** TLS and ALPN `h2` are done, with the leaf minted for `authority`; nothing was read yet. Ours from here on. */
  readonly agent: TLSSocket;
  /** TLS and ALPN `h2` are done, verified for `authority`. Ours from here on. Undefined: not reached, see `unreachable`. */
  readonly origin: TLSSocket | undefined;
  readonly authority: Authority;
  /** What the tunnel was permitted by. */
  readonly permit: NamePermit;
  /** The address that `origin` is connected to. */
  readonly address: IpAddress | undefined;
  /** With what streams are refused that are permitted, where the origin is not reached. */
  readonly unreachable?: { readonly reason: Reason; readonly detail: string };
  /** Another connection to the same address, by the same leave, after the origin's GOAWAY. Without it the agent is told to go, too. */
  readonly redial?: Redial;
  /** Ends the connection; without it, `within`'s own. */
  readonly signal?: AbortSignal;
  /** The tunnel's exchange: when it is cut, everything in it is, for the same reason. */
  readonly within?: Exchange;
}

const FIELD_COUNT = 100;
/** Crumbs of cookies, and the pseudo-fields, beside the fields. */
const CRUMBS = 64;
/** The most that one stream of an origin may send ahead of an agent that takes it. */
const LARGEST_WINDOW = 1024 * 1024;
/** For GOAWAY, and what was said before it, to reach an agent that reads. */
const LAST_WORDS_MILLIS = 500;
const UNREACHABLE = { reason: "upstream_unreachable", detail: "The connection to the origin is gone." } as const;

/**
 * Serves the streams of one inspected connection to its end; each is an exchange of its own. The framing on both sides
 * is nghttp2's (Node 26: 1.70), over `performServerHandshake` and `connect` with the sockets that are given; nothing
 * of a frame is read here.
 */
export async function serveHttp2(rooms: Http2Rooms, connection: Http2Connection): Promise<void> {
  const signal = connection.signal ?? connection.within?.signal;
  if (connection.agent.destroyed || signal?.aborted === true) {
    connection.agent.destroy();
    connection.origin?.destroy();
    return;
  }
  const limits = {
    headBytes: rooms.limits.headBytes,
    fieldCount: FIELD_COUNT,
    lineBytes: Math.floor(rooms.limits.headBytes / 2),
  };
  const live = new Set<Promise<void>>();
  let idle: NodeJS.Timeout | undefined;
  let cut: NodeJS.Timeout | undefined;
  const agent = http2Agent(connection.agent, {
    headBytes: limits.headBytes,
    fields: FIELD_COUNT + CRUMBS,
    stream(stream, raw, ended) {
      clearTimeout(idle);
      const served = serve(stream, raw, ended);
      live.add(served);
      void served.finally(() => {
        live.delete(served);
        if (live.size === 0) rest(rooms.limits.idle);
      });
    },
  });
  // What the agent says that it takes ahead, we take ahead of it: no less throughput, and no more held, than without us.
  const window = (): number => Math.min(Math.max(agent.window, AGENT_WINDOW), LARGEST_WINDOW);
  const way = new Http2Way(connection.origin, window, pinned(connection), () => agent.close());
  const streams: Http2Streams = {
    rooms,
    authority: connection.authority,
    within: connection.within,
    live: new Set(),
    address: connection.address,
    proxy: connection.permit.proxy,
    way,
    unreachable: connection.unreachable ?? UNREACHABLE,
    limits,
    inject: async (permit) => rooms.inject(permit),
    reserve: () => rooms.http2.reserve(window() + AGENT_WINDOW),
    drain: () => agent.close(),
    destroy: () => agent.destroy(),
  };
  const leave = rooms.http2.join(agent);
  const onAbort = (): void => {
    const reason = connection.within?.cutReason;
    if (reason !== undefined) for (const exchange of streams.live) exchange.cut(reason);
    agent.close();
    // What says so may still leave.
    cut = setTimeout(() => {
      agent.destroy();
      way.destroy();
    }, LAST_WORDS_MILLIS);
  };
  signal?.addEventListener("abort", onAbort, { once: true });
  rest(rooms.limits.idle);

  await agent.closed;
  clearTimeout(idle);
  clearTimeout(cut);
  signal?.removeEventListener("abort", onAbort);
  leave();
  await Promise.all(live);
  way.close();

  async function serve(stream: ServerHttp2Stream, raw: readonly string[], ended: boolean): Promise<void> {
    try {
      await serveHttp2Stream(streams, stream, raw, ended);
    } catch {
      // A bug of ours; the exchange is on record as `internal`. What else it broke on this connection nobody knows.
      agent.destroy();
    }
  }

  /** A connection without a stream ends after so long, whatever pings it sends. */
  function rest(after: Millis): void {
    clearTimeout(idle);
    idle = setTimeout(() => {
      agent.close();
      // Who does not close after GOAWAY is closed.
      idle = setTimeout(() => agent.destroy(), LAST_WORDS_MILLIS);
    }, after);
  }
}

/**
 * Streams are on record with the connection's address, so another connection is of use at that address only. Through a
 * parent proxy nobody sees where it leads: there the agent is sent away, and comes back with a tunnel of its own.
 */
function pinned({ address, permit, redial }: Http2Connection): Redial | undefined {
  if (redial === undefined || address === undefined || permit.proxy !== undefined) return undefined;
  return async () => {
    const socket = await redial();
    if (socket === undefined || parseIpAddress(socket.remoteAddress ?? "") === address) return socket;
    socket.destroy();
    return undefined;
  };
}
