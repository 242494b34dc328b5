import { agentCall, paramsProblem } from "../../core/mcp/agent-call.ts";
import { RPC_ERROR } from "../../core/mcp/rpc-error.ts";
import { MOST_MESSAGE, type RpcId } from "../../core/mcp/rpc-message.ts";
import type { HttpForwardRequest } from "../../core/wire/forward-request.ts";
import type { AgentSocket } from "../../edge/listeners/agent-socket.ts";
import { HttpAnswer } from "../../edge/listeners/http-answer.ts";
import { RequestBody } from "../../edge/listeners/request-body.ts";
import type { ModelRequest } from "../../edge/upstream/model-call.ts";
import { askingOf, isStateless, obstacle } from "./asking.ts";
import { type AgentMessage, readAgentMessage } from "./agent-message.ts";
import { McpExchange, type McpExchangeOptions } from "./mcp-exchange.ts";
import { type McpRefusal, refusalOf, writeMcpRefusal } from "./mcp-refusal.ts";
import type { McpRooms } from "./mcp-rooms.ts";
import { closeCall, type OpenCall } from "./open-call.ts";
import { refuseServer } from "./refuse-server.ts";
import { judgeCall, passageRecord } from "./tool-judge.ts";

type Next = "again" | "done";

/** Notifications of the agent's that go on. */
const NOTIFICATIONS: ReadonlySet<string> = new Set([
  "notifications/cancelled",
  "notifications/initialized",
  "notifications/progress",
  "notifications/roots/list_changed",
]);

/** What of a message is to be sent, and what for. */
interface Passage {
  readonly kind: McpExchangeOptions["kind"];
  readonly method: ModelRequest["method"];
  /** For the record: the server, and what it is asked. */
  readonly target: string;
  readonly call: OpenCall | undefined;
  readonly message: AgentMessage | undefined;
}

/**
 * One request to `/mcp/<server>`: streamable HTTP of the revisions 2025-03-26 to 2026-07-28, without batches. What is asked
 * is judged and on record before anything leaves, and each message of the answer is judged before it goes on.
 */
export async function serveMcp(
  rooms: McpRooms,
  agent: AgentSocket,
  request: HttpForwardRequest,
  route: { readonly server: string; readonly method: "GET" | "POST" | "DELETE" },
): Promise<Next> {
  const body = new RequestBody(agent, request.framing, rooms.limits.idle);
  const id = rooms.nextRequestId();
  const keeps = (): boolean => request.keepAlive && body.complete;
  const say = (refusal: McpRefusal, rpc: RpcId | undefined, more: unknown = {}): Next => {
    const keepAlive = keeps();
    writeMcpRefusal(agent, rpc, id, refusal, keepAlive, more);
    return keepAlive ? "again" : "done";
  };
  const refuse = (refusal: McpRefusal, rpc?: RpcId): Next => {
    rooms.recordSoon(passageRecord(rooms, id, route.server, rooms.policy().identity, refusal.reason));
    return say(refusal, rpc);
  };

  const asking = askingOf(rooms, request, route.server);
  if ("reason" in asking) return refuse(asking);
  if (route.method !== "POST") {
    if (request.framing.kind !== "none") return refuse({ reason: "malformed_request", sentence: "It has no content." });
    const kind = route.method === "GET" ? "listen" : "end";
    const target = `${route.server}/${kind === "listen" ? "(stream)" : "(end of session)"}`;
    return pass({ kind, method: route.method, target, call: undefined, message: undefined });
  }
  if (request.expectContinue) agent.write("HTTP/1.1 100 Continue\r\n\r\n");
  const read = await readAgentMessage(request, body, rooms.bodies);
  if (!read.ok) return refuse(read.problem.refusal, read.problem.id);
  using given = read.value;
  const { message } = given;
  const { server } = asking;
  const common = { method: "POST", message: given } as const;
  switch (message.kind) {
    case "response": {
      // Each request of a server's that the agent was given is answered once, and no other.
      const asked =
        message.id === undefined
          ? undefined
          : rooms.askedByServers.take(asking.session, message.id, rooms.clock.monotonic());
      if (asked === undefined) return refuse({ reason: "malformed_request", sentence: NOT_ASKED });
      asked.allowed?.leave.ended("succeeded", given.length, asked.allowed.id);
      return await pass({ ...common, kind: "message", target: `${server.id}/(answer)`, call: undefined });
    }
    case "notification": {
      const misread = paramsProblem(message.params);
      if (misread !== undefined) return refuse({ reason: "malformed_request", sentence: misread });
      if (!NOTIFICATIONS.has(message.method)) return refuse({ reason: "malformed_request", sentence: NO_NOTIFICATION });
      return await pass({ ...common, kind: "message", target: `${server.id}/${message.method}`, call: undefined });
    }
    case "request": {
      const asked = agentCall(message);
      if (!asked.ok) {
        const { code, sentence } = asked.problem;
        const status = code === RPC_ERROR.methodNotFound && isStateless(request) ? 404 : 200;
        return refuse({ reason: "malformed_request", code, sentence, status }, message.id);
      }
      const most = Math.min(MOST_MESSAGE, server.resultBytes);
      const call = { server, request: message, allowed: undefined, most };
      const target = `${server.id}/${message.method}`;
      if (asked.value.kind === "pass") return await pass({ ...common, kind: "request", target, call });
      const judged = await judgeCall(rooms, server, asked.value, id);
      if (judged.kind === "denied") {
        const { data, ...refusal } = refusalOf(judged, rooms.asking());
        return say(refusal, message.id, data);
      }
      const { resultBytes } = judged.leave.obligations;
      const open = { ...call, allowed: judged, most: Math.min(most, resultBytes ?? most) };
      return await pass({ ...common, kind: "request", target, call: open });
    }
    default:
      return message satisfies never;
  }

  async function pass(passage: Passage): Promise<Next> {
    if ("reason" in asking) throw new Error("what is refused does not pass");
    const { call, message: sent } = passage;
    const rpc = call?.request.id;
    // What was decided is on record: that nothing came of it is no second decision.
    const unsent = (refusal: McpRefusal): Next => {
      if (call !== undefined) closeCall(call, "failed", 0);
      return say(refusal, rpc);
    };
    const { policy, server: to } = asking;
    if (call?.allowed === undefined) {
      const recorded = await rooms.record(passageRecord(rooms, id, passage.target, policy.identity, null));
      if (!recorded.ok) return refuse({ reason: "audit_unavailable" }, rpc);
    }
    const way = rooms.routes.of(policy, to);
    const credential = await way.credential();
    if (!credential.ok) return unsent({ reason: "upstream_unreachable", status: 503, sentence: NO_CREDENTIAL });
    // While it waited for disks the policy may have been replaced: nothing is sent by one that is not in force.
    const late = obstacle(rooms, policy) ?? (agent.closed ? LEFT : undefined);
    if (late !== undefined) return unsent(late);
    const answer = new HttpAnswer(agent, id, request.version === "1.0", keeps());
    const exchange = new McpExchange({
      rooms,
      agent,
      answer,
      id,
      route: rooms.routes.of(policy, to),
      session: asking.session,
      sessionName: asking.sessionName,
      kind: passage.kind,
      call,
      rules: way.leakRules(),
      refuseServer: (text) => void refuseServer(way, asking.fields, text),
    });
    exchange.send({
      method: passage.method,
      path: to.endpoint.path,
      headers: [
        ...asking.fields,
        ...credential.value,
        ...(sent === undefined ? [] : ["content-type", "application/json"]),
      ],
      body: sent?.chunks ?? [],
      length: sent?.length ?? 0,
    });
    const end = await exchange.ended;
    switch (end.kind) {
      case "answered":
        return answer.keepsAlive ? "again" : "done";
      case "refused":
        return say(end.refusal, rpc);
      case "passed": {
        const { status, fields, body: text } = end;
        answer.head({ status, fields, length: text.length, hasBody: true });
        void answer.data(text);
        answer.finish(rooms.limits.idle);
        return answer.keepsAlive ? "again" : "done";
      }
      case "left":
        agent.abort();
        return "done";
      default:
        return end satisfies never;
    }
  }
}

const NOT_ASKED = "It answers no request that the agent was given.";
const NO_NOTIFICATION = "The notification is none that is passed on.";
const NO_CREDENTIAL = "The server's credential is not at hand.";
const LEFT: McpRefusal = { reason: "draining" };
