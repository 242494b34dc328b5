import type { Clock } from "../core/base/clock.ts";
import { type EpochMillis, type Millis, millis } from "../core/base/quantity.ts";
import type { Reason } from "../core/base/reason.ts";
import { fail, ok, type Result } from "../core/base/result.ts";
import { admittedEvent } from "../core/outcome/audit-projection.ts";
import type { AuditEvent } from "../core/audit/audit-event.ts";
import type { CompiledInferencePolicy, MissingInferencePolicy } from "../core/models/compile-inference-policy.ts";
import { admitAddresses, admitName } from "../core/policy/admit-address.ts";
import type { ConnectionCounts, ConnectionLimits } from "../core/policy/connection-counts.ts";
import type { Decision } from "../core/policy/decision.ts";
import { decide } from "../core/policy/decide.ts";
import type { NetworkFacts } from "../core/policy/network.ts";
import type { Surroundings } from "../core/policy/surroundings.ts";
import { stillPermitted } from "../core/policy/still-permitted.ts";
import type { DialPermit, NamePermit } from "../core/policy/permit.ts";
import type { PolicySnapshot } from "../core/policy/snapshot.ts";
import type { Host } from "../core/wire/host.ts";
import type { Hostname } from "../core/wire/hostname.ts";
import type { IpAddress } from "../core/wire/ip-address.ts";
import type { EgressRequest } from "../core/policy/egress-request.ts";
import type { Exchange } from "./exchange.ts";
import type { Refused } from "./refused.ts";
import { type EgressGovernance, NO_UPGRADE } from "./governance/egress-governance.ts";

/** The rooms that admission calls, each by the smallest function it needs. */
export interface AdmissionRooms {
  readonly clock: Clock;
  policy(): PolicySnapshot;
  /** The wall clock, except that it never steps back. */
  policyTime(): EpochMillis;
  /** Its providers are reached through the agent API only. */
  models(): CompiledInferencePolicy | MissingInferencePolicy;
  network(): NetworkFacts;
  /** The feed that lists this host; undefined: none. */
  blocklist(host: Host): string | undefined;
  draining(): boolean;
  /** False: refuse before anything leaves, even a DNS query. */
  auditWritable(): boolean;
  /** Resolves when the record is durable as the audit mode demands. */
  record(event: AuditEvent): Promise<Result<void, "audit_unavailable">>;
  resolve(
    host: Hostname,
    signal: AbortSignal,
  ): Promise<Result<readonly IpAddress[], { readonly reason: "dns_failure"; readonly detail: string }>>;
  readonly connections: ConnectionCounts;
  /** What the parent proxy of this name is asked for; undefined: there is none. */
  sends(proxy: string): "address" | "name" | undefined;
  /** Why the resolver may not be told of a name that no approval allows; undefined: it may. See `InventedNames`. */
  inventive(host: Hostname): string | undefined;
  decided(elapsed: Millis): void;
  readonly governance: EgressGovernance;
}

/**
 * Policy's word on a request, and whether this router may act on it now. Synchronous: nothing has left yet. `upgrade`: it
 * asks for a WebSocket, which no approval of a request allows.
 */
export function judge(
  rooms: AdmissionRooms,
  exchange: Exchange,
  request: EgressRequest,
  upgrade = false,
): Result<NamePermit, Refused> {
  const snapshot = rooms.policy();
  if (rooms.draining()) return fail({ reason: "draining", policy: snapshot.identity, rule: undefined });

  exchange.judgedBy = {
    policy: snapshot,
    models: rooms.models(),
    network: rooms.network(),
    governance: rooms.governance.state(),
  };
  const before = rooms.clock.monotonic();
  const now = rooms.policyTime();
  const asked = decide(snapshot, request, now, surroundings(rooms));
  const grant = asked.effect === "deny" ? rooms.governance.grant(request, asked.reason) : undefined;
  if (upgrade && asked.effect === "deny" && typeof grant === "object") {
    return fail({ reason: "governance_denied", policy: snapshot.identity, rule: asked.rule, detail: NO_UPGRADE });
  }
  if (typeof grant === "object") exchange.grant = grant;
  const decision = typeof grant === "object" ? decide(snapshot, request, now, surroundings(rooms), grant) : asked;
  rooms.decided(millis(rooms.clock.monotonic() - before));
  if (decision.effect === "deny") {
    const reason = grant === "expired" ? "approval_expired" : decision.reason;
    const askable = rooms.governance.mayAsk(request, decision.reason);
    rooms.governance.denied(request, decision.reason);
    const { rule, detail } = decision;
    return fail({
      reason,
      policy: snapshot.identity,
      rule,
      askable,
      ...(reason === decision.reason && detail !== undefined ? { detail } : {}),
    });
  }
  const permit = decision.permit;
  exchange.permit = permit;
  if (!rooms.auditWritable()) return refusalOf(permit, "audit_unavailable");
  const obstacle = connectionObstacle(rooms, exchange, permit);
  if (obstacle !== undefined) return refusalOf(permit, obstacle);
  const granted = typeof grant === "object" ? grant.id : undefined;
  const governed = rooms.governance.judge(exchange, request, permit, granted, upgrade);
  if (governed !== undefined) return fail(governed);
  takeConnection(rooms, exchange, permit);
  return ok(permit);
}

/** Why the rule has no room for one more connection; asked before anything is taken, so that who is refused takes nothing. */
function connectionObstacle(
  rooms: AdmissionRooms,
  exchange: Exchange,
  permit: NamePermit,
): "connection_limit" | "rate_limited" | undefined {
  const { rule = "", host } = permit;
  const now = rooms.clock.monotonic();
  return rooms.connections.obstacle(rule, host, countedLimits(exchange, permit), now, exchange.within?.place);
}

/** A tunnel whose requests are judged one by one opens nothing itself: its requests are what the minute counts. */
function countedLimits({ request }: Exchange, { limits, obligations }: NamePermit): ConnectionLimits {
  const opensNothing = request?.via === "tunnel" && (obligations.protocol === "http" || obligations.inspect);
  return opensNothing ? { ...limits, connectionsPerMinute: undefined, hostConnectionsPerMinute: undefined } : limits;
}

/** In the same turn as `connectionObstacle`, so that there is room. */
function takeConnection(rooms: AdmissionRooms, exchange: Exchange, permit: NamePermit): void {
  const { rule = "", host } = permit;
  const now = rooms.clock.monotonic();
  const limits = countedLimits(exchange, permit);
  const taken = rooms.connections.take(rule, host, limits, now, exchange.within?.place);
  if (!taken.ok) throw new Error("a connection's place was taken within one turn");
  exchange.hold(taken.value);
}

/**
 * Resolves the name, admits its addresses, and records the exchange. What it returns is leave to dial, and its record
 * is already as durable as the audit mode demands. Nothing here opens a socket to an origin.
 */
export async function clear(
  rooms: AdmissionRooms,
  exchange: Exchange,
  permit: NamePermit,
): Promise<Result<DialPermit, Refused>> {
  const sends = permit.proxy === undefined ? "address" : rooms.sends(permit.proxy);
  if (sends === undefined) {
    return refusalOf(permit, "upstream_unreachable", `No parent proxy is configured as ${permit.proxy}.`);
  }
  if (sends === "name" && permit.host.kind === "name") {
    const recorded = await record(rooms, exchange, permit, [], [], { addressVetted: false });
    return recorded.ok ? ok(admitName(permit)) : recorded;
  }

  let answers: readonly IpAddress[];
  if (permit.host.kind === "address") {
    answers = [permit.host.text];
  } else {
    // An approval is of one host: nobody can invent names below it.
    const inventive = exchange.grant === undefined ? rooms.inventive(permit.host.text) : undefined;
    if (inventive !== undefined) return refusalOf(permit, "rate_limited", inventive);
    const asked = rooms.clock.monotonic();
    const resolved = await rooms.resolve(permit.host.text, exchange.signal);
    exchange.resolve = millis(rooms.clock.monotonic() - asked);
    if (exchange.cutReason !== undefined) return refusalOf(permit, exchange.cutReason);
    if (!resolved.ok) return refusalOf(permit, "dns_failure", resolved.problem.detail);
    answers = resolved.value;
  }

  const admitted = admitAddresses(rooms.network(), permit, answers);
  if (!admitted.ok) {
    const classes = [...new Set(admitted.problem.refused.map((refused) => refused.class.name))];
    return refusalOf(permit, "address_not_allowed", `Refused: ${classes.join(", ")}.`);
  }
  const dial = admitted.value.permit;
  const refused = admitted.value.refused.map(({ address }) => address);
  const recorded = await record(rooms, exchange, permit, dial.addresses, refused);
  return recorded.ok ? ok(dial) : recorded;
}

/** Puts the permission on record, as durably as the audit mode demands, before anything comes of it. */
export async function record(
  rooms: AdmissionRooms,
  exchange: Exchange,
  permit: NamePermit,
  addresses: readonly IpAddress[],
  refused: readonly IpAddress[],
  more: Readonly<Record<string, boolean>> = {},
): Promise<Result<void, Refused>> {
  const event = admittedEvent(exchange.start, permit, addresses, refused);
  const through = permit.proxy === undefined ? {} : { proxy: permit.proxy };
  const recorded = await rooms.record({ ...event, detail: { ...event.detail, ...through, ...more } });
  if (!recorded.ok) return refusalOf(permit, "audit_unavailable");
  exchange.admitted = true;
  return exchange.cutReason === undefined ? ok(undefined) : refusalOf(permit, exchange.cutReason);
}

/**
 * What `lostPermission` says of an exchange that was just dialled; asked in full only where policy or network was
 * swapped since it was judged.
 */
export function lostMeanwhile(rooms: AdmissionRooms, exchange: Exchange): Reason | undefined {
  const { judgedBy } = exchange;
  const same =
    judgedBy !== undefined &&
    rooms.policy() === judgedBy.policy &&
    rooms.models() === judgedBy.models &&
    rooms.network() === judgedBy.network &&
    rooms.governance.state() === judgedBy.governance;
  return exchange.cutReason ?? (same ? undefined : lostPermission(rooms, exchange));
}

/**
 * Why an exchange may not go on, by the policy and the network as they are now; undefined where it may. Asked of every
 * live exchange at each swap, and of one whose policy was swapped while it was being dialled.
 */
export function lostPermission(rooms: AdmissionRooms, exchange: Exchange): Reason | undefined {
  const { request, permit, address } = exchange;
  if (request === undefined || permit === undefined) return undefined;
  const now = rooms.policyTime();
  const { grant } = exchange;
  if (grant !== undefined && !rooms.governance.stands(grant.id)) return "approval_expired";
  const decision = decide(rooms.policy(), request, now, surroundings(rooms), grant);
  if (decision.effect === "deny") return decision.reason;
  const refused = rooms.governance.standing(exchange);
  if (refused !== undefined) return refused;
  const kept = stillPermitted(
    rooms.policy(),
    rooms.network(),
    { request, permit, address },
    now,
    surroundings(rooms),
    grant,
  );
  return kept ? undefined : "address_not_allowed";
}

/** The egress policy's word on a request as it is now, without any approval; nothing comes of it. */
export function egressDecision(rooms: AdmissionRooms, request: EgressRequest): Decision {
  return decide(rooms.policy(), request, rooms.policyTime(), surroundings(rooms));
}

/** Where only the agent API leads (model providers, and MCP servers), and what is on a blocklist. */
export function surroundings(rooms: Pick<AdmissionRooms, "models" | "governance" | "blocklist">): Surroundings {
  const models = rooms.models();
  return {
    isProviderHost: (host, port) =>
      (models.state === "loaded" && models.isProviderHost(host, port)) || rooms.governance.isServer(host, port),
    blocklist: (host) => rooms.blocklist(host),
  };
}

export function refusalOf(
  permit: NamePermit,
  reason: Reason,
  detail?: string,
): { readonly ok: false; readonly problem: Refused } {
  return fail({ reason, policy: permit.policy, rule: permit.rule, ...(detail === undefined ? {} : { detail }) });
}
