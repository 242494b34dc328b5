import type { Clock } from "../../core/base/clock.ts";
import type { EpochMillis } from "../../core/base/quantity.ts";
import type { Result } from "../../core/base/result.ts";
import type { Roster } from "../../core/base/roster.ts";
import type { AuditEvent } from "../../core/audit/audit-event.ts";
import type { RouterConfig } from "../../core/config/router-config.ts";
import type { CircuitBreakers } from "../../core/inference/circuit-breaker.ts";
import type { RetryBudget } from "../../core/inference/failover.ts";
import type { CompiledInferencePolicy, MissingInferencePolicy } from "../../core/models/compile-inference-policy.ts";
import type { Credentials } from "../credentials/credentials.ts";
import type { Fetch } from "../fetch/create-fetch.ts";
import type { GovernanceApi } from "../governance/governance-api.ts";
import type { Governor } from "../governance/governor.ts";
import type { Guardrails } from "../guardrails/guardrails.ts";
import type { Tracing } from "../../edge/tracing/tracing.ts";
import type { BudgetRooms } from "./budget-rooms.ts";
import type { Call, SettleCall } from "./call.ts";
import type { HeldBodies } from "./held-bodies.ts";
import type { ProviderRoutes } from "./provider-routes.ts";

/** Everything that an inference call needs, each by the smallest function. */
export interface InferenceRooms {
  readonly clock: Clock;
  readonly limits: RouterConfig["limits"];
  readonly config: RouterConfig["inference"];
  nextRequestId(): string;
  policy(): CompiledInferencePolicy | MissingInferencePolicy;
  /** The wall clock, except that it never steps back. */
  time(): EpochMillis;
  draining(): boolean;
  auditWritable(): boolean;
  /** Resolves when the record is durable as the audit mode demands. */
  record(event: AuditEvent): Promise<Result<void, "audit_unavailable">>;
  recordSoon(event: AuditEvent): void;
  readonly settle: SettleCall;
  readonly calls: Roster<Call>;
  readonly bodies: HeldBodies;
  readonly budgets: BudgetRooms;
  readonly guardrails: Guardrails;
  readonly routes: ProviderRoutes;
  readonly breakers: CircuitBreakers;
  readonly retries: RetryBudget;
  readonly credentials: Credentials;
  /** A number from 0 to less than 1. */
  random(): number;
  readonly tracing: Tracing;
  readonly governor: Governor;
  readonly governance: GovernanceApi;
  readonly fetch: Fetch | undefined;
  /** For `GET /budget`. */
  budgetReport(): unknown;
}
