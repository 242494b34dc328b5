import type { AuditEvent } from "../../core/audit/audit-event.ts";
import type { Clock } from "../../core/base/clock.ts";
import type { EpochMillis } from "../../core/base/quantity.ts";
import type { Result } from "../../core/base/result.ts";
import type { RouterConfig } from "../../core/config/router-config.ts";
import type { GovernanceSnapshot } from "../../core/governance/compile-governance-policy.ts";
import type { OpenRequests } from "../../core/mcp/open-requests.ts";
import type { Governor } from "../governance/governor.ts";
import type { HeldBodies } from "../inference/held-bodies.ts";
import type { LiveExchange } from "./live-exchange.ts";
import type { OpenCall, ServerAsked } from "./open-call.ts";
import type { ServerRoutes } from "./server-routes.ts";
import type { Sessions } from "./sessions.ts";

/** Everything that an exchange with an MCP server needs, each by the smallest function. */
export interface McpRooms {
  readonly clock: Clock;
  readonly limits: RouterConfig["limits"];
  nextRequestId(): string;
  policy(): GovernanceSnapshot;
  /** The wall clock, except that it never steps back. */
  time(): EpochMillis;
  draining(): boolean;
  auditWritable(): boolean;
  /** Everything is denied, whatever the rules say. */
  quarantined(): boolean;
  /** Access can be asked for now. */
  asking(): boolean;
  readonly governor: Pick<Governor, "judge" | "preview" | "standing">;
  /** Resolves when the record is durable as the audit mode demands. */
  record(event: AuditEvent): Promise<Result<void, "audit_unavailable">>;
  recordSoon(event: AuditEvent): void;
  /** SHA-256 in hex. */
  digest(text: string): string;
  readonly routes: ServerRoutes;
  readonly sessions: Sessions;
  /** Requests whose stream ended before their answer came. */
  readonly parked: OpenRequests<OpenCall>;
  /** Requests of servers that the agent was given. */
  readonly askedByServers: OpenRequests<ServerAsked>;
  /** What all messages together may hold. */
  readonly bodies: HeldBodies;
  readonly live: Set<LiveExchange>;
}
