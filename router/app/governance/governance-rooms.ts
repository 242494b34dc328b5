import type { AuditEvent } from "../../core/audit/audit-event.ts";
import type { Clock } from "../../core/base/clock.ts";
import type { Reason } from "../../core/base/reason.ts";
import type { Result } from "../../core/base/result.ts";
import type { RouterConfig } from "../../core/config/router-config.ts";
import type { Action } from "../../core/governance/action.ts";
import type { JsonObject } from "../../core/peer/agent-card.ts";
import type { Mcp } from "../mcp/open-mcp.ts";
import type { AccessRequests } from "./access-requests.ts";
import type { Budget } from "./budget.ts";
import type { Governed, Governor } from "./governor.ts";
import type { OpenActions } from "./open-actions.ts";

/** Everything that the governance part of the agent API needs, each by the smallest function. */
export interface GovernanceApiRooms {
  readonly clock: Clock;
  readonly limits: RouterConfig["limits"];
  readonly governor: Governor;
  /** What would be said of an action that passes the router: see `previewPassing`. */
  preview(action: Action): Governed;
  readonly open: OpenActions;
  readonly mcp: Pick<Mcp, "serve">;
  readonly access: AccessRequests;
  /** This agent's own AgentCard, signed; undefined: it has none. */
  card(): JsonObject | undefined;
  nextRequestId(): string;
  draining(): boolean;
  auditWritable(): boolean;
  /** Access can be asked for now. */
  asking(): boolean;
  /** Whether the action is judged where it passes the router. */
  enforces(action: Action): boolean;
  /** Resolves when the record is durable as the audit mode demands. */
  record(event: AuditEvent): Promise<Result<void, "audit_unavailable">>;
  /** Records that requests wait for, all together: what more would wait is refused, so that others' find room in the log. */
  readonly records: Budget;
  /** A request that held no action to judge. Resolves as `record` does; whatever it says, the request is refused. */
  refusedUnread(request: string, reason: Reason): Promise<unknown>;
  /** SHA-256 in hex. */
  readonly digest: (text: string) => string;
}
