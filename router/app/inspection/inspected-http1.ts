import type { TLSSocket } from "node:tls";
import type { Reason } from "../../core/base/reason.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";
import type { DialPermit } from "../../core/policy/permit.ts";
import { type HttpForwardRequest, secureRequest } from "../../core/wire/forward-request.ts";
import { AgentSocket } from "../../edge/listeners/agent-socket.ts";
import { type HeadProblem, serveRequests } from "../../edge/listeners/request-loop.ts";
import type { SecureLink } from "../../edge/upstream/secure-dial.ts";
import { answerRefusal } from "../answer.ts";
import { Exchange } from "../exchange.ts";
import { PlainHttp, type SecureWay, type WayProblem } from "../plain-http.ts";
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
  using plain = new PlainHttp(rooms, agent, way);
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
  const exchange = new Exchange(rooms.nextRequestId(), "request", request, rooms.clock, rooms.settle);
  const policy = rooms.admission.policy().identity;
  answerRefusal(agent, exchange, { ...problem, policy, rule: undefined });
}

/**
 * The connection that was made before the first request, or why there is none; either serves once. An origin that speaks
 * before it is asked, or leaves while it waits, has made it useless.
 */
class FirstConnection {
  #first: Result<SecureLink, WayProblem> | undefined;
  readonly #proxy: string | undefined;
  readonly #digest: string;

  constructor({ origin, permit }: Inspected) {
    this.#first = origin;
    this.#proxy = permit.proxy;
    this.#digest = permit.policy.digest;
    if (!origin.ok) return;
    origin.value.socket.on("data", this.#spoke);
    origin.value.socket.on("end", this.#spoke);
    origin.value.socket.resume();
  }

  /** Undefined: it is used up, or of no use to this permit. */
  take({ addresses, name }: DialPermit): Result<SecureLink, WayProblem> | undefined {
    const first = this.#first;
    this.#first = undefined;
    if (first?.ok !== true) return first === undefined ? undefined : fail(first.problem);
    const { address, socket } = first.value;
    socket.off("data", this.#spoke);
    socket.off("end", this.#spoke);
    socket.pause();
    const fits = address === undefined ? addresses.length === 0 : addresses.includes(address);
    if (fits && name.proxy === this.#proxy && name.policy.digest === this.#digest && usable(socket))
      return ok(first.value);
    socket.destroy();
    return undefined;
  }

  close(): void {
    if (this.#first?.ok === true) this.#first.value.socket.destroy();
    this.#first = undefined;
  }

  readonly #spoke = (): void => {
    if (this.#first?.ok === true) this.#first.value.socket.destroy();
  };
}

function usable(socket: TLSSocket): boolean {
  return !socket.destroyed && socket.writable && !socket.readableEnded;
}
