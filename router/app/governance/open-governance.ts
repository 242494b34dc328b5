import { setTimeout as delay } from "node:timers/promises";
import type { AuditEvent } from "../../core/audit/audit-event.ts";
import { ownEvent } from "../../core/audit/own-event.ts";
import type { Clock } from "../../core/base/clock.ts";
import { SAID } from "../../core/behavior/observed-event.ts";
import type { RouterConfig } from "../../core/config/router-config.ts";
import type { Action } from "../../core/governance/action.ts";
import type { GovernanceSnapshot } from "../../core/governance/compile-governance-policy.ts";
import { redactionsOf } from "../../core/governance/redactions-of.ts";
import type { Decision } from "../../core/policy/decision.ts";
import type { EgressRequest } from "../../core/policy/egress-request.ts";
import { RateLimiter } from "../../core/limiter/rate-limiter.ts";
import type { Condition } from "../../edge/admin/admin-routes.ts";
import type { AuditLog } from "../../edge/audit/audit-log.ts";
import type { Log } from "../../edge/log/log.ts";
import type { GovernanceDecision } from "../../edge/metrics/governance-families.ts";
import type { Instruments } from "../../edge/metrics/instruments.ts";
import type { InferencePolicySnapshot } from "../../core/models/compile-inference-policy.ts";
import type { NetworkFacts } from "../../core/policy/network.ts";
import type { PolicySnapshot } from "../../core/policy/snapshot.ts";
import type { NameResolver } from "../../edge/upstream/resolver.ts";
import { type Mcp, openMcp } from "../mcp/open-mcp.ts";
import { Peers } from "../peers/peers.ts";
import type { PolicyTime } from "../policy-time.ts";
import { AccessRequests } from "./access-requests.ts";
import { accessStanding, type AccessStandingRooms } from "./access-standing.ts";
import { BehaviorWatch } from "./behavior-watch.ts";
import { Budget } from "./budget.ts";
import { EgressGovernance } from "./egress-governance.ts";
import { createGovernanceApi, type GovernanceApi } from "./governance-api.ts";
import { type Governed, Governor, UNGOVERNED } from "./governor.ts";
import type { GrantStatus } from "./grant-book.ts";
import { openApprovals } from "./open-approvals.ts";
import { OpenActions } from "./open-actions.ts";
import { PodLabelsFile } from "./pod-labels-file.ts";
import { type PassingRooms, previewPassing } from "./preview-passing.ts";
import { sha256 } from "./sha256.ts";

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
  /** Of calls: which models there are. */
  readonly models: () => InferencePolicySnapshot;
  /** The egress policy's word on a request, without any approval. */
  readonly egressDecision: (request: EgressRequest) => Decision;
  readonly draining: () => boolean;
  /** For the MCP servers of the policy, and an API server that has a name. */
  readonly resolve: NameResolver["resolve"];
  readonly network: () => NetworkFacts;
  readonly egress: () => PolicySnapshot;
  /** A verdict may have changed: what is live is judged again. */
  readonly judgeAgain: () => void;
}

/** What the agent may do: the judge of all actions, and the part of the agent API that asks it. */
export interface Governance {
  readonly governor: Governor;
  readonly egress: EgressGovernance;
  readonly api: GovernanceApi;
  readonly mcp: Mcp;
  /** Approvals in force. */
  grants(): readonly GrantStatus[];
  /** What goes to the audit log, as it goes there. */
  seen(event: AuditEvent): void;
  /** Another policy is in force. */
  swapped(snapshot: GovernanceSnapshot): void;
  /** What is remembered from before: after the first policy was judged. */
  begin(): Promise<void>;
  conditions(): readonly Condition[];
  /** `near`: asked from within the pod; elsewhere nobody is shown what the agent asks for in words. */
  status(near: boolean): Readonly<Record<string, unknown>>;
  close(): Promise<void>;
}

export function openGovernance(options: GovernanceOptions): Governance {
  const { config, clock, log, time, instruments, audit } = options;
  const limiter = new RateLimiter();
  let state = 0;
  let hours: NodeJS.Timeout | undefined;
  let observing: NodeJS.Timeout | undefined;
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
  const peers = new Peers({
    config: config.governance,
    connections: {
      clock,
      egress: options.egress,
      time: () => time.now(),
      network: options.network,
      resolve: options.resolve,
      certificates: () => undefined,
    },
    log,
    directory: config.state.directory,
    policy: options.policy,
    recordSoon,
    changed,
  });
  const approvals = openApprovals({
    config,
    clock,
    log,
    time,
    policy: options.policy,
    recordSoon,
    changed,
    kubernetes: {
      resolve: options.resolve,
      random: Math.random,
      askable: (action) => askable(action),
      redact: (action) => redactOf(action),
      counted: (outcome) => instruments.requested(outcome),
    },
  });
  const { grants, requests } = approvals;
  const governor = new Governor({
    clock,
    time: () => time.now(),
    policy: options.policy,
    absent: options.absent,
    labels: () => labels.labels,
    scoreOf: (peer) => peers.scoreOf(peer),
    barred: (policy, action) => peers.barred(policy, action),
    limiter,
    monitor: behavior.monitor,
    grants,
    ended: (action, result, bytes, request) => {
      // Of what passes the router as an exchange or a call, the record is its own.
      if (action.kind === "egress" || action.kind === "inference") return;
      const said = action.isSaid === true ? { [SAID]: true } : {};
      const detail = { outcome: result === "succeeded" ? "completed" : "failed", bytesOut: bytes, ...said };
      const event = ownEvent(clock.now(), "governance.end", action.kind, action.target, detail);
      recordSoon({ ...event, request: request ?? null });
    },
    judged: (action, governed) => {
      instruments.judged(action.kind, decisionOf(governed));
      if (governed.kind === "refused" && governed.askable) approvals.denied(action);
    },
  });
  const asking = (): boolean => {
    const policy = options.policy();
    return policy.state === "loaded" && policy.requests.pending > 0;
  };
  const redactOf = (action: Action): readonly string[] => redactionsOf(options.policy(), action, governor.context());
  const standingRooms: AccessStandingRooms = {
    egress: options.egressDecision,
    granted: (action) => {
      const found = grants.find(action);
      return typeof found === "object" ? found.id : undefined;
    },
    preview: (action) => governor.preview(action),
  };
  /** Where no policy of this kind need be there and none is, an approval is all that egress needs. */
  const askable = (action: Action): Action | undefined => {
    const policy = options.policy();
    if (options.draining() || (policy.state === "loaded" && policy.requests.pending === 0)) return undefined;
    const isFree = action.kind === "egress" && !governor.governs();
    const rooms = isFree ? { ...standingRooms, preview: () => UNGOVERNED } : standingRooms;
    const standing = accessStanding(rooms, action);
    return standing.kind === "askable" ? standing.action : undefined;
  };
  const access = new AccessRequests({
    clock,
    limits: config.limits,
    grants,
    requests,
    nextRequestId: options.nextRequestId,
    draining: options.draining,
    auditWritable: () => !audit.health().refusing,
    caps: () => {
      const policy = options.policy();
      return policy.state === "loaded" && policy.requests.pending > 0 ? policy.requests : undefined;
    },
    recordSoon,
    asked: (request) => approvals.asked(request),
    ...standingRooms,
    redact: redactOf,
  });
  instruments.governance({
    approvals: () => grants.size,
    pending: () => requests.pending,
    quarantined: () => behavior.quarantine() !== undefined,
    kubernetesSynced: () => approvals.kubernetesSynced(),
    scores: () => peers.scores(),
  });
  const mcp = openMcp({
    clock,
    limits: config.limits,
    governor,
    nextRequestId: options.nextRequestId,
    policy: options.policy,
    time: () => time.now(),
    draining: options.draining,
    auditWritable: () => !audit.health().refusing,
    asking,
    quarantined: () => behavior.quarantine() !== undefined,
    record: (event) => audit.append(event),
    recordSoon,
    digest: sha256,
    connections: {
      clock,
      egress: options.egress,
      time: () => time.now(),
      network: options.network,
      resolve: options.resolve,
      secretsDirectory: config.inference.secrets,
      event: (event) =>
        event.kind === "ready"
          ? log.event("info", "credential ready", { source: event.source })
          : log.event("error", "credential not at hand", { source: event.source, problem: event.problem.message }),
    },
  });
  const passing: PassingRooms = {
    governor,
    grants,
    policy: options.policy,
    egress: options.egress,
    egressDecision: options.egressDecision,
    models: options.models,
    time: () => time.now(),
    network: options.network,
  };
  const api = createGovernanceApi({
    card: () => peers.own.card,
    mcp,
    clock,
    limits: config.limits,
    governor,
    preview: (action) => previewPassing(passing, action),
    open: new OpenActions(() => clock.monotonic()),
    access,
    nextRequestId: options.nextRequestId,
    draining: options.draining,
    auditWritable: () => !audit.health().refusing,
    asking,
    enforces: (action) => isEnforced(options.policy(), action),
    record: (event) => audit.append(event),
    records: new Budget(MOST_RECORDS),
    refusedUnread: (request, reason) =>
      audit.append({
        ...ownEvent(clock.now(), "governance.decision", "evaluate", "?", {}),
        decision: "deny",
        reason,
        request,
        policy: options.policy().identity ?? null,
      }),
    digest: sha256,
  });

  return {
    governor,
    egress: new EgressGovernance({
      governor,
      grants,
      policy: options.policy,
      state: () => state,
      asking,
      denied: (action) => approvals.denied(action),
    }),
    api,
    mcp,
    grants: () => grants.status(),
    seen(event) {
      behavior.seen(event);
      peers.seen(event);
    },
    swapped(snapshot) {
      clearInterval(hours);
      clearTimeout(observing);
      const until = snapshot.state === "loaded" ? (snapshot.observesUntil ?? 0) - time.now() : 0;
      // What was let through only to be observed ends with that.
      if (until > 0) observing = setTimeout(options.judgeAgain, Math.min(until + 1, LONGEST_TIMER)).unref();
      if (keepsHours(snapshot)) hours = setInterval(options.judgeAgain, HOURS_MILLIS).unref();
      if (snapshot.state === "loaded") {
        const ruled = snapshot.rules.flatMap(({ applied }) => (applied === undefined ? [] : [applied]));
        limiter.apply([...snapshot.limits, ...ruled], clock.monotonic());
      }
      behavior.apply(snapshot);
      peers.apply(snapshot);
      approvals.swapped();
      changed();
    },
    async begin() {
      await labels.watch();
      await behavior.restore(options.policy());
      await approvals.begin();
      await peers.begin(options.policy());
    },
    conditions() {
      const quarantine = behavior.quarantine();
      const others = [...approvals.conditions(), ...peers.conditions()];
      if (quarantine === undefined) return others;
      const since = new Date(quarantine.since).toISOString();
      const reason = `everything is denied since ${since} (${quarantine.detector}): lift it with liftBefore in the policy`;
      return [{ name: "behavior", state: "degraded", reason }, ...others];
    },
    status(near) {
      const quarantine = behavior.quarantine();
      return { ...approvals.status(near), ...peers.status(), ...(quarantine === undefined ? {} : { quarantine }) };
    },
    async close() {
      clearInterval(hours);
      clearTimeout(observing);
      mcp.close();
      labels.close();
      const closed = Promise.all([peers.close(), approvals.close(), behavior.close()]);
      // A disk that hangs holds up no end.
      await Promise.race([closed, delay(CLOSE_MILLIS, undefined, { ref: false })]);
    },
  };
}

/** What the disk is given when the process ends. */
const CLOSE_MILLIS = 1_000;

/** A timer of more fires at once; observing lasts 14 days at most. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** Records of actions that the agent asked about and waits for: half of what the audit log's queue takes. */
const MOST_RECORDS = 4_096;
/** Rules that hold at some hours only end what is live when the hour is over: so much later at most. */
const HOURS_MILLIS = 15_000;

function keepsHours(snapshot: GovernanceSnapshot): boolean {
  if (snapshot.state === "missing") return false;
  return snapshot.rules.some((rule) => [...rule.when, ...rule.unless].some(({ kind }) => kind === "time"));
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
