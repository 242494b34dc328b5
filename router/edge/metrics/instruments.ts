import type { Registry } from "prom-client";
import type { Millis } from "../../core/base/quantity.ts";
import { type Reason, REASONS } from "../../core/base/reason.ts";
import type { Outcome } from "../../core/outcome/outcome.ts";
import { DurationHistogram } from "./duration-histogram.ts";
import {
  type Counts,
  type GaugeSources,
  metricFamilies,
  type PolicyKind,
  RECORD_OUTCOMES,
  type RecordOutcome,
  RELOAD_OUTCOMES,
  type ReloadOutcome,
} from "./families.ts";
import { Tally } from "./tally.ts";

export interface Exposition {
  readonly contentType: string;
  readonly body: string;
}

const CONNECT_BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const DECISION_BOUNDS = [0.000_001, 0.000_002_5, 0.000_005, 0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.001, 0.01];
const SYNC_BOUNDS = [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1];

const reasons = Object.keys(REASONS) as readonly Reason[];

/**
 * Counts what happens. Every label value comes from a closed list and every series exists from the start, so neither
 * an agent nor a name can make more. Counting an exchange is plain arithmetic (50 to 70 ns, measured); prom-client is
 * loaded, and text made, for the scrape.
 */
export class Instruments {
  readonly #version: string;
  readonly #sources: GaugeSources;
  #registry: Promise<Registry> | undefined;
  readonly #counts: Counts = {
    decisions: { allow: new Tally(["none", ...reasons]), deny: new Tally(reasons), none: new Tally(["none"]) },
    octets: new Tally(["in", "out"]),
    records: new Tally(RECORD_OUTCOMES),
    reloads: { EgressPolicy: new Tally(RELOAD_OUTCOMES), InferencePolicy: new Tally(RELOAD_OUTCOMES), SignerPolicy: new Tally(RELOAD_OUTCOMES) },
  };
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
    this.#version = version;
    this.#sources = sources;
  }

  /** Call once for each exchange; `admitted` says that its permission is on record. */
  settled(outcome: Outcome, admitted: boolean): void {
    const { allow, deny, none } = this.#counts.decisions;
    if (outcome.facts.connect !== undefined) this.#connect.observe(outcome.facts.connect);
    if (outcome.kind === "refused") deny.add(outcome.reason);
    else if (admitted) allow.add(outcome.kind === "aborted" ? (outcome.reason ?? "none") : "none");
    else none.add("none");
  }

  decisionTook(elapsed: Millis): void {
    this.#decision.observe(elapsed);
  }

  /** Octets of payload, as they flow; `out` is from the agent to origins. */
  relayed(direction: "in" | "out", octets: number): void {
    this.#counts.octets.add(direction, octets);
  }

  reloaded(kind: PolicyKind, outcome: ReloadOutcome): void {
    this.#counts.reloads[kind].add(outcome);
  }

  recorded(outcome: RecordOutcome, records: number): void {
    this.#counts.records.add(outcome, records);
  }

  auditSyncTook(elapsed: Millis): void {
    this.#sync.observe(elapsed);
  }

  /**
   * Loads what a scrape needs, 25 to 60 ms of work (measured): call it once the process is ready, so that neither the
   * start nor the first scrape pays. From here on garbage collection and loop delay are observed.
   */
  async prepare(): Promise<void> {
    await this.#open();
  }

  /** The whole of `/metrics`, in the Prometheus text format 0.0.4. */
  async exposition(): Promise<Exposition> {
    const registry = await this.#open();
    const parts = [await registry.metrics()];
    for (const histogram of [this.#connect, this.#decision, this.#sync]) parts.push(histogram.exposition());
    return { contentType: registry.contentType, body: parts.join("\n") };
  }

  #open(): Promise<Registry> {
    this.#registry ??= import("./registry.ts").then(({ openRegistry }) =>
      openRegistry(metricFamilies(this.#version, this.#counts, this.#sources)),
    );
    return this.#registry;
  }
}
