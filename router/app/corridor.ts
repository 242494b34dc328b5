import { millis } from "../core/base/quantity.ts";
import type { DialPermit, NamePermit } from "../core/policy/permit.ts";
import type { Authority } from "../core/wire/authority.ts";
import { type HttpForwardRequest, innerRequest } from "../core/wire/forward-request.ts";
import type { TraceContext } from "../core/wire/traceparent.ts";
import type { AgentSocket } from "../edge/listeners/agent-socket.ts";
import { type HeadProblem, serveRequests } from "../edge/listeners/request-loop.ts";
import { clear, judge, lostMeanwhile, record, refusalOf } from "./admission.ts";
import { alertRefusal, answerRefusal } from "./answer.ts";
import type { CorridorRooms } from "./corridor-rooms.ts";
import { type Door, Exchange } from "./exchange.ts";
import { forwardDoor } from "./forward-door.ts";
import type { ListenerDoor, Tell, Walk } from "./listener-door.ts";
import { PlainHttp } from "./plain-http.ts";
import { passTlsDoor } from "./tls-door.ts";
import { transparentHttpDoor } from "./transparent-http.ts";
import { transparentTlsDoor } from "./transparent-tls.ts";
import type { TunnelDoor } from "./tunnel-door.ts";

/** The way from each listener to the one walk; by itself it is the forward port's. */
export interface Corridor extends ListenerDoor {
  /** Of redirected port 443. */
  readonly tls: ListenerDoor;
  /** Of redirected port 80. */
  readonly http: ListenerDoor;
}

const FIELD_COUNT = 100;

/** The one straight path of an exchange (ARCHITECTURE.md, "The corridor"): rooms never call each other, this calls rooms. */
export function createCorridor(rooms: CorridorRooms): Corridor {
  const limits = {
    // One line may take half of the head: 8 KiB by default, what RFC 9112 section 3 asks for at least.
    lineBytes: Math.floor(rooms.limits.headBytes / 2),
    fieldCount: FIELD_COUNT,
    headBytes: rooms.limits.headBytes,
  };
  const timing = { limits, headMillis: rooms.limits.headTimeout, idleMillis: rooms.limits.idle };
  const walk: Walk = { rooms, timing, refuseUnread, tunnel };
  return { ...forwardDoor(walk), tls: transparentTlsDoor(walk), http: transparentHttpDoor(walk) };

  function refuseUnread(agent: AgentSocket, door: Door, problem: HeadProblem, tell: Tell): void {
    const exchange = new Exchange(rooms.nextRequestId(), "request", undefined, rooms.clock, rooms.settle, door);
    tell(agent, exchange, { ...problem, policy: rooms.admission.policy().identity, rule: undefined });
  }

  async function tunnel(
    agent: AgentSocket,
    door: TunnelDoor,
    authority: Authority,
    trace?: TraceContext,
  ): Promise<void> {
    const request = { via: "tunnel", host: authority.host, port: authority.port } as const;
    const exchange = new Exchange(
      rooms.nextRequestId(),
      "connect",
      request,
      rooms.clock,
      rooms.settle,
      door.name,
      trace,
    );
    rooms.registry.add(exchange);
    agent.onClosed(() => exchange.abandon());
    try {
      const judged = judge(rooms.admission, exchange, request);
      if (!judged.ok) door.refuse(agent, exchange, judged.problem);
      else if (judged.value.obligations.protocol === "http") {
        await inner(agent, door, exchange, judged.value, authority);
      } else await admitted(agent, door, exchange, judged.value, authority);
    } finally {
      // Without effect on what is settled: what is not is a bug of ours, and on record all the same.
      exchange.aborted("internal");
      rooms.registry.remove(exchange);
    }
  }

  /** A tunnel whose rule is `http`: it opens nothing itself; each request inside is an exchange of its own. */
  async function inner(
    agent: AgentSocket,
    door: TunnelDoor,
    exchange: Exchange,
    permit: NamePermit,
    authority: Authority,
  ): Promise<void> {
    if (door.startsTls) {
      const detail = "The rule for this host and port is for plain HTTP, and this is TLS.";
      door.refuse(agent, exchange, refusalOf(permit, "malformed_request", detail).problem);
      return;
    }
    const recorded = await record(rooms.admission, exchange, permit, [], []);
    if (!recorded.ok) {
      door.refuse(agent, exchange, recorded.problem);
      return;
    }
    door.open(agent, exchange);
    exchange.completed();
    rooms.registry.remove(exchange);
    using plain = new PlainHttp(rooms, agent, door.name);
    await serveRequests<HttpForwardRequest>(agent, {
      ...timing,
      interpret: (head) => innerRequest(head, authority),
      refuse: (problem) => refuseUnread(agent, door.name, problem, answerRefusal),
      serve: (request) => plain.serve(request),
    });
  }

  /** Resolves the name and puts the tunnel on record; what its rule asks for decides who dials. */
  async function admitted(
    agent: AgentSocket,
    door: TunnelDoor,
    exchange: Exchange,
    permit: NamePermit,
    authority: Authority,
  ): Promise<void> {
    const cleared = await clear(rooms.admission, exchange, permit);
    if (!cleared.ok) door.refuse(agent, exchange, cleared.problem);
    else if (permit.obligations.inspect) await inspected(agent, door, exchange, permit, cleared.value, authority);
    else await opaque(agent, door, exchange, permit, cleared.value);
  }

  /** Its ClientHello is judged here; TLS, to the origin first, and the requests inside are the inspection's. */
  async function inspected(
    agent: AgentSocket,
    door: TunnelDoor,
    exchange: Exchange,
    permit: NamePermit,
    dial: DialPermit,
    authority: Authority,
  ): Promise<void> {
    const { inspection } = rooms;
    const lost = inspection === undefined ? "internal" : lostMeanwhile(rooms.admission, exchange);
    if (inspection === undefined || lost !== undefined) {
      door.refuse(agent, exchange, refusalOf(permit, lost ?? "internal").problem);
      return;
    }
    door.open(agent, exchange);
    if (await passed(agent, exchange, permit)) await inspection.serve(agent, exchange, permit, dial, authority);
  }

  async function opaque(
    agent: AgentSocket,
    door: TunnelDoor,
    exchange: Exchange,
    permit: NamePermit,
    dial: DialPermit,
  ): Promise<void> {
    const dialled = await rooms.upstream.dialTunnel(dial, exchange.signal);
    if (!dialled.ok) {
      const refused = refusalOf(permit, exchange.cutReason ?? dialled.problem.reason, dialled.problem.detail);
      door.refuse(agent, exchange, refused.problem);
      return;
    }
    const link = dialled.value;
    exchange.address = link.address;
    exchange.connect = millis(link.connectMillis);
    const lost = lostMeanwhile(rooms.admission, exchange);
    if (lost !== undefined) {
      link.socket.destroy();
      door.refuse(agent, exchange, refusalOf(permit, lost).problem);
      return;
    }
    door.open(agent, exchange);
    if (permit.obligations.protocol === "tls" && !(await passed(agent, exchange, permit))) link.socket.destroy();
    else await rooms.upstream.relay(agent, link, exchange, permit);
  }

  /** The ClientHello is what the rule asks for; otherwise the exchange is settled and the agent told. */
  async function passed(agent: AgentSocket, exchange: Exchange, permit: NamePermit): Promise<boolean> {
    exchange.onCut(() => agent.abort());
    const hello = await passTlsDoor(agent, permit, rooms.limits.headTimeout);
    if (hello.ok) return true;
    const reason = exchange.cutReason ?? hello.problem.reason;
    if (reason === undefined) {
      exchange.aborted(undefined);
      agent.finish();
    } else alertRefusal(agent, exchange, refusalOf(permit, reason, hello.problem.detail).problem);
    return false;
  }
}
