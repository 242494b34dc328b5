import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Writable } from "node:stream";
import type { AuditEvent } from "../core/audit/audit-event.ts";
import { ownEvent } from "../core/audit/own-event.ts";
import { epochMillis, millis } from "../core/base/quantity.ts";
import { fail, ok, type Result } from "../core/base/result.ts";
import { Roster } from "../core/base/roster.ts";
import type { ListenerConfig, RouterConfig } from "../core/config/router-config.ts";
import { ConnectionCounts } from "../core/policy/connection-counts.ts";
import { type AdminServer, openAdminServer } from "../edge/admin/admin-server.ts";
import { AgentSocket } from "../edge/listeners/agent-socket.ts";
import { type BoundListener, bindListener } from "../edge/listeners/bound-listener.ts";
import { bindDnsListener } from "../edge/listeners/dns-listener.ts";
import { openLog } from "../edge/log/log.ts";
import { Instruments } from "../edge/metrics/instruments.ts";
import { readRegularFile } from "../edge/sources/regular-file.ts";
import { HighWaterMarks } from "../edge/trust/high-water-mark.ts";
import { createResolver } from "../edge/upstream/resolver.ts";
import { type AdmissionRooms, egressDecision, lostPermission } from "./admission.ts";
import { systemClock } from "./clock.ts";
import {
  auditCondition,
  governanceConditions,
  inferenceCondition,
  listenersCondition,
  policyCondition,
} from "./conditions.ts";
import { openBlocklists } from "./blocklists/open-blocklists.ts";
import type { ListenerDoor } from "./listener-door.ts";
import { type Governance, openGovernance } from "./governance/open-governance.ts";
import { GuardWatch } from "./guard-watch.ts";
import { NetworkView } from "./network-view.ts";
import { type Egress, openEgress } from "./open-egress.ts";
import { createProxies } from "./proxies.ts";
import { type Audit, openAudit } from "./open-audit.ts";
import type { AgentApi } from "./inference/agent-api.ts";
import { type Inference, openInference } from "./inference/open-inference.ts";
import { egressKind, governanceKind, inferenceKind } from "./policy-kinds.ts";
import type { EgressLoop, GovernanceLoop, InferenceLoop } from "./policy-loops.ts";
import { policyReports } from "./policy-reports.ts";
import { InventedNames } from "./policy-dns-limits.ts";
import { PolicyLoop } from "./policy-loop.ts";
import { PolicyTime } from "./policy-time.ts";
import { type PolicySources, watchPolicySources } from "./policy-sources.ts";
import { requestIds } from "./request-ids.ts";
import { exportProblems, statusOfAudit, statusOfPolicy } from "./router-status.ts";
import { runAttestation } from "./run-attestation.ts";
import { TunnelRegistry } from "./tunnel-registry.ts";

/** How often the marks note that time goes on. */
const SEEN_MILLIS = 60_000;
const FLUSH = millis(500);
/** What a cut exchange needs at most to be settled. */
const CUT_MILLIS = 500;
const LARGEST_CA = 1024 * 1024;
/** Connections over the cap that are being told so. */
const MOST_TURNED_AWAY = 64;

/** A running sidecar. */
export interface Router {
  readonly forward: readonly string[];
  readonly agent: readonly string[];
  readonly admin: readonly string[];
  /** What is redirected: ports 443, 80 and 53 of everywhere. */
  readonly redirected: Readonly<Record<"tls" | "http" | "dns", readonly string[]>>;
  ready(): boolean;
  /** Not ready, stop accepting, drain with the deadline, close the audit log. */
  stop(): Promise<void>;
}

/**
 * Starts the sidecar in the order of ARCHITECTURE.md, "Life of the process". A problem (a directory that cannot be
 * used, a port that is taken) comes back as a sentence, with nothing left bound.
 */
export async function startRouter(
  config: RouterConfig,
  version: string,
  output: Writable,
): Promise<Result<Router, string>> {
  const clock = systemClock;
  const log = openLog(config.log.level, output);
  const began = clock.monotonic();
  const startedAt = clock.now();

  const marks = await HighWaterMarks.open(config.state.directory);
  if (!marks.ok) return fail(marks.problem.message);

  const time = new PolicyTime(clock);
  const registry = new TunnelRegistry();
  const places = new ConnectionCounts();
  const invented = new InventedNames(config.dns.namesPerHour, config.resolver.hosts);
  const guard = new GuardWatch(config.guard, (proof) => {
    audit.appendSoon(
      ownEvent(clock.now(), "guard", "verify", proof.netns, { uid: proof.uid, families: proof.families }),
    );
    log.event("info", "guard proved", { uid: proof.uid, families: proof.families.join(",") });
  });
  const network = new NetworkView(config, log);
  const instruments: Instruments = new Instruments(
    version,
    {
      tunnels: () => registry.size,
      guardVerified: () => guard.proved,
      checkpointAge: () => (clock.now() - (audit.health().checkpoint?.at ?? startedAt)) / 1_000,
      outputsFailing: () => outputs.problems().length,
      exports: () => exports.status(),
      policies: () =>
        [policy, models, rules].map(({ kind, snapshot, loadedAt }) => {
          const loaded = snapshot.state === "loaded";
          return {
            kind,
            version: loaded ? snapshot.identity.version : 0,
            loadedAt,
            expiresAt: loaded ? snapshot.expiresAt : epochMillis(0),
          };
        }),
    },
    config.tracing.latestNames,
  );

  /** Nothing is done before there is somebody to see it. */
  let observed: (event: AuditEvent) => void = () => undefined;
  const { caFile } = config.resolver;
  const ca = caFile === undefined ? undefined : await readRegularFile(caFile, LARGEST_CA);
  if (ca?.ok === false) return fail(`resolver.caFile ${caFile} cannot be read (${ca.problem.kind})`);
  const resolver = createResolver(config.resolver, clock, ca?.value.bytes.toString("latin1"));
  const opened = await openAudit(config, {
    version,
    clock,
    log,
    instruments,
    resolve: (host, signal) => resolver.resolve(host, signal),
    output,
    seen: (event) => observed(event),
  });
  if (!opened.ok) return opened;
  const { log: audit, outputs, exports, key }: Audit = opened.value;

  const openedProxies = createProxies({
    config: config.proxies,
    clock,
    network: () => network.facts,
    resolve: (host, signal) => resolver.resolve(host, signal),
  });
  if (!openedProxies.ok) {
    await opened.value.close();
    return openedProxies;
  }
  const proxies = openedProxies.value;
  const blocklists = await openBlocklists({
    config,
    clock,
    log,
    resolve: (host, signal) => resolver.resolve(host, signal),
  });
  blocklists.onChange(() => judgeAgain());

  let draining = false;
  const admission: AdmissionRooms = {
    clock,
    policy: () => policy.snapshot,
    policyTime: () => time.now(),
    models: () => models.snapshot,
    network: () => network.facts,
    blocklist: (host) => blocklists.blockedBy(host),
    sends: (proxy) => proxies.sends(proxy),
    inventive: (host) => invented.obstacle(policy.snapshot, host, clock.monotonic()),
    connections: places,
    draining: () => draining,
    auditWritable: () => !audit.health().refusing,
    record: (event) => audit.append(event),
    resolve: (host, signal) => resolver.resolve(host, signal),
    decided: (elapsed) => instruments.decisionTook(elapsed),
    get governance() {
      return governance.egress;
    },
  };
  const judgeAgain = (): void => void registry.judgeAgain((exchange) => lostPermission(admission, exchange));
  const judgeAllAgain = (): void => {
    judgeAgain();
    inference.judgeAgain();
    governance.mcp.judgeAgain();
  };
  network.onChange(judgeAllAgain);

  const reports = policyReports({ config, clock, log, audit, instruments });
  const loopRooms = {
    clock,
    time,
    identity: config.identity,
    directory: config.policy.directory,
    expiryGrace: config.policy.expiryGrace,
    marks: marks.value,
  };
  const policy: EgressLoop = new PolicyLoop({
    ...loopRooms,
    kind: egressKind,
    swapped: (snapshot) => {
      judgeAllAgain();
      egress.swapped(snapshot);
      if (snapshot.state === "loaded") places.retain(new Set(snapshot.allow.map((rule) => rule.id)));
    },
    accepted: (snapshot, signers, { phase }) => {
      const rules = snapshot.allow.length + snapshot.deny.length;
      reports.accepted("EgressPolicy", snapshot, signers, { mode: snapshot.mode, rules, phase });
    },
    refused: (problems) => reports.refused("EgressPolicy", policy, problems),
  });
  const models: InferenceLoop = new PolicyLoop({
    ...loopRooms,
    kind: inferenceKind(config.inference.sharedLedger !== undefined),
    swapped: (snapshot) => {
      inference.swapped(snapshot);
      // A provider's host is reached through the agent API only: a tunnel to it that is open ends.
      judgeAgain();
    },
    accepted: (snapshot, signers, { phase }) => {
      const { models: named, providers, budgets } = snapshot;
      const counts = { models: named.length, providers: providers.length, budgets: budgets.length, phase };
      reports.accepted("InferencePolicy", snapshot, signers, counts);
    },
    refused: (problems) => reports.refused("InferencePolicy", models, problems),
  });
  // One that this pod has followed must be there again: taking it out of the directory frees nobody.
  const required = config.governance.required || marks.value.names("GovernancePolicy").length > 0;
  const rules: GovernanceLoop = new PolicyLoop({
    ...loopRooms,
    kind: governanceKind(required),
    swapped: (snapshot) => governance.swapped(snapshot),
    accepted: (snapshot, signers, { phase }) => {
      const { rules: all, limits, detectors, mcp, observesUntil } = snapshot;
      const mode = observesUntil === undefined ? "enforce" : "observe";
      const counts = { rules: all.length, limits: limits.length, detectors: detectors.length, servers: mcp.length };
      reports.accepted("GovernancePolicy", snapshot, signers, { mode, ...counts, phase });
    },
    refused: (problems) => reports.refused("GovernancePolicy", rules, problems),
  });

  const nextRequestId = requestIds(randomBytes(4).toString("hex"));
  const governance: Governance = openGovernance({
    config,
    clock,
    log,
    time,
    instruments,
    audit,
    nextRequestId,
    policy: () => rules.snapshot,
    absent: () => rules.absent,
    models: () => models.snapshot,
    egressDecision: (request) => egressDecision(admission, request),
    draining: () => draining,
    resolve: (host, signal) => resolver.resolve(host, signal),
    network: () => network.facts,
    egress: () => policy.snapshot,
    judgeAgain: judgeAllAgain,
  });
  observed = (event) => governance.seen(event);
  const openedEgress = await openEgress({
    config,
    clock,
    log,
    instruments,
    audit,
    registry,
    admission,
    resolver,
    blocklists,
    proxies,
    grants: () => governance.grants(),
    nextRequestId,
  });
  if (!openedEgress.ok) {
    await blocklists.close();
    await opened.value.close();
    return openedEgress;
  }
  const egress: Egress = openedEgress.value;
  const { corridor } = egress;

  const openedInference = await openInference({
    config,
    version,
    clock,
    log,
    time,
    nextRequestId,
    instruments,
    audit,
    resolve: (host, signal) => resolver.resolve(host, signal),
    network: () => network.facts,
    egress: () => policy.snapshot,
    models: () => models.snapshot,
    draining: () => draining,
    governance,
    fetch: egress.fetch,
  });
  if (!openedInference.ok) {
    await egress.close();
    await blocklists.close();
    await opened.value.close();
    return openedInference;
  }
  const inference: Inference = openedInference.value;

  const sources: PolicySources = await watchPolicySources(config, [policy, models, rules], log);
  await governance.begin();
  network.discover(resolver);
  await guard.look();

  const connections = new Roster<AgentSocket>();
  const turnedAway = new Set<AgentSocket>();
  const connectionTo =
    (door: ListenerDoor | AgentApi) =>
    (socket: Socket): void => {
      const agent = new AgentSocket(socket);
      if (connections.size >= config.limits.connections) {
        door.turnAway(agent);
        // Each may take a moment to read why. In a flood nobody reads, and descriptors are needed elsewhere.
        if (turnedAway.size >= MOST_TURNED_AWAY) agent.abort();
        else turnedAway.add(agent);
        socket.once("close", () => turnedAway.delete(agent));
        return;
      }
      connections.add(agent);
      socket.once("close", () => connections.remove(agent));
      door.serve(agent).catch((error: unknown) => {
        // A bug of ours must cost this connection only; what it was about to do is not done.
        log.event("error", "a connection failed inside the router", {
          error: error instanceof Error ? (error.stack ?? error.message) : String(error),
        });
        agent.abort();
      });
    };

  const bound: BoundListener[] = [];
  const bind = async (at: ListenerConfig, door: ListenerDoor | AgentApi): Promise<readonly string[]> => {
    const listener = await bindListener(at, connectionTo(door));
    bound.push(listener);
    return listener.bound;
  };
  let dnsListener: BoundListener | undefined;
  const bindDns = async (at: ListenerConfig): Promise<readonly string[]> => {
    dnsListener = await bindDnsListener(at, egress.dns, (thrown) =>
      log.event("error", "a question of the DNS failed inside the router", { error: String(thrown) }),
    );
    return dnsListener.bound;
  };
  let listening = false;
  let admin: AdminServer | undefined;
  const conditions = () => [
    policyCondition(policy),
    inferenceCondition(models),
    ...inference.conditions(),
    ...governanceConditions(rules, time.now()),
    ...governance.conditions(),
    ...egress.conditions(),
    auditCondition(audit.health(), [...outputs.problems(), ...exportProblems(exports)]),
    listenersCondition(listening, draining),
    guard.condition(),
  ];
  const seen = setInterval(() => void marks.value.seen(time.now()), SEEN_MILLIS);

  const stop = async (): Promise<void> => {
    draining = true;
    clearInterval(seen);
    for (const listener of bound) listener.close();
    egress.drain();
    const open = (): number => registry.size + inference.calls + governance.mcp.live;
    await drained(open, config.limits.drain);
    registry.judgeAgain(() => "draining");
    inference.cut("draining");
    governance.mcp.cut("draining");
    // Who can still be told is told.
    await nextTurn();
    for (const agent of [...connections.all(), ...turnedAway]) agent.abort();
    // What was cut has its records still to come.
    await drained(open, CUT_MILLIS);
    // Until now it said that the router drains.
    dnsListener?.close();
    await sources[Symbol.asyncDispose]();
    await policy.close();
    await models.close();
    await inference.close();
    await rules.close();
    await governance.close();
    await egress.close();
    await blocklists.close();
    network.close();
    guard.close();
    await opened.value.close();
    await admin?.[Symbol.asyncDispose]();
    await log.flush(FLUSH);
  };

  let addresses: Omit<Router, "ready" | "stop" | "admin">;
  try {
    const { listeners } = config;
    addresses = {
      forward: await bind(listeners.forward, corridor),
      agent: await bind(listeners.agent, inference.api),
      redirected: {
        tls: await bind(listeners.tls, corridor.tls),
        http: await bind(listeners.http, corridor.http),
        dns: await bindDns(listeners.dns),
      },
    };
    listening = true;
    admin = await openAdminServer(
      config.listeners.admin,
      {
        conditions,
        attestation: runAttestation({
          config,
          version,
          clock,
          startedAt,
          audit,
          key,
          policies: [policy, models, rules],
          budgets: () => inference.budgetFacts(),
          guard,
        }),
        metrics: () => instruments.exposition(),
        status: (near) => ({
          version,
          identity: config.identity,
          policy: statusOfPolicy(policy),
          inference: { policy: statusOfPolicy(models), ...inference.status() },
          governance: { policy: statusOfPolicy(rules), ...governance.status(near) },
          egress: egress.status(),
          conditions: conditions(),
          tunnels: registry.size,
          connections: connections.size,
          audit: statusOfAudit(opened.value),
        }),
      },
      (thrown) => log.event("error", "the admin listener failed", { error: String(thrown) }),
    );
  } catch (error) {
    await stop();
    return fail(`a listener cannot be bound: ${error instanceof Error ? error.message : String(error)}`);
  }
  void instruments.prepare();
  log.event("info", "listening", {
    forward: addresses.forward.join(" "),
    agent: addresses.agent.join(" "),
    tls: addresses.redirected.tls.join(" "),
    http: addresses.redirected.http.join(" "),
    dns: addresses.redirected.dns.join(" "),
    admin: admin.bound.join(" "),
    milliseconds: Math.round(clock.monotonic() - began),
  });
  return ok({
    ...addresses,
    admin: admin.bound,
    ready: () => conditions().every((condition) => condition.state !== "failed"),
    stop,
  });
}

async function drained(open: () => number, milliseconds: number): Promise<void> {
  const deadline = performance.now() + milliseconds;
  while (open() > 0 && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20));
}
