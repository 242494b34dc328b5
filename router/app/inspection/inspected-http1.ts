import type { Reason } from "../../core/base/reason.ts";
import { type HttpForwardRequest, secureRequest } from "../../core/wire/forward-request.ts";
import { AgentSocket } from "../../edge/listeners/agent-socket.ts";
import { type HeadProblem, serveRequests } from "../../edge/listeners/request-loop.ts";
import { answerRefusal } from "../answer.ts";
import { Exchange } from "../exchange.ts";
import { PlainHttp, type SecureWay } from "../plain-http.ts";
import { FirstConnection } from "./first-connection.ts";
import { injectedFields } from "./injected-fields.ts";
import type { Inspected, InspectionRooms } from "./inspected.ts";

const FIELD_COUNT = 100;

/** Serves HTTP/1.1 inside inspected TLS: each request is an exchange of its own. Resolves when the connection has ended. */
export async function serveInspectedHttp1(rooms: InspectionRooms, inspected: Inspected): Promise<void> {
  const { agent: socket, authority, exchange: tunnel } = inspected;
  const agent = new AgentSocket(socket);
  const first = new FirstConnection(inspected);
  const way: SecureWay = {
    within: tunnel,
    dial: async (permit, signal) =>
      first.take(permit) ?? (await rooms.upstream.dialSecure(permit, signal, ["http/1.1"])),
    inject: (permit) => injectedFields(rooms.secrets, permit),
  };
  using plain = new PlainHttp(rooms, agent, "inspection", way);
  tunnel.onCut((reason: Reason) => {
    plain.cut(reason);
    agent.abort();
  });
  const ended = new Promise<void>((resolve) => {
    socket.once("close", () => resolve());
    if (socket.destroyed) resolve();
  });
  rooms.connections.add(plain);
  try {
    await serveRequests<HttpForwardRequest>(agent, {
      limits: {
        lineBytes: Math.floor(rooms.limits.headBytes / 2),
        fieldCount: FIELD_COUNT,
        headBytes: rooms.limits.headBytes,
      },
      headMillis: rooms.limits.headTimeout,
      idleMillis: rooms.limits.idle,
      interpret: (head) => secureRequest(head, authority),
      refuse: (problem) => refuseUnread(rooms, inspected, agent, problem),
      serve: (request) => plain.serve(request),
    });
    // The last answer may still be on its way.
    await ended;
  } finally {
    rooms.connections.remove(plain);
    first.close();
  }
}

function refuseUnread(
  rooms: InspectionRooms,
  { authority }: Inspected,
  agent: AgentSocket,
  problem: HeadProblem,
): void {
  const request = { via: "tunnel", host: authority.host, port: authority.port } as const;
  const exchange = new Exchange(rooms.nextRequestId(), "request", request, rooms.clock, rooms.settle, "inspection");
  const policy = rooms.admission.policy().identity;
  answerRefusal(agent, exchange, { ...problem, policy, rule: undefined });
}
