import type { AgentTlsProblem } from "../../edge/inspection/agent-tls.ts";
import type { SecureProblem } from "../../edge/upstream/secure-dial.ts";

export type AgentHandshake = "completed" | AgentTlsProblem["kind"];
export type OriginHandshake = "completed" | SecureProblem["reason"];

/** How the handshakes of inspected connections ended: `inspection_handshakes_total{side,result}`. */
export interface InspectionCounts {
  agent(result: AgentHandshake): void;
  origin(result: OriginHandshake): void;
}
