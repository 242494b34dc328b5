import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { readFileSync } from "node:fs";
import type { AuditEvent } from "../../core/audit/audit-event.ts";
import { ownEvent } from "../../core/audit/own-event.ts";
import type { Clock } from "../../core/base/clock.ts";
import { bytes, millis } from "../../core/base/quantity.ts";
import type { Reason } from "../../core/base/reason.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";
import { Roster } from "../../core/base/roster.ts";
import { CircuitBreakers } from "../../core/inference/circuit-breaker.ts";
import { RetryBudget } from "../../core/inference/failover.ts";
import type { RunFacts } from "../../core/attest/run-facts.ts";
import type { RouterConfig } from "../../core/config/router-config.ts";
import type { CompiledInferencePolicy, InferencePolicySnapshot } from "../../core/models/compile-inference-policy.ts";
import { endedCallEvent } from "../../core/outcome/inference-projection.ts";
import type { NetworkFacts } from "../../core/policy/network.ts";
import type { PolicySnapshot } from "../../core/policy/snapshot.ts";
import type { Condition } from "../../edge/admin/admin-routes.ts";
import type { AuditLog } from "../../edge/audit/audit-log.ts";
import { type Ledger, type LedgerEvent, openLedger } from "../../edge/ledger/ledger.ts";
import { machineClock } from "../../edge/ledger/machine-clock.ts";
import type { Log } from "../../edge/log/log.ts";
import type { CircuitFacts } from "../../edge/metrics/inference-families.ts";
import type { Instruments } from "../../edge/metrics/instruments.ts";
import type { NameResolver } from "../../edge/upstream/resolver.ts";
import type { Governance } from "../governance/open-governance.ts";
import { createGuardrails } from "../guardrails/guardrails.ts";
import { checkRequests } from "./check-requests.ts";
import { createCredentials } from "../credentials/credentials.ts";
import type { PolicyTime } from "../policy-time.ts";
import type { Fetch } from "../fetch/create-fetch.ts";
import { type AgentApi, createAgentApi } from "./agent-api.ts";
import { budgetReport } from "./budget-report.ts";
import type { Call } from "./call.ts";
import { callTracing } from "./call-tracing.ts";
import { HeldBodies } from "./held-bodies.ts";
import { localBudgets } from "./local-budgets.ts";
import { openSharedBudgets } from "./open-shared-budgets.ts";
import { type ConnectionRooms, ProviderRoutes } from "./provider-routes.ts";
import { targetKey } from "./speak.ts";
import type { SharedBudgetEvent } from "./shared-budgets.ts";
import { tokenRequests } from "./token-requests.ts";

export interface InferenceOptions {
  readonly config: RouterConfig;
  readonly version: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly time: PolicyTime;
  readonly instruments: Instruments;
  readonly audit: AuditLog;
  readonly nextRequestId: () => string;
  readonly resolve: NameResolver["resolve"];
  readonly network: () => NetworkFacts;
  readonly egress: () => PolicySnapshot;
  readonly models: () => InferencePolicySnapshot;
  readonly draining: () => boolean;
  readonly governance: Governance;
  /** Undefined: the agent API has no fetch tool. */
  readonly fetch: Fetch | undefined;
}

/** The inference router: the agent API with everything behind it. */
export interface Inference {
  readonly api: AgentApi;
  /** Calls that have not ended. */
  readonly calls: number;
  /** Another inference policy is in force. */
  swapped(snapshot: InferencePolicySnapshot): void;
  /** What may be reached has changed: calls that could not be made now are cut. */
  judgeAgain(): void;
  cut(reason: Reason): void;
  conditions(): readonly Condition[];
  status(): Readonly<Record<string, unknown>>;
  budgetFacts(): RunFacts["budgets"];
  close(): Promise<void>;
}

/** The ledger is written anew beyond this. */
const COMPACT_AT = bytes(8 * 1024 * 1024);
/** What a power cut can take of the ledger, and nothing else can. */
const SYNC_AFTER = millis(1_000);
const RETRY_AFTER = millis(1_000);
/** What the ledger's last fdatasync may take when the process ends. */
const CLOSE_MILLIS = 1_000;
/** What the last spans may take when the process ends. */
const SPANS_MILLIS = millis(3_000);

/** A sentence where the ledger cannot be opened: with one that is broken nothing may start as if nothing were used. */
export async function openInference(options: InferenceOptions): Promise<Result<Inference, string>> {
  const { config, clock, log, time, audit, instruments } = options;
  const opened = await openLedger({
    directory: config.state.directory,
    clock: machineClock(clock),
    compactAt: COMPACT_AT,
    syncAfter: SYNC_AFTER,
    retryAfter: RETRY_AFTER,
    onEvent: (event) => ledgerEvent(event, clock, log, audit),
  });
  if (!opened.ok) return fail(opened.problem);
  const ledger = opened.value;

  const traced = await callTracing(options);
  if (!traced.ok) {
    await ledger.close();
    return traced;
  }
  const { tracing } = traced.value;

  const connections: ConnectionRooms = {
    clock,
    egress: options.egress,
    time: () => time.now(),
    network: options.network,
    resolve: options.resolve,
    certificates: (file) => readCertificates(join(config.trust.directory, file), log),
  };
  const routes = new ProviderRoutes(connections);
  const credentials = createCredentials({
    clock,
    secretsDirectory: config.inference.secrets,
    request: tokenRequests(connections, options.models),
    random: Math.random,
    sessionName: config.identity.pod,
    event: (event) =>
      event.kind === "ready"
        ? log.event("info", "credential ready", { source: event.source })
        : log.event("error", "credential not at hand", { source: event.source, problem: event.problem.message }),
  });
  const checks = checkRequests({
    config: config.inference,
    resolve: options.resolve,
    policy: options.models,
    routes,
    credentials,
  });
  const guardrails = createGuardrails(checks.post);
  const breakers = new CircuitBreakers();
  const calls = new Roster<Call>();
  const bodies = new HeldBodies(config.inference.heldBytes);
  const local = localBudgets(ledger, options.models, () => time.now());
  const { sharedLedger } = config.inference;
  const shared =
    sharedLedger &&
    openSharedBudgets({
      config: sharedLedger,
      identity: config.identity,
      life: config.limits.lifetime,
      clock,
      local,
      policy: options.models,
      resolve: options.resolve,
      onEvent: (event) => sharedEvent(event, clock, log, audit),
    });
  const views = () => shared?.view(ledger.view()) ?? ledger.view();
  const report = () => budgetReport(views());
  const api = createAgentApi({
    governor: options.governance.governor,
    governance: options.governance.api,
    fetch: options.fetch,
    clock,
    limits: config.limits,
    config: config.inference,
    nextRequestId: options.nextRequestId,
    policy: options.models,
    time: () => time.now(),
    draining: options.draining,
    auditWritable: () => !audit.health().refusing,
    recordSoon: (event) => audit.appendSoon(event),
    record: (event: AuditEvent) => audit.append(event),
    settle: (outcome, admitted) => {
      audit.appendSoon(endedCallEvent(outcome, admitted, clock.now()));
      instruments.called(outcome);
      log.call(outcome);
    },
    calls,
    bodies,
    budgets: shared ?? local,
    guardrails,
    routes,
    breakers,
    retries: new RetryBudget(),
    credentials,
    random: Math.random,
    budgetReport: report,
    tracing,
  });
  instruments.inference({
    calls: () => calls.size,
    budgets: () => ledger.view(),
    circuits: () => circuits(options.models(), breakers, clock),
    spans: () => tracing.counts(),
  });

  const cutWhere = (reason: (call: Call) => Reason | undefined): void => {
    for (const call of calls.all()) {
      const why = reason(call);
      if (why !== undefined) call.cut(why);
    }
  };
  const judgeAgain = (): void => {
    routes.reset();
    const policy = options.models();
    cutWhere((call) => {
      const { model, provider, address } = call.facts;
      const refused = call.governed?.lost();
      if (refused !== undefined) return refused;
      if (provider === undefined || model === undefined) return undefined;
      if (policy.state === "missing") return "policy_missing";
      if (!(time.now() < policy.deniesFrom)) return "policy_expired";
      if (!stillNamed(policy, model, call)) return "model_not_allowed";
      const lost = call.lostUnder?.(policy);
      if (lost !== undefined || address === undefined) return lost;
      return routes.admits(policy, provider, address) ? undefined : "address_not_allowed";
    });
  };

  return ok({
    api,
    get calls() {
      return calls.size;
    },
    swapped(snapshot) {
      if (snapshot.state === "loaded") {
        const { budgets, rateLimits: rates, models, providers } = snapshot;
        ledger.reconfigure({ budgets, rates, models: models.map(({ name }) => name) });
        credentials.retain(providers);
        instruments.models(snapshot);
        breakers.retain(new Set(models.flatMap(({ targets }) => targets.map(targetKey))));
      }
      judgeAgain();
      if (snapshot.state !== "loaded") return;
      routes.use(snapshot);
      guardrails.prepare(snapshot.guardrails);
    },
    judgeAgain,
    cut: (reason) => cutWhere(() => reason),
    conditions: () => [ledgerCondition(ledger), ...(shared === undefined ? [] : [shared.condition()])],
    status: () => ({ calls: calls.size, bodies: bodies.held, budgets: report() }),
    budgetFacts: () => report().budgets,
    async close() {
      checks.close();
      await tracing.close(SPANS_MILLIS);
      traced.value.close();
      routes.destroy();
      credentials.close();
      await shared?.close();
      // A disk that hangs holds up no end: what is not on it is in the kernel.
      await Promise.race([ledger.close(), delay(CLOSE_MILLIS, undefined, { ref: false })]);
    },
  });
}

/** The model still has the target that the call went to, at the same place. */
function stillNamed(policy: CompiledInferencePolicy, name: string, { via, facts }: Call): boolean {
  const now = via === undefined ? undefined : policy.provider(via.id);
  if (via === undefined || now === undefined) return via === undefined;
  const targets = policy.model(name)?.targets ?? [];
  const sameEndpoint = JSON.stringify([now.api, now.endpoint]) === JSON.stringify([via.api, via.endpoint]);
  return sameEndpoint && targets.some(({ provider, model }) => provider === via.id && model === facts.target);
}

function circuits(policy: InferencePolicySnapshot, breakers: CircuitBreakers, clock: Clock): readonly CircuitFacts[] {
  if (policy.state === "missing") return [];
  const now = clock.monotonic();
  return policy.models
    .flatMap(({ targets }) => targets)
    .map((target) => {
      const { provider, model } = target;
      return { provider, target: model, state: breakers.state(targetKey(target), now) };
    });
}

function ledgerCondition(ledger: Ledger): Condition {
  const { problem } = ledger;
  return problem === undefined
    ? { name: "budgets", state: "ok", reason: "" }
    : { name: "budgets", state: "failed", reason: `no call is admitted that a budget counts: ${problem}` };
}

function sharedEvent(event: SharedBudgetEvent, clock: Clock, log: Log, audit: AuditLog): void {
  if (event.kind === "down") {
    log.event("error", "the shared budget ledger does not answer", { problem: event.sentence });
    audit.appendSoon(ownEvent(clock.now(), "budget", "budget.shared_down", "budgets", { problem: event.sentence }));
    return;
  }
  const downMillis = Math.round(event.down);
  log.event("info", "the shared budget ledger answers", { downMillis });
  audit.appendSoon(ownEvent(clock.now(), "budget", "budget.shared_up", "budgets", { downMillis }));
}

function ledgerEvent(event: LedgerEvent, clock: Clock, log: Log, audit: AuditLog): void {
  switch (event.kind) {
    case "clock_step": {
      const [from, to] = [event.from, event.to].map((instant) => new Date(instant).toISOString());
      log.event("warn", "the wall clock stepped; no budget began anew for it", { from: from ?? "", to: to ?? "" });
      audit.appendSoon(
        ownEvent(clock.now(), "budget", "budget.clock_step", "budgets", { from: from ?? "", to: to ?? "" }),
      );
      return;
    }
    case "recovered": {
      const charged = event.charged.map(({ reservation, tokens, cost }) => ({
        model: reservation.model,
        tokens,
        costNanoUsd: cost,
      }));
      log.event("warn", "calls that the last process left open are charged in full", { calls: charged.length });
      audit.appendSoon(
        ownEvent(clock.now(), "budget", "budget.recovered", "budgets", {
          torn: event.torn,
          charged: charged.slice(0, 50),
          calls: charged.length,
        }),
      );
      return;
    }
    case "unavailable":
      log.event("error", "the budget ledger cannot be written: no call is admitted that a budget counts", {
        problem: event.sentence,
      });
      return;
    case "available":
      log.event("info", "the budget ledger is written again", {});
  }
}

/** Read when a provider's first connection is made under a policy: new certificates come with the next policy. */
function readCertificates(file: string, log: Log): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    log.event("error", "a provider's certificates cannot be read", { file, problem: String(error) });
    return undefined;
  }
}
