import type { HttpForwardRequest } from "../../core/wire/forward-request.ts";
import type { JsonObject } from "../../core/peer/agent-card.ts";
import type { AgentSocket } from "../../edge/listeners/agent-socket.ts";
import { writeJson } from "../governance/governance-answer.ts";

/** `GET /.well-known/agent-card.json` (A2A 1.0 section 8.2). */
export function serveCard(
  agent: AgentSocket,
  request: HttpForwardRequest,
  id: string,
  card: JsonObject,
): "again" | "done" {
  const keepAlive = request.keepAlive && request.framing.kind === "none";
  writeJson(agent, id, 200, card, keepAlive);
  return keepAlive ? "again" : "done";
}
