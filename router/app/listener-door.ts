import type { Authority } from "../core/wire/authority.ts";
import type { HeadLimits } from "../core/wire/message-head.ts";
import type { TraceContext } from "../core/wire/traceparent.ts";
import type { AgentSocket } from "../edge/listeners/agent-socket.ts";
import type { HeadProblem } from "../edge/listeners/request-loop.ts";
import type { CorridorRooms } from "./corridor-rooms.ts";
import type { Door, Exchange } from "./exchange.ts";
import type { Refused } from "./refused.ts";
import type { TunnelDoor } from "./tunnel-door.ts";

/** What becomes of the connections to one listener. */
export interface ListenerDoor {
  /** Serves one accepted connection to its end. */
  serve(agent: AgentSocket): Promise<void>;
  /** Answers a connection that is over the cap. */
  turnAway(agent: AgentSocket): void;
}

/** Settles an exchange as refused and tells the agent in the words of its protocol. */
export type Tell = (agent: AgentSocket, exchange: Exchange, refused: Refused) => void;

/** The corridor as the doors see it. */
export interface Walk {
  readonly rooms: CorridorRooms;
  readonly timing: { readonly limits: HeadLimits; readonly headMillis: number; readonly idleMillis: number };
  /** What never became a request has no host to name, but it has its one outcome. */
  refuseUnread(agent: AgentSocket, door: Door, problem: HeadProblem, tell: Tell): void;
  /** From the judgement to the end of a tunnel, whichever door it came through. */
  tunnel(agent: AgentSocket, door: TunnelDoor, authority: Authority, trace?: TraceContext): Promise<void>;
}

export function overTheCap({ rooms }: Walk): HeadProblem {
  return {
    reason: "connection_limit",
    detail: `This router holds ${rooms.limits.connections} connections at most.`,
  };
}
