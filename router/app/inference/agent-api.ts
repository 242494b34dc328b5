import { assertNever } from "../../core/base/assert-never.ts";
import type { Reason } from "../../core/base/reason.ts";
import type { Family } from "../../core/inference/api.ts";
import { agentRoute, type AgentRoute } from "../../core/inference/agent-route.ts";
import type { NativeRefusal } from "../../core/inference/native-refusal.ts";
import type { CallStart } from "../../core/outcome/inference-outcome.ts";
import { isCalledHere } from "../../core/mcp/local-caller.ts";
import { fieldValues } from "../../core/wire/fields.ts";
import { type HttpForwardRequest, localRequest } from "../../core/wire/forward-request.ts";
import type { HeadLimits } from "../../core/wire/message-head.ts";
import type { AgentSocket } from "../../edge/listeners/agent-socket.ts";
import { type HeadProblem, serveRequests } from "../../edge/listeners/request-loop.ts";
import { Call } from "./call.ts";
import type { InferenceRooms } from "./inference-rooms.ts";
import { serveCall } from "./inference-corridor.ts";
import { json, writeLocal, writeRefusal } from "./local-answer.ts";
import { modelEntry, modelList } from "./model-list.ts";
import { serveRealtime } from "./realtime.ts";

type Next = "again" | "done";

const FIELD_COUNT = 100;

export interface AgentApi {
  /** Serves one accepted connection to its end. */
  serve(agent: AgentSocket): Promise<void>;
  /** Answers a connection that is over the cap. */
  turnAway(agent: AgentSocket): void;
}

/** The agent API: reads requests off a connection, and gives each to what it is for. */
export function createAgentApi(rooms: InferenceRooms): AgentApi {
  const heads: HeadLimits = {
    lineBytes: Math.floor(rooms.limits.headBytes / 2),
    fieldCount: FIELD_COUNT,
    headBytes: rooms.limits.headBytes,
  };
  const timing = { limits: heads, headMillis: rooms.limits.headTimeout, idleMillis: rooms.limits.idle };

  function begin(family: Family, request?: HttpForwardRequest, route?: AgentRoute): Call {
    const start: CallStart = {
      request: rooms.nextRequestId(),
      api: route?.kind === "call" ? route.api : undefined,
      family,
      at: rooms.clock.now(),
      trace: request?.trace,
    };
    const span = request === undefined ? undefined : rooms.tracing.begin(request, start.at);
    const call = new Call(start, rooms.clock, rooms.settle, span);
    call.policy = rooms.policy().identity;
    return call;
  }

  function refuse(
    agent: AgentSocket,
    call: Call,
    reason: Reason,
    more: Partial<NativeRefusal>,
    keepAlive: boolean,
  ): Next {
    call.refused(reason, more.rule, more.detail);
    writeRefusal(agent, call.start.family, { ...more, reason, request: call.start.request }, keepAlive);
    return keepAlive ? "again" : "done";
  }

  function refuseUnread(agent: AgentSocket, { reason, detail, status }: HeadProblem): void {
    refuse(agent, begin("openai"), reason, { detail, ...(status === undefined ? {} : { status }) }, false);
  }

  function serveRequest(agent: AgentSocket, request: HttpForwardRequest): Next | Promise<Next> {
    // An MCP client is told the same in MCP's words.
    const isMcp = request.path.startsWith("/mcp/");
    if (!isMcp && !isCalledHere(request.authority.host, fieldValues(request, "origin"))) {
      const detail = "Only callers of this pod's own are served: neither Host nor Origin names another place.";
      return refuse(agent, begin("openai", request), "malformed_request", { status: 403, detail }, false);
    }
    if (request.upgrade === undefined) {
      const served = rooms.fetch?.serve(agent, request) ?? rooms.governance.serve(agent, request);
      if (served !== undefined) return served;
    }
    const anthropic = request.fields.some(({ name }) => name === "anthropic-version");
    const routed = agentRoute({ method: request.method, path: request.path, query: request.query, anthropic });
    if (!routed.ok) {
      const { family, sentence } = routed.problem;
      return refuse(agent, begin(family, request), "malformed_request", { detail: sentence }, false);
    }
    const route = routed.value;
    if (route.kind !== "realtime" && request.upgrade !== undefined) {
      const detail = "Only the Realtime API is spoken over a WebSocket.";
      return refuse(agent, begin(route.family, request), "malformed_request", { detail }, false);
    }
    switch (route.kind) {
      case "call":
        return serveCall(rooms, agent, request, route, begin(route.family, request, route));
      case "realtime":
        return serveRealtime(rooms, agent, request, route, begin(route.family, request, route));
      case "models":
        return models(agent, request, route);
      case "budget":
        return local(agent, request, () => json(rooms.budgetReport()));
      case "unknown": {
        const detail = route.known
          ? "What this path uses could not be metered, so it is not passed on."
          : "See the documentation for the paths that are.";
        const keepAlive = request.keepAlive && request.framing.kind === "none";
        return refuse(agent, begin(route.family, request), "path_not_allowed", { status: 404, detail }, keepAlive);
      }
      default:
        return assertNever(route);
    }
  }

  function models(
    agent: AgentSocket,
    request: HttpForwardRequest,
    { family, model: name }: Extract<AgentRoute, { kind: "models" }>,
  ): Next {
    const policy = rooms.policy();
    if (policy.state === "missing") return refuse(agent, begin(family, request), "policy_missing", {}, false);
    if (!(rooms.time() < policy.deniesFrom)) return refuse(agent, begin(family, request), "policy_expired", {}, false);
    if (name === undefined) return local(agent, request, () => json(modelList(family, policy)));
    const model = policy.model(name);
    if (model === undefined) {
      return refuse(agent, begin(family, request), "model_not_allowed", { status: 404, param: "model" }, false);
    }
    return local(agent, request, () => json(modelEntry(family, model.name, policy)));
  }

  /** What the router answers by itself costs nothing and reaches nobody. */
  function local(agent: AgentSocket, request: HttpForwardRequest, answer: () => ReturnType<typeof json>): Next {
    const keepAlive = request.keepAlive && request.framing.kind === "none";
    writeLocal(agent, rooms.nextRequestId(), answer(), keepAlive);
    return keepAlive ? "again" : "done";
  }

  return {
    serve: (agent) =>
      serveRequests<HttpForwardRequest>(agent, {
        ...timing,
        interpret: localRequest,
        refuse: (problem) => refuseUnread(agent, problem),
        serve: (request) => serveRequest(agent, request),
      }),
    turnAway: (agent) =>
      refuseUnread(agent, { reason: "connection_limit", detail: "The agent has too many connections open." }),
  };
}
