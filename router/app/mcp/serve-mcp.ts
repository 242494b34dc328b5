import { MOST_MESSAGE, type RpcId } from "../../core/mcp/rpc-message.ts";
import type { HttpForwardRequest } from "../../core/wire/forward-request.ts";
import type { AgentSocket } from "../../edge/listeners/agent-socket.ts";
import { HttpAnswer } from "../../edge/listeners/http-answer.ts";
import { RequestBody } from "../../edge/listeners/request-body.ts";
import type { ModelRequest } from "../../edge/upstream/model-call.ts";
import { askedMessage } from "./asked-message.ts";
import { askingOf, obstacle } from "./asking.ts";
import { type AgentMessage, readAgentMessage } from "./agent-message.ts";
import { McpExchange, type McpExchangeOptions } from "./mcp-exchange.ts";
import { type McpRefusal, refusalOf, writeMcpRefusal } from "./mcp-refusal.ts";
import type { McpRooms } from "./mcp-rooms.ts";
import { dropCall, type OpenCall } from "./open-call.ts";
import { refuseServer } from "./refuse-server.ts";
import { callLost, judgeCall, passageRecord, sentRecord, serverDenied } from "./tool-judge.ts";

type Next = "again" | "done";

/** What of a message is to be sent, and what for. */
interface Passage {
  readonly kind: McpExchangeOptions["kind"];
  readonly method: ModelRequest["method"];
  /** What the server is asked, as a tool's name. */
  readonly asked: string;
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
    const asked = kind === "listen" ? "(stream)" : "(end of session)";
    return pass({ kind, method: route.method, asked, call: undefined, message: undefined });
  }
  if (request.expectContinue) agent.write("HTTP/1.1 100 Continue\r\n\r\n");
  const read = await readAgentMessage(request, body, rooms.bodies);
  if (!read.ok) return refuse(read.problem.refusal, read.problem.id);
  using given = read.value;
  const { server } = asking;
  const understood = askedMessage(server, request, given.octets);
  if (!understood.ok) return refuse(understood.problem.refusal, understood.problem.id);
  const message = understood.value;
  const common = { method: "POST", message: given } as const;
  switch (message.kind) {
    case "response": {
      // Each request of a server's that the agent was given is answered once, and no other.
      const asked =
        message.id === undefined
          ? undefined
          : rooms.askedByServers.take(asking.session, message.id, rooms.clock.monotonic());
      if (asked === undefined) return refuse({ reason: "malformed_request", sentence: NOT_ASKED });
      return await pass({ ...common, kind: "message", asked: "(answer)", call: undefined });
    }
    case "notification":
      return await pass({ ...common, kind: "message", asked: message.method, call: undefined });
    case "request": {
      const most = Math.min(MOST_MESSAGE, server.resultBytes);
      const { length } = given.octets;
      const sent = length + fieldOctets(asking.fields);
      const call = { server, request: { id: message.id, method: message.method }, most, sent, held: length };
      const { action } = message;
      if (action === undefined) {
        return await pass({ ...common, kind: "request", asked: message.method, call: { ...call, allowed: undefined } });
      }
      const judged = await judgeCall(rooms, action, id);
      if (judged.kind === "denied") {
        const { data, ...refusal } = refusalOf(judged, rooms.asking());
        return say(refusal, message.id, data);
      }
      const { resultBytes } = judged.leave.obligations;
      const open = { ...call, allowed: judged, most: Math.min(most, resultBytes ?? most) };
      return await pass({ ...common, kind: "request", asked: message.method, call: open });
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
      if (call !== undefined) dropCall(call);
      return say(refusal, rpc);
    };
    const { policy, server: to } = asking;
    const target = `${to.id}/${passage.asked}`;
    if (call?.allowed === undefined) {
      const denied = serverDenied(rooms, to, passage.asked);
      if (denied !== undefined) return refuse({ ...denied, ...(call === undefined ? {} : { status: 200 }) }, rpc);
      const recorded = await rooms.record(passageRecord(rooms, id, target, policy.identity, null));
      if (!recorded.ok) return refuse({ reason: "audit_unavailable" }, rpc);
    }
    const way = rooms.routes.of(policy, to);
    const credential = await way.credential();
    if (!credential.ok) return unsent({ reason: "upstream_unreachable", status: 503, sentence: NO_CREDENTIAL });
    // While it waited for disks the policy may have been replaced: nothing is sent by one that is not in force.
    const late = obstacle(rooms, policy) ?? (agent.closed ? LEFT : undefined);
    if (late !== undefined) return unsent(late);
    // So may an approval have been revoked.
    const lost = call?.allowed && callLost(rooms, call.allowed);
    if (lost !== undefined) return unsent({ reason: lost, status: 200 });
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
      method: passage.asked,
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
      body: sent === undefined ? [] : [sent.octets],
      length: sent?.octets.length ?? 0,
    });
    if (call?.allowed === undefined) {
      rooms.recordSoon(sentRecord(rooms, id, target, (sent?.octets.length ?? 0) + fieldOctets(asking.fields)));
    }
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
const NO_CREDENTIAL = "The server's credential is not at hand.";
const LEFT: McpRefusal = { reason: "draining" };

/** Name and value by turns; they are ASCII. */
function fieldOctets(fields: readonly string[]): number {
  return fields.reduce((sum, { length }) => sum + length, 0);
}
