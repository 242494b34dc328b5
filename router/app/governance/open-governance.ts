import { createHash } from "node:crypto";
import type { AuditEvent } from "../../core/audit/audit-event.ts";
import { ownEvent } from "../../core/audit/own-event.ts";
import type { Clock } from "../../core/base/clock.ts";
import type { RouterConfig } from "../../core/config/router-config.ts";
import type { Action } from "../../core/governance/action.ts";
import type { GovernanceSnapshot } from "../../core/governance/compile-governance-policy.ts";
import { RateLimiter } from "../../core/limiter/rate-limiter.ts";
import type { Condition } from "../../edge/admin/admin-routes.ts";
import type { AuditLog } from "../../edge/audit/audit-log.ts";
import type { Log } from "../../edge/log/log.ts";
import type { GovernanceDecision } from "../../edge/metrics/governance-families.ts";
import type { Instruments } from "../../edge/metrics/instruments.ts";
import type { PolicyTime } from "../policy-time.ts";
import { BehaviorWatch } from "./behavior-watch.ts";
import { EgressGovernance } from "./egress-governance.ts";
import { createGovernanceApi, type GovernanceApi } from "./governance-api.ts";
import { type Governed, Governor, type Grants, NO_GRANTS } from "./governor.ts";
import { OpenActions } from "./open-actions.ts";
import { PodLabelsFile } from "./pod-labels-file.ts";

export interface GovernanceOptions {
  readonly config: RouterConfig;
  readonly clock: Clock;
  readonly log: Log;
  readonly time: PolicyTime;
  readonly instruments: Instruments;
  readonly audit: AuditLog;
  readonly nextRequestId: () => string;
  readonly policy: () => GovernanceSnapshot;
  /** No policy is there, and none need be. */
  readonly absent: () => boolean;
  readonly draining: () => boolean;
  /** A verdict may have changed: what is live is judged again. */
  readonly judgeAgain: () => void;
}

/** What the agent may do: the judge of all actions, and the part of the agent API that asks it. */
export interface Governance {
  readonly governor: Governor;
  readonly egress: EgressGovernance;
  readonly api: GovernanceApi;
  /** Another policy is in force. */
  swapped(snapshot: GovernanceSnapshot): void;
  /** What is remembered from before: after the first policy was judged. */
  begin(): Promise<void>;
  conditions(): readonly Condition[];
  status(): Readonly<Record<string, unknown>>;
  close(): Promise<void>;
}

export function openGovernance(options: GovernanceOptions): Governance {
  const { config, clock, log, time, instruments, audit } = options;
  const limiter = new RateLimiter();
  let state = 0;
  const changed = (): void => {
    state += 1;
    options.judgeAgain();
  };
  const labels = new PodLabelsFile(config.governance.labelsFile, log, changed);
  const recordSoon = (event: AuditEvent): void => audit.appendSoon(event);
  const behavior = new BehaviorWatch({
    clock,
    log,
    directory: config.state.directory,
    recordSoon,
    alerted: (kind) => instruments.alerted(kind),
    changed,
  });
  const grants: Grants = NO_GRANTS;
  const governor = new Governor({
    clock,
    time: () => time.now(),
    policy: options.policy,
    absent: options.absent,
    labels: () => labels.labels,
    scoreOf: () => undefined,
    limiter,
    monitor: behavior.monitor,
    grants,
    observe: (observation) => behavior.observe(observation),
    judged: (action, governed) => instruments.judged(action.kind, decisionOf(governed)),
  });
  const asking = (): boolean => {
    const policy = options.policy();
    return policy.state === "loaded" && policy.requests.pending > 0;
  };
  const api = createGovernanceApi({
    clock,
    limits: config.limits,
    governor,
    open: new OpenActions(() => clock.monotonic()),
    nextRequestId: options.nextRequestId,
    draining: options.draining,
    auditWritable: () => !audit.health().refusing,
    asking,
    enforces: (action) => isEnforced(options.policy(), action),
    record: (event) => audit.append(event),
    recordSoon,
    refusedUnread: (request, reason) =>
      recordSoon({
        ...ownEvent(clock.now(), "governance.decision", "evaluate", "?", {}),
        decision: "deny",
        reason,
        request,
        policy: options.policy().identity ?? null,
      }),
    ended: (id, result, bytes) =>
      recordSoon({ ...ownEvent(clock.now(), "governance.end", result, "?", { bytes }), request: id }),
    digest: (text) => createHash("sha256").update(text).digest("hex"),
  });

  return {
    governor,
    egress: new EgressGovernance({ governor, grants, policy: options.policy, state: () => state, asking }),
    api,
    swapped(snapshot) {
      if (snapshot.state === "loaded") {
        const ruled = snapshot.rules.flatMap(({ applied }) => (applied === undefined ? [] : [applied]));
        limiter.apply([...snapshot.limits, ...ruled], clock.monotonic());
      }
      behavior.apply(snapshot);
      changed();
    },
    async begin() {
      await labels.watch();
      await behavior.restore(options.policy());
    },
    conditions() {
      const quarantine = behavior.quarantine();
      if (quarantine === undefined) return [];
      const since = new Date(quarantine.since).toISOString();
      const reason = `everything is denied since ${since} (${quarantine.detector}): lift it with liftBefore in the policy`;
      return [{ name: "behavior", state: "degraded", reason }];
    },
    status() {
      const quarantine = behavior.quarantine();
      return quarantine === undefined ? {} : { quarantine };
    },
    async close() {
      labels.close();
      await behavior.close();
    },
  };
}

function decisionOf(governed: Governed): GovernanceDecision {
  if (governed.kind === "allowed") return governed.observed === undefined ? "allow" : "observe";
  if (governed.reason === "rate_limited") return "rate_limit";
  return governed.reason === "approval_required" ? "require_approval" : "deny";
}

/** What passes the router is judged there. */
function isEnforced(policy: GovernanceSnapshot, action: Action): boolean {
  switch (action.kind) {
    case "egress":
    case "inference":
      return true;
    case "tool":
      return (
        action.server === "function" ||
        (policy.state === "loaded" && action.server !== undefined && policy.mcpServer(action.server) !== undefined)
      );
    case "exec":
    case "spawn":
    case "mesh.send":
    case "admin":
      return false;
    default:
      return action satisfies never;
  }
}
