import type { AgentRoute } from "../../core/inference/agent-route.ts";
import type { HttpForwardRequest } from "../../core/wire/forward-request.ts";
import type { AgentSocket } from "../../edge/listeners/agent-socket.ts";
import type { Call } from "./call.ts";
import type { InferenceRooms } from "./inference-rooms.ts";
import { writeRefusal } from "./local-answer.ts";

type RealtimeRoute = Extract<AgentRoute, { kind: "realtime" }>;

export async function serveRealtime(
  _rooms: InferenceRooms,
  agent: AgentSocket,
  _request: HttpForwardRequest,
  _route: RealtimeRoute,
  call: Call,
): Promise<"again" | "done"> {
  call.refused("path_not_allowed", undefined, undefined);
  writeRefusal(agent, call.start.family, { reason: "path_not_allowed", request: call.start.request }, false);
  return "done";
}
