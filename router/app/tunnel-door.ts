import type { AgentSocket } from "../edge/listeners/agent-socket.ts";
import type { Door, Exchange } from "./exchange.ts";
import type { Refused } from "./refused.ts";

/** How one kind of client asks for a tunnel and is told what became of it; what happens in between is the corridor's. */
export interface TunnelDoor {
  /** For records. */
  readonly name: Door;
  /** Its client has begun TLS already: a rule for anything else but `tls` and `tcp` cannot be met. */
  readonly startsTls: boolean;
  /** Permitted and dialled: the client may speak (CONNECT: 200, SOCKS: success, transparent: nothing). */
  open(agent: AgentSocket, exchange: Exchange): void;
  /** Settles the exchange as refused and says so; never after `open`. */
  refuse(agent: AgentSocket, exchange: Exchange, refused: Refused): void;
}
