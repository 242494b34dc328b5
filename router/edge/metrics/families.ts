import type { EpochMillis } from "../../core/base/quantity.ts";
import type { Reason } from "../../core/base/reason.ts";
import type { Family } from "./registry.ts";
import type { Series, Tally } from "./tally.ts";

/** The kinds of document that have series of their own. */
export const POLICY_KINDS = ["EgressPolicy", "InferencePolicy", "GovernancePolicy", "SignerPolicy"] as const;
export type PolicyKind = (typeof POLICY_KINDS)[number];

export const RELOAD_OUTCOMES = ["accepted", "refused"] as const;
export type ReloadOutcome = (typeof RELOAD_OUTCOMES)[number];

/** As the audit log says it (edge/audit/losses.ts): all but `written` are in no record but a gap's count. */
export const RECORD_OUTCOMES = ["written", "refused", "dropped", "unrecorded"] as const;
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

/** One place that audit records are sent to. */
export interface ExportFacts {
  readonly name: string;
  readonly delivered: number;
  readonly rejected: number;
  readonly lagSeconds: number;
}

/** What is read at each scrape from whoever knows it, so that no gauge can fall behind. */
export interface GaugeSources {
  tunnels(): number;
  guardVerified(): boolean;
  policies(): readonly PolicyFacts[];
  /** Seconds since the audit log's newest head was signed, or since the start. */
  checkpointAge(): number;
  /** Places where heads should be kept, and are not. */
  outputsFailing(): number;
  /** Names are the configuration's. */
  exports(): readonly ExportFacts[];
}

/** What the instruments count. */
export interface Counts {
  readonly decisions: {
    readonly allow: Tally<Reason | "none">;
    readonly deny: Tally<Reason>;
    readonly none: Tally<"none">;
  };
  readonly octets: Tally<"in" | "out">;
  readonly records: Tally<RecordOutcome>;
  readonly reloads: Readonly<Record<PolicyKind, Tally<ReloadOutcome>>>;
}

/** The counters and gauges of contract.md that egress, policy and audit feed. */
export function metricFamilies(version: string, counts: Counts, sources: GaugeSources): readonly Family[] {
  const { allow, deny, none } = counts.decisions;
  return [
    {
      type: "counter",
      name: "sluice_egress_decisions_total",
      help: "Exchanges by what was decided; an allowed one with a reason was cut off for it; none: the agent left first.",
      labelNames: ["decision", "reason"],
      read: () => [
        ...allow.series((reason) => ({ decision: "allow", reason })),
        ...deny.series((reason) => ({ decision: "deny", reason })),
        ...none.series((reason) => ({ decision: "none", reason })),
      ],
    },
    {
      type: "counter",
      name: "sluice_egress_bytes_total",
      help: "Octets of payload; in: from origins to the agent, out: from the agent to origins.",
      labelNames: ["direction"],
      read: () => counts.octets.series((direction) => ({ direction })),
    },
    {
      type: "counter",
      name: "sluice_audit_records_total",
      help: "Audit records by what became of them.",
      labelNames: ["outcome"],
      read: () => counts.records.series((outcome) => ({ outcome })),
    },
    {
      type: "counter",
      name: "sluice_policy_reloads_total",
      help: "Documents that were read, first loads included, by what became of them.",
      labelNames: ["kind", "outcome"],
      read: () => POLICY_KINDS.flatMap((kind) => counts.reloads[kind].series((outcome) => ({ kind, outcome }))),
    },
    gauge("sluice_egress_tunnels", "Tunnels open now.", () => sources.tunnels()),
    gauge("sluice_guard_verified", "1: the egress guard was proved for this pod.", () =>
      sources.guardVerified() ? 1 : 0,
    ),
    gauge("sluice_audit_checkpoint_age_seconds", "Time since the audit log's newest head was signed.", () =>
      sources.checkpointAge(),
    ),
    gauge("sluice_audit_outputs_failing", "Files and witnesses that do not get the audit log's heads now.", () =>
      sources.outputsFailing(),
    ),
    {
      type: "counter",
      name: "sluice_audit_exported_records_total",
      help: "Audit records by export and by what became of them; sent twice counts twice.",
      labelNames: ["export", "outcome"],
      read: () =>
        sources.exports().flatMap(({ name, delivered, rejected }) => [
          { labels: { export: name, outcome: "delivered" }, value: delivered },
          { labels: { export: name, outcome: "rejected" }, value: rejected },
        ]),
    },
    {
      type: "gauge",
      name: "sluice_audit_export_lag_seconds",
      help: "Age of the oldest record that waits to be exported; 0: none.",
      labelNames: ["export"],
      read: () => sources.exports().map(({ name, lagSeconds }) => ({ labels: { export: name }, value: lagSeconds })),
    },
    {
      type: "gauge",
      name: "sluice_build_info",
      help: "Always 1; the labels say what runs.",
      labelNames: ["version", "node"],
      read: () => [{ labels: { version, node: process.version }, value: 1 }],
    },
    perPolicy(
      sources,
      "sluice_policy_version",
      "Version of the loaded document; 0: none.",
      ({ version: loaded }) => loaded,
    ),
    perPolicy(
      sources,
      "sluice_policy_loaded_timestamp_seconds",
      "When the loaded document was accepted; 0: none.",
      ({ loadedAt }) => loadedAt / 1000,
    ),
    perPolicy(
      sources,
      "sluice_policy_expires_timestamp_seconds",
      "When the loaded document expires; 0: none is loaded.",
      ({ expiresAt }) => (expiresAt === undefined ? undefined : expiresAt / 1000),
    ),
  ];
}

function gauge(name: string, help: string, read: () => number): Family {
  return { type: "gauge", name, help, labelNames: [], read: () => [{ labels: {}, value: read() }] };
}

function perPolicy(
  sources: GaugeSources,
  name: string,
  help: string,
  read: (facts: PolicyFacts) => number | undefined,
): Family {
  const series = (facts: PolicyFacts): readonly Series[] => {
    const value = read(facts);
    return value === undefined ? [] : [{ labels: { kind: facts.kind }, value }];
  };
  return { type: "gauge", name, help, labelNames: ["kind"], read: () => sources.policies().flatMap(series) };
}
