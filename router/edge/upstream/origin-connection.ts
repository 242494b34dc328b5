import { Agent } from "node:http";
import type { Link } from "./dial.ts";
import { exchange, type ExchangeEnd, type ExchangeOptions, type OriginRequest, type ResponseSink } from "./exchange.ts";

/**
 * A connection to an origin that carries one plain-HTTP exchange after another, never two at a time. It belongs to one
 * agent connection, one authority and one policy, so that nobody reads another's answer.
 */
export interface OriginConnection {
  /** Another request may be sent now: to be looked at in the same tick as `exchange` is called. */
  readonly usable: boolean;
  /** See `exchange`. A second one before the first has ended throws. After "upgraded" the socket is no longer ours. */
  exchange(request: OriginRequest, sink: ResponseSink, options: ExchangeOptions): Promise<ExchangeEnd>;
  close(): void;
}

/** Below what common servers allow (Node's is 5 s), so that an origin seldom closes just as a request is sent. */
const IDLE_MILLIS = 4_000;
const KEEP_ALIVE_MILLIS = 30_000;

/** `link` is the connection's own from here on, until `close`. Between exchanges it closes by itself after 4 s. */
export function originConnection({ socket }: Pick<Link, "socket">): OriginConnection {
  const agent = new Agent({ keepAlive: true, keepAliveMsecs: KEEP_ALIVE_MILLIS, maxSockets: 1, timeout: IDLE_MILLIS });
  let handedOver = false;
  // The one socket that policy admitted. Node asks for another only where this one has died: there is none.
  agent.createConnection = (_options, callback) => {
    if (!handedOver) {
      handedOver = true;
      return socket;
    }
    callback?.(new Error("the connection was closed"), socket);
    return undefined;
  };
  let busy = false;
  let givenAway = false;
  return {
    get usable() {
      return !busy && !givenAway && !socket.destroyed && socket.writable && !socket.readableEnded;
    },
    async exchange(request, sink, options) {
      if (busy) throw new Error("an origin connection carries one exchange at a time");
      busy = true;
      try {
        const end = await exchange(socket, agent, request, sink, options);
        givenAway = end.cause === "upgraded";
        return end;
      } finally {
        busy = false;
      }
    },
    close() {
      if (!givenAway) socket.destroy();
      agent.destroy();
    },
  };
}
