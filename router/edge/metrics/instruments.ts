import { collectDefaultMetrics, Registry } from "prom-client";
import type { EpochMillis, Millis } from "../../core/base/quantity.ts";
import { type Reason, REASONS } from "../../core/base/reason.ts";
import type { Outcome } from "../../core/outcome/outcome.ts";
import { DurationHistogram } from "./duration-histogram.ts";
import { registerCounter, registerGauge, Tally } from "./scraped-series.ts";

/** The kinds of document that have series of their own. */
export const POLICY_KINDS = ["EgressPolicy", "SignerPolicy"] as const;
export type PolicyKind = (typeof POLICY_KINDS)[number];

const RELOAD_OUTCOMES = ["accepted", "refused"] as const;
export type ReloadOutcome = (typeof RELOAD_OUTCOMES)[number];

/** `lost`: never written, and admitted by a gap record. */
const RECORD_OUTCOMES = ["written", "failed", "lost"] as const;
export type RecordOutcome = (typeof RECORD_OUTCOMES)[number];

export interface PolicyFacts {
  readonly kind: PolicyKind;
  /** 0: none is loaded. */
  readonly version: number;
  /** 0: none is loaded. */
  readonly loadedAt: EpochMillis;
  /** Undefined for a kind that does not expire; 0: none is loaded. */
  readonly expiresAt: EpochMillis | undefined;
}

/** What is read at each scrape from whoever knows it, so that no gauge can fall behind. */
export interface GaugeSources {
  tunnels(): number;
  guardVerified(): boolean;
  policies(): readonly PolicyFacts[];
}

export interface Exposition {
  readonly contentType: string;
  readonly body: string;
}

/** How often the event loop's delay is sampled; at prom-client's own 10 ms that alone costs 0.6 % of a core (measured). */
const LOOP_SAMPLE_MILLIS = 100;

const CONNECT_BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const DECISION_BOUNDS = [0.000_001, 0.000_002_5, 0.000_005, 0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.001, 0.01];
const SYNC_BOUNDS = [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1];

const reasons = Object.keys(REASONS) as readonly Reason[];

/**
 * The metrics of contract.md that egress, policy and audit feed. Every label value comes from a closed list and every
 * series exists from the start, so neither an agent nor a name can make more. The counting of an exchange is plain
 * arithmetic; text is made at the scrape.
 */
export class Instruments {
  readonly #registry = new Registry();
  readonly #allowed = new Tally<Reason | "none">(["none", ...reasons]);
  readonly #denied = new Tally(reasons);
  #undecided = 0;
  #octetsIn = 0;
  #octetsOut = 0;
  readonly #reloads = new Map(POLICY_KINDS.map((kind) => [kind, new Tally(RELOAD_OUTCOMES)] as const));
  readonly #records = new Tally(RECORD_OUTCOMES);
  readonly #connect = new DurationHistogram(
    "sluice_egress_connect_seconds",
    "Time to connect to an origin, for connections that were made.",
    CONNECT_BOUNDS,
  );
  readonly #decision = new DurationHistogram(
    "sluice_egress_decision_seconds",
    "Time in which the policy decided.",
    DECISION_BOUNDS,
  );
  readonly #sync = new DurationHistogram(
    "sluice_audit_sync_seconds",
    "Time to make audit records durable.",
    SYNC_BOUNDS,
  );

  constructor(version: string, sources: GaugeSources) {
    this.#registerEgress(sources);
    this.#registerPolicy(sources);
    this.#registerProcess(version, sources);
  }

  /** Call once for each exchange; `admitted` says that its permission is on record. */
  settled(outcome: Outcome, admitted: boolean): void {
    if (outcome.facts.connect !== undefined) this.#connect.observe(outcome.facts.connect);
    if (outcome.kind === "refused") this.#denied.add(outcome.reason);
    else if (admitted) this.#allowed.add(outcome.kind === "aborted" ? (outcome.reason ?? "none") : "none");
    else this.#undecided += 1;
  }

  decisionTook(elapsed: Millis): void {
    this.#decision.observe(elapsed);
  }

  /** Octets of payload from the agent to origins, as they flow. */
  sent(octets: number): void {
    this.#octetsOut += octets;
  }

  /** Octets of payload from origins to the agent, as they flow. */
  received(octets: number): void {
    this.#octetsIn += octets;
  }

  reloaded(kind: PolicyKind, outcome: ReloadOutcome): void {
    this.#reloads.get(kind)?.add(outcome);
  }

  recorded(outcome: RecordOutcome, records: number): void {
    this.#records.add(outcome, records);
  }

  auditSyncTook(elapsed: Millis): void {
    this.#sync.observe(elapsed);
  }

  /** The whole of `/metrics`, in the Prometheus text format 0.0.4. */
  async exposition(): Promise<Exposition> {
    const families = [await this.#registry.metrics()];
    for (const histogram of [this.#connect, this.#decision, this.#sync]) families.push(histogram.exposition());
    return { contentType: this.#registry.contentType, body: families.join("\n") };
  }

  #registerEgress(sources: GaugeSources): void {
    const registers = [this.#registry];
    registerCounter({
      name: "sluice_egress_decisions_total",
      help: "Exchanges by what was decided; an allowed one with a reason was cut off for it; none: the agent left first.",
      labelNames: ["decision", "reason"],
      registers,
      read: () => [
        ...this.#allowed.series((reason) => ({ decision: "allow", reason })),
        ...this.#denied.series((reason) => ({ decision: "deny", reason })),
        { labels: { decision: "none", reason: "none" }, value: this.#undecided },
      ],
    });
    registerCounter({
      name: "sluice_egress_bytes_total",
      help: "Octets of payload; in: from origins to the agent, out: from the agent to origins.",
      labelNames: ["direction"],
      registers,
      read: () => [
        { labels: { direction: "in" }, value: this.#octetsIn },
        { labels: { direction: "out" }, value: this.#octetsOut },
      ],
    });
    registerCounter({
      name: "sluice_audit_records_total",
      help: "Audit records by what became of them.",
      labelNames: ["outcome"],
      registers,
      read: () => this.#records.series((outcome) => ({ outcome })),
    });
    registerGauge({
      name: "sluice_egress_tunnels",
      help: "Tunnels open now.",
      labelNames: [],
      registers,
      read: () => [{ labels: {}, value: sources.tunnels() }],
    });
  }

  #registerPolicy(sources: GaugeSources): void {
    const registers = [this.#registry];
    const perPolicy = (name: string, help: string, read: (facts: PolicyFacts) => number | undefined): void =>
      registerGauge({
        name,
        help,
        labelNames: ["kind"],
        registers,
        read: () =>
          sources.policies().flatMap((facts) => {
            const value = read(facts);
            return value === undefined ? [] : [{ labels: { kind: facts.kind }, value }];
          }),
      });
    perPolicy("sluice_policy_version", "Version of the loaded document; 0: none.", (facts) => facts.version);
    perPolicy(
      "sluice_policy_loaded_timestamp_seconds",
      "When the loaded document was accepted; 0: none.",
      (facts) => facts.loadedAt / 1000,
    );
    perPolicy(
      "sluice_policy_expires_timestamp_seconds",
      "When the loaded document expires; 0: none is loaded.",
      (facts) => (facts.expiresAt === undefined ? undefined : facts.expiresAt / 1000),
    );
    registerCounter({
      name: "sluice_policy_reloads_total",
      help: "Documents that were read, first loads included, by what became of them.",
      labelNames: ["kind", "outcome"],
      registers,
      read: () => [...this.#reloads].flatMap(([kind, outcomes]) => outcomes.series((outcome) => ({ kind, outcome }))),
    });
  }

  #registerProcess(version: string, sources: GaugeSources): void {
    const registers = [this.#registry];
    registerGauge({
      name: "sluice_guard_verified",
      help: "1: the egress guard was proved for this pod.",
      labelNames: [],
      registers,
      read: () => [{ labels: {}, value: sources.guardVerified() ? 1 : 0 }],
    });
    registerGauge({
      name: "sluice_build_info",
      help: "Always 1; the labels say what runs.",
      labelNames: ["version", "node"],
      registers,
      read: () => [{ labels: { version, node: process.version }, value: 1 }],
    });
    collectDefaultMetrics({ register: this.#registry, eventLoopMonitoringPrecision: LOOP_SAMPLE_MILLIS });
  }
}
