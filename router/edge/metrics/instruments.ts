import type { Registry } from "prom-client";
import type { Millis } from "../../core/base/quantity.ts";
import { type Reason, REASONS } from "../../core/base/reason.ts";
import type { ActionKind } from "../../core/governance/action-kind.ts";
import type { Family } from "../../core/inference/api.ts";
import type { CallOutcome } from "../../core/outcome/inference-outcome.ts";
import type { Outcome } from "../../core/outcome/outcome.ts";
import { callError } from "../../core/telemetry/call-error.ts";
import { CONTENT_SIGNALS, contentSignal } from "../../core/telemetry/content-signal.ts";
import { CallCounts } from "./call-counts.ts";
import { DurationHistogram } from "./duration-histogram.ts";
import {
  type AgentHandshakeResult,
  type DnsDecision,
  EgressCounts,
  type EgressGauges,
  type OriginHandshakeResult,
} from "./egress-families.ts";
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
import {
  type AlertKind,
  GovernanceCounts,
  type GovernanceDecision,
  type GovernanceGauges,
  type RequestOutcome,
} from "./governance-families.ts";
import { GenAiCounts } from "./gen-ai-counts.ts";
import { type InferenceCounts, inferenceFamilies, type InferenceGauges } from "./inference-families.ts";
import { Tally } from "./tally.ts";

export interface Exposition {
  readonly contentType: string;
  readonly body: string;
}

/** What of an inference policy has names that labels may hold. */
export interface NamedModels {
  readonly models: readonly { readonly name: string; readonly targets: readonly { readonly model: string }[] }[];
  readonly providers: readonly { readonly id: string; readonly api: Family }[];
}

const CONNECT_BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const DECISION_BOUNDS = [0.000_001, 0.000_002_5, 0.000_005, 0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.001, 0.01];
const SYNC_BOUNDS = [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1];

const FIRST_TOKEN_BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const OVERHEAD_BOUNDS = [0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 1];

const reasons = Object.keys(REASONS) as readonly Reason[];

/**
 * Counts what happens. Every label value comes from a closed list, or is a name of an inference policy that was in force,
 * so neither an agent nor a provider can make a series of its own. Counting an exchange is plain arithmetic (50 to 70 ns
 * measured, an inference call 200 to 300 ns); prom-client is loaded, and text made, for the scrape.
 */
export class Instruments {
  readonly #version: string;
  readonly #sources: GaugeSources;
  readonly #genAi: GenAiCounts;
  #gauges: InferenceGauges | undefined;
  #registry: Promise<Registry> | undefined;
  readonly #counts: Counts = {
    decisions: { allow: new Tally(["none", ...reasons]), deny: new Tally(reasons), none: new Tally(["none"]) },
    octets: new Tally(["in", "out"]),
    records: new Tally(RECORD_OUTCOMES),
    reloads: {
      EgressPolicy: new Tally(RELOAD_OUTCOMES),
      InferencePolicy: new Tally(RELOAD_OUTCOMES),
      GovernancePolicy: new Tally(RELOAD_OUTCOMES),
      SignerPolicy: new Tally(RELOAD_OUTCOMES),
    },
  };
  readonly #inference: InferenceCounts = {
    calls: new CallCounts(),
    denials: { refused: new Tally(reasons), aborted: new Tally(reasons) },
    signals: new Tally([...CONTENT_SIGNALS.keys()]),
  };
  readonly #governance = new GovernanceCounts();
  #governanceGauges: GovernanceGauges | undefined;
  readonly #egress = new EgressCounts();
  #egressGauges: EgressGauges | undefined;
  readonly #firstToken = new DurationHistogram(
    "sluice_inference_time_to_first_token_seconds",
    "From the last octet of a call's request to the first content of its answer.",
    FIRST_TOKEN_BOUNDS,
  );
  readonly #overhead = new DurationHistogram(
    "sluice_inference_overhead_seconds",
    "Of a call's time, what was not waiting for agent, provider or disk.",
    OVERHEAD_BOUNDS,
  );
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

  /** `latestNames`: the `gen_ai.*` metrics of the newest conventions instead of the established ones. */
  constructor(version: string, sources: GaugeSources, latestNames = false) {
    this.#version = version;
    this.#sources = sources;
    this.#genAi = new GenAiCounts(latestNames);
  }

  /** Call once for each exchange; `admitted` says that its permission is on record. */
  settled(outcome: Outcome, admitted: boolean): void {
    const { allow, deny, none } = this.#counts.decisions;
    if (outcome.facts.connect !== undefined) this.#connect.observe(outcome.facts.connect);
    if (outcome.kind === "refused") deny.add(outcome.reason);
    else if (admitted) allow.add(outcome.kind === "aborted" ? (outcome.reason ?? "none") : "none");
    else none.add("none");
  }

  /** Whose budgets, circuits and spans are read at each scrape. */
  inference(gauges: InferenceGauges): void {
    this.#gauges = gauges;
  }

  /** An inference policy came into force: its names may be values of labels from here on, and stay so. */
  models({ models, providers }: NamedModels): void {
    const names = models.map(({ name }) => name);
    const targets = models.flatMap((model) => model.targets.map(({ model: target }) => target));
    this.#inference.calls.learn(
      names,
      providers.map(({ id }) => id),
    );
    this.#genAi.learn(
      [...names, ...targets],
      providers.map(({ id, api }) => [id, api]),
    );
  }

  /** Whose approvals, requests and scores are read at each scrape. */
  governance(gauges: GovernanceGauges): void {
    this.#governanceGauges = gauges;
  }

  /** Whose feeds, observations and certificates are read at each scrape. */
  egress(gauges: EgressGauges): void {
    this.#egressGauges = gauges;
  }

  /** Handshakes of inspected connections. */
  readonly handshakes = {
    agent: (result: AgentHandshakeResult): void => this.#egress.withAgent(result),
    origin: (result: OriginHandshakeResult): void => this.#egress.withOrigin(result),
  };

  /** Call once for each question of the DNS. */
  answered(decision: DnsDecision): void {
    this.#egress.answered(decision);
  }

  /** Call once for each action that was judged. */
  judged(action: ActionKind, decision: GovernanceDecision): void {
    this.#governance.decided(action, decision);
  }

  alerted(kind: AlertKind): void {
    this.#governance.alerted(kind);
  }

  /** What became of an EgressApproval that was to be created. */
  requested(outcome: RequestOutcome): void {
    this.#governance.requested(outcome);
  }

  /** Call once for each inference call. */
  called(outcome: CallOutcome): void {
    const { calls, denials, signals } = this.#inference;
    const { facts } = outcome;
    calls.add(outcome);
    this.#genAi.add(outcome, callError(outcome));
    if (outcome.kind !== "completed" && outcome.reason !== undefined) denials[outcome.kind].add(outcome.reason);
    if (facts.firstToken !== undefined) this.#firstToken.observe(facts.firstToken);
    if (facts.overhead !== undefined) this.#overhead.observe(facts.overhead);
    for (const signal of facts.signals) signals.add(contentSignal(signal));
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
    for (const histogram of [this.#connect, this.#decision, this.#sync, this.#firstToken, this.#overhead]) {
      parts.push(histogram.exposition());
    }
    parts.push(this.#genAi.exposition());
    return { contentType: registry.contentType, body: parts.join("\n") };
  }

  #open(): Promise<Registry> {
    this.#registry ??= import("./registry.ts").then(({ openRegistry }) =>
      openRegistry([
        ...metricFamilies(this.#version, this.#counts, this.#sources),
        ...inferenceFamilies(this.#inference, () => this.#gauges),
        ...this.#egress.families(() => this.#egressGauges),
        ...this.#governance.families(() => this.#governanceGauges),
      ]),
    );
    return this.#registry;
  }
}
