import { OpenRequests } from "../../core/mcp/open-requests.ts";
import type { Reason } from "../../core/base/reason.ts";
import type { HttpForwardRequest } from "../../core/wire/forward-request.ts";
import type { AgentSocket } from "../../edge/listeners/agent-socket.ts";
import { HeldBodies } from "../inference/held-bodies.ts";
import type { LiveExchange } from "./live-exchange.ts";
import type { McpRooms } from "./mcp-rooms.ts";
import { closeCall, type OpenCall, type ServerAsked } from "./open-call.ts";
import { serveMcp } from "./serve-mcp.ts";
import { type ServerRouteRooms, ServerRoutes } from "./server-routes.ts";
import { Sessions } from "./sessions.ts";
import { callLost, serverDenied } from "./tool-judge.ts";

export type McpOptions = Omit<McpRooms, "routes" | "sessions" | "parked" | "askedByServers" | "bodies" | "live"> & {
  readonly connections: ServerRouteRooms;
};

/** The MCP servers of the governance policy, as the agent reaches them. */
export interface Mcp {
  /** Serves one request to `/mcp/<server>`. */
  serve(
    agent: AgentSocket,
    request: HttpForwardRequest,
    route: { readonly server: string; readonly method: "GET" | "POST" | "DELETE" },
  ): Promise<"again" | "done">;
  /** Exchanges that have not ended. */
  readonly live: number;
  /** What may be reached or done has changed: what could not be begun now is cut. */
  judgeAgain(): void;
  cut(reason: Reason): void;
  close(): void;
}

/** Octets of messages that all exchanges hold together. */
const MOST_HELD = 128 * 1024 * 1024;
/** Requests whose answer may come on another stream, of both sides, and how long it may take. */
const MOST_OPEN = 1_024;
const OPEN_MILLIS = 10 * 60_000;
/** So much later an answer that never comes gives its place in limits back. */
const EXPIRE_MILLIS = 5_000;

export function openMcp(options: McpOptions): Mcp {
  const routes = new ServerRoutes(options.connections);
  const live = new Set<LiveExchange>();
  const bodies = new HeldBodies(MOST_HELD);
  const rooms: McpRooms = {
    ...options,
    routes,
    live,
    sessions: new Sessions(),
    parked: new OpenRequests<OpenCall>(MOST_OPEN, OPEN_MILLIS, (call) => {
      bodies.release(call.held);
      closeCall(call, "failed");
    }),
    askedByServers: new OpenRequests<ServerAsked>(MOST_OPEN, OPEN_MILLIS, () => undefined),
    bodies,
  };
  const expiring = setInterval(() => {
    const now = rooms.clock.monotonic();
    rooms.parked.expire(now);
    rooms.askedByServers.expire(now);
  }, EXPIRE_MILLIS).unref();

  /** Why an exchange could not be begun now. */
  function lost({ server, address, call, method }: LiveExchange): Reason | undefined {
    const policy = rooms.policy();
    if (policy.state === "missing") return "policy_missing";
    if (rooms.quarantined()) return "governance_denied";
    const now = policy.mcpServer(server.id);
    if (now === undefined || JSON.stringify(now) !== JSON.stringify(server)) return "governance_denied";
    if (!(rooms.time() < policy.deniesFrom)) return "policy_expired";
    if (address !== undefined && !routes.admits(policy, now, address)) return "address_not_allowed";
    const allowed = call?.allowed;
    return allowed === undefined ? serverDenied(rooms, now, method)?.reason : callLost(rooms, allowed);
  }

  return {
    serve: (agent, request, route) => serveMcp(rooms, agent, request, route),
    get live() {
      return live.size;
    },
    judgeAgain() {
      routes.reset();
      for (const exchange of live) {
        const reason = lost(exchange);
        if (reason !== undefined) exchange.cut(reason);
      }
    },
    cut(reason) {
      for (const exchange of live) exchange.cut(reason);
    },
    close() {
      clearInterval(expiring);
      routes.destroy();
    },
  };
}
