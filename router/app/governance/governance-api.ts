import { assertNever } from "../../core/base/assert-never.ts";
import { governanceRoute, type GovernanceRoute } from "../../core/governance/governance-route.ts";
import type { HttpForwardRequest } from "../../core/wire/forward-request.ts";
import type { AgentSocket } from "../../edge/listeners/agent-socket.ts";
import { serveCard } from "../peers/serve-card.ts";
import { serveEvaluate, serveReport } from "./evaluate.ts";
import { writeDenial } from "./governance-answer.ts";
import type { GovernanceApiRooms } from "./governance-rooms.ts";

type Next = "again" | "done";

export interface GovernanceApi {
  /** SHA-256 in hex. */
  readonly digest: (text: string) => string;
  /** Undefined: the path is none of governance. */
  serve(agent: AgentSocket, request: HttpForwardRequest): Promise<Next> | undefined;
}

export function createGovernanceApi(rooms: GovernanceApiRooms): GovernanceApi {
  function serveRoute(agent: AgentSocket, request: HttpForwardRequest, route: GovernanceRoute): Promise<Next> {
    switch (route.kind) {
      case "evaluate":
        return serveEvaluate(rooms, agent, request);
      case "report":
        return serveReport(rooms, agent, request);
      case "mcp":
        return rooms.mcp.serve(agent, request, route);
      case "method":
        return refuse(agent, request, 405, [["Allow", route.allow]]);
      case "ask":
        return rooms.access.ask(agent, request, route.scope);
      case "asked":
        return Promise.resolve(rooms.access.asked(agent, request));
      case "answer":
        return rooms.access.answer(agent, request, route.id);
      case "withdraw":
        return Promise.resolve(rooms.access.withdraw(agent, request, route.id));
      case "card": {
        const card = rooms.card();
        if (card === undefined) return refuse(agent, request, 404, []);
        return Promise.resolve(serveCard(agent, request, rooms.nextRequestId(), card));
      }
      default:
        return assertNever(route);
    }
  }

  async function refuse(
    agent: AgentSocket,
    request: HttpForwardRequest,
    status: number,
    fields: readonly (readonly [string, string])[],
  ): Promise<Next> {
    const keepAlive = request.keepAlive && request.framing.kind === "none";
    const reason = status === 405 ? "method_not_allowed" : "path_not_allowed";
    const id = rooms.nextRequestId();
    await rooms.refusedUnread(id, reason);
    const bodiless = request.method === "HEAD";
    writeDenial(agent, id, { reason, status, message: NOT_HERE, fields, bodiless }, keepAlive);
    return keepAlive ? "again" : "done";
  }

  return {
    digest: rooms.digest,
    serve(agent, request) {
      const route = governanceRoute(request.method, request.path);
      return route === undefined ? undefined : serveRoute(agent, request, route);
    },
  };
}

const NOT_HERE = "See the documentation for the paths that are.";
