import { fail, ok, type Result } from "../core/base/result.ts";
import type { Clock } from "../core/base/clock.ts";
import type { RouterConfig } from "../core/config/router-config.ts";
import { endedEvent } from "../core/outcome/audit-projection.ts";
import type { PolicySnapshot } from "../core/policy/snapshot.ts";
import type { Condition } from "../edge/admin/admin-routes.ts";
import type { AuditLog } from "../edge/audit/audit-log.ts";
import type { AnswerDns } from "../edge/listeners/dns-listener.ts";
import type { Log } from "../edge/log/log.ts";
import type { Instruments } from "../edge/metrics/instruments.ts";
import type { TimedResolver } from "../edge/upstream/resolver.ts";
import { type AdmissionRooms, surroundings } from "./admission.ts";
import type { Blocklists } from "./blocklists/open-blocklists.ts";
import { type Corridor, createCorridor } from "./corridor.ts";
import type { CorridorRooms } from "./corridor-rooms.ts";
import { createFetch, type Fetch } from "./fetch/create-fetch.ts";
import { approvedPermits } from "./governance/approved-permits.ts";
import type { CredentialEvent } from "./credentials/credential-problem.ts";
import type { GrantStatus } from "./governance/grant-book.ts";
import { openInspection } from "./inspection/open-inspection.ts";
import { Learning } from "./learning/learning.ts";
import { createPolicyDns } from "./policy-dns.ts";
import type { Proxies } from "./proxies.ts";
import type { TunnelRegistry } from "./tunnel-registry.ts";
import { createUpstreamRooms } from "./upstream-rooms.ts";

export interface EgressOptions {
  readonly config: RouterConfig;
  readonly clock: Clock;
  readonly log: Log;
  readonly instruments: Instruments;
  readonly audit: AuditLog;
  readonly registry: TunnelRegistry;
  readonly admission: AdmissionRooms;
  readonly resolver: TimedResolver;
  readonly blocklists: Blocklists;
  readonly proxies: Proxies;
  /** Approvals in force. */
  readonly grants: () => readonly GrantStatus[];
  readonly nextRequestId: () => string;
}

/** Every way out that an agent can take, and what they share. */
export interface Egress {
  readonly corridor: Corridor;
  /** Undefined: it is switched off. */
  readonly fetch: Fetch | undefined;
  readonly dns: AnswerDns;
  /** A policy has come into force. */
  swapped(snapshot: PolicySnapshot): void;
  conditions(): readonly Condition[];
  status(): Readonly<Record<string, unknown>>;
  /** The process ends: what waits for a next request closes. */
  drain(): void;
  close(): Promise<void>;
}

/** Nothing of a secret is in an event. */
function secretEvent(event: CredentialEvent, log: Log): void {
  if (event.kind === "ready") log.event("info", "a secret to inject is at hand", { source: event.source });
  else {
    const { source, problem, stillValid } = event;
    log.event("warn", "a secret to inject is not at hand", { source, problem: problem.message, stillValid });
  }
}

/** A problem is a sentence, with nothing left open. */
export async function openEgress(options: EgressOptions): Promise<Result<Egress, string>> {
  const { config, clock, log, instruments, audit, registry, admission, resolver, blocklists, proxies } = options;
  const inspected = await openInspection({
    config: config.inspection,
    pod: config.identity.pod,
    secretsDirectory: config.inference.secrets,
    clock,
    counts: instruments.handshakes,
    event: (event) => secretEvent(event, log),
  });
  if (!inspected.ok) return fail(inspected.problem);
  const inspection = inspected.value;
  const learning = await Learning.open({
    clock,
    log,
    directory: config.state.directory,
    entries: config.learning.entries,
    identity: config.identity,
    policy: () => admission.policy(),
    policyTime: () => admission.policyTime(),
  });
  const rooms: CorridorRooms = {
    clock,
    registry,
    limits: config.limits,
    nextRequestId: options.nextRequestId,
    upstream: createUpstreamRooms(clock, config.limits, () => inspection.trust(), proxies),
    admission,
    settle: (outcome, admitted, exchange) => {
      audit.appendSoon(endedEvent(outcome, admitted, clock.now()));
      instruments.settled(outcome, admitted);
      instruments.relayed("out", outcome.facts.bytesOut);
      instruments.relayed("in", outcome.facts.bytesIn);
      learning.observe(exchange, outcome);
      log.exchange(outcome, admitted);
    },
  };
  const dns = createPolicyDns({
    clock,
    settings: config.dns,
    policy: () => admission.policy(),
    policyTime: () => admission.policyTime(),
    get surroundings() {
      return surroundings(admission);
    },
    approved: (host, reason) => approvedPermits(admission, options.grants(), host, reason),
    barred: (permit) => admission.governance.barred(permit),
    network: () => admission.network(),
    sends: (proxy) => admission.sends(proxy),
    inventive: (host) => admission.inventive(host),
    draining: () => admission.draining(),
    auditWritable: () => admission.auditWritable(),
    record: (event) => admission.record(event),
    recordSoon: (event) => audit.appendSoon(event),
    resolve: (host, signal) => resolver.answer(host, signal),
    counted: (decision) => instruments.answered(decision),
  });
  const fetch = config.fetch.enabled
    ? createFetch({ ...rooms, settings: config.fetch, inject: (permit) => inspection.inject(permit) })
    : undefined;
  instruments.egress({
    blocklists: () =>
      blocklists.status().map(({ name, entries, ageSeconds, state }) => ({
        feed: name,
        entries,
        ageSeconds: state === "missing" ? undefined : ageSeconds,
      })),
    learning: () => learning.active,
    learned: () => learning.entries,
    minted: () => inspection.status().minted,
  });

  return ok({
    corridor: createCorridor({ ...rooms, inspection: inspection.room(rooms) }),
    fetch,
    dns: (query, over) => dns.answer(query, over),
    swapped: (snapshot) => learning.swapped(snapshot),
    conditions: () => [
      ...(config.blocklists.length === 0 ? [] : [blocklists.condition()]),
      ...proxies.conditions(),
      inspection.condition(),
      ...learning.conditions(),
    ],
    status: () => ({
      inspection: inspection.status(),
      learning: learning.status(),
      blocklists: blocklists.status(),
      proxies: proxies.status(),
    }),
    drain: () => inspection.drain(),
    async close() {
      dns.close();
      inspection.close();
      await learning.close();
    },
  });
}
