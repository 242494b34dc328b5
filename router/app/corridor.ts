import { millis } from "../core/base/quantity.ts";
import type { NamePermit } from "../core/policy/permit.ts";
import type { Authority } from "../core/wire/authority.ts";
import {
  type ForwardRequest,
  forwardRequest,
  type HttpForwardRequest,
  innerRequest,
  type TunnelRequest,
} from "../core/wire/forward-request.ts";
import type { HeadLimits } from "../core/wire/message-head.ts";
import type { AgentSocket } from "../edge/listeners/agent-socket.ts";
import { type HeadProblem, serveRequests } from "../edge/listeners/request-loop.ts";
import { clear, judge, lostMeanwhile, record, refusalOf } from "./admission.ts";
import { answerRefusal, closeRefusedTunnel, establishedResponse } from "./answer.ts";
import { Exchange } from "./exchange.ts";
import type { CorridorRooms } from "./corridor-rooms.ts";
import { PlainHttp } from "./plain-http.ts";
import { passTlsDoor } from "./tls-door.ts";

export interface Corridor {
  /** Serves one accepted connection to its end. */
  serve(agent: AgentSocket): Promise<void>;
  /** Answers a connection that is over the cap. */
  turnAway(agent: AgentSocket): void;
}

const FIELD_COUNT = 100;

/** The one straight path of an exchange (ARCHITECTURE.md, "The corridor"): rooms never call each other, this calls rooms. */
export function createCorridor(rooms: CorridorRooms): Corridor {
  const heads: HeadLimits = {
    // One line may take half of the head: 8 KiB by default, what RFC 9112 section 3 asks for at least.
    lineBytes: Math.floor(rooms.limits.headBytes / 2),
    fieldCount: FIELD_COUNT,
    headBytes: rooms.limits.headBytes,
  };
  const timing = { limits: heads, headMillis: rooms.limits.headTimeout, idleMillis: rooms.limits.idle };

  /** What never became a request has no host to name, but it has its one outcome. */
  function refuseUnread(agent: AgentSocket, problem: HeadProblem): void {
    const exchange = new Exchange(rooms.nextRequestId(), "request", undefined, rooms.clock, rooms.settle);
    const policy = rooms.admission.policy().identity;
    answerRefusal(agent, exchange, { ...problem, policy, rule: undefined });
  }

  async function serve(agent: AgentSocket): Promise<void> {
    using plain = new PlainHttp(rooms, agent);
    await serveRequests<ForwardRequest>(agent, {
      ...timing,
      interpret: forwardRequest,
      refuse: (problem) => refuseUnread(agent, problem),
      serve: async (request) => {
        if (request.kind === "http") return plain.serve(request);
        await tunnel(agent, request);
        return "done";
      },
    });
  }

  async function tunnel(agent: AgentSocket, { authority, trace }: TunnelRequest): Promise<void> {
    const request = { via: "tunnel", host: authority.host, port: authority.port } as const;
    const exchange = new Exchange(rooms.nextRequestId(), "connect", request, rooms.clock, rooms.settle, trace);
    rooms.registry.add(exchange);
    agent.onClosed(() => exchange.abandon());
    try {
      const judged = judge(rooms.admission, exchange, request);
      if (!judged.ok) answerRefusal(agent, exchange, judged.problem);
      else if (judged.value.obligations.protocol === "http") await inner(agent, exchange, judged.value, authority);
      else await opaque(agent, exchange, judged.value);
    } finally {
      // Without effect on what is settled: what is not is a bug of ours, and on record all the same.
      exchange.aborted("internal");
      rooms.registry.remove(exchange);
    }
  }

  /** A tunnel whose rule is `http`: it opens nothing itself; each request inside is an exchange of its own. */
  async function inner(
    agent: AgentSocket,
    exchange: Exchange,
    permit: NamePermit,
    authority: Authority,
  ): Promise<void> {
    const recorded = await record(rooms.admission, exchange, permit, [], []);
    if (!recorded.ok) {
      answerRefusal(agent, exchange, recorded.problem);
      return;
    }
    agent.write(establishedResponse(exchange.start.request));
    exchange.completed();
    rooms.registry.remove(exchange);
    using plain = new PlainHttp(rooms, agent);
    await serveRequests<HttpForwardRequest>(agent, {
      ...timing,
      interpret: (head) => innerRequest(head, authority),
      refuse: (problem) => refuseUnread(agent, problem),
      serve: (request) => plain.serve(request),
    });
  }

  async function opaque(agent: AgentSocket, exchange: Exchange, permit: NamePermit): Promise<void> {
    const cleared = await clear(rooms.admission, exchange, permit);
    if (!cleared.ok) {
      answerRefusal(agent, exchange, cleared.problem);
      return;
    }
    const dialled = await rooms.upstream.dialTunnel(cleared.value, exchange.signal);
    if (!dialled.ok) {
      const refused = refusalOf(permit, exchange.cutReason ?? "upstream_unreachable", dialled.problem.detail);
      answerRefusal(agent, exchange, refused.problem);
      return;
    }
    const link = dialled.value;
    exchange.address = link.address;
    exchange.connect = millis(link.connectMillis);
    const lost = lostMeanwhile(rooms.admission, exchange);
    if (lost !== undefined) {
      link.socket.destroy();
      answerRefusal(agent, exchange, refusalOf(permit, lost).problem);
      return;
    }
    agent.write(establishedResponse(exchange.start.request));
    if (permit.obligations.protocol === "tls") {
      exchange.onCut(() => agent.abort());
      const passed = await passTlsDoor(agent, permit, rooms.limits.headTimeout, rooms.clock);
      if (!passed.ok) {
        link.socket.destroy();
        const reason = exchange.cutReason ?? passed.problem.reason;
        if (reason === undefined) {
          exchange.aborted(undefined);
          agent.finish();
        } else closeRefusedTunnel(agent, exchange, reason, passed.problem.detail);
        return;
      }
    }
    await rooms.upstream.relay(agent, link, exchange, permit);
  }

  function turnAway(agent: AgentSocket): void {
    refuseUnread(agent, {
      reason: "connection_limit",
      detail: `This router holds ${rooms.limits.connections} connections at most.`,
    });
  }

  return { serve, turnAway };
}
