import { ACTION_KINDS, type ActionKind } from "../../core/governance/action-kind.ts";
import type { Family } from "./registry.ts";
import { Tally } from "./tally.ts";

export const GOVERNANCE_DECISIONS = ["allow", "deny", "require_approval", "rate_limit", "observe"] as const;
/** `observe`: it was allowed only because the policy observes. */
export type GovernanceDecision = (typeof GOVERNANCE_DECISIONS)[number];

export const ALERT_KINDS = ["burst", "failures", "denials", "new_destinations", "off_hours", "volume"] as const;
export type AlertKind = (typeof ALERT_KINDS)[number];

/** What became of an EgressApproval that was to be created; `dropped`: there was no room, and nobody asked for it. */
export const REQUEST_OUTCOMES = ["created", "exists", "refused", "failed", "dropped"] as const;
export type RequestOutcome = (typeof REQUEST_OUTCOMES)[number];

/** What is read at each scrape. */
export interface GovernanceGauges {
  approvals(): number;
  /** Requests for access that nobody answered. */
  pending(): number;
  quarantined(): boolean;
  /** Approvals are followed in the API server; undefined: they are not to be. */
  kubernetesSynced(): boolean | undefined;
  /** Every peer of the policy; its score. */
  scores(): readonly (readonly [peer: string, score: number])[];
}

export class GovernanceCounts {
  readonly #decisions = new Map<ActionKind, Tally<GovernanceDecision>>(
    ACTION_KINDS.map((kind) => [kind, new Tally(GOVERNANCE_DECISIONS)]),
  );
  readonly #alerts = new Tally(ALERT_KINDS);
  readonly #requests = new Tally(REQUEST_OUTCOMES);

  decided(action: ActionKind, decision: GovernanceDecision): void {
    this.#decisions.get(action)?.add(decision);
  }

  alerted(kind: AlertKind): void {
    this.#alerts.add(kind);
  }

  requested(outcome: RequestOutcome): void {
    this.#requests.add(outcome);
  }

  families(gauges: () => GovernanceGauges | undefined): readonly Family[] {
    return [
      {
        type: "counter",
        name: "sluice_governance_decisions_total",
        help: "Actions by kind and by what was decided; observe: a rule would have refused it.",
        labelNames: ["action", "decision"],
        read: () =>
          [...this.#decisions].flatMap(([action, tally]) => tally.series((decision) => ({ action, decision }))),
      },
      {
        type: "counter",
        name: "sluice_governance_alerts_total",
        help: "Alarms of the behaviour monitor by what was watched for.",
        labelNames: ["kind"],
        read: () => this.#alerts.series((kind) => ({ kind })),
      },
      gauge("sluice_approvals_active", "Approvals in force.", () => gauges()?.approvals() ?? 0),
      gauge("sluice_access_requests_pending", "Requests for access that wait.", () => gauges()?.pending() ?? 0),
      gauge("sluice_governance_quarantined", "1: everything is denied until an operator lifts it.", () =>
        gauges()?.quarantined() === true ? 1 : 0,
      ),
      {
        type: "gauge",
        name: "sluice_kubernetes_watch_synced",
        help: "1: approvals are followed in the API server. Not there where they are not to be.",
        labelNames: ["resource"],
        read: () => {
          const isSynced = gauges()?.kubernetesSynced();
          if (isSynced === undefined) return [];
          return [{ labels: { resource: "egressapprovals" }, value: isSynced ? 1 : 0 }];
        },
      },
      {
        type: "counter",
        name: "sluice_kubernetes_requests_total",
        help: "EgressApprovals that were to be created, by what became of it.",
        labelNames: ["outcome"],
        read: () => this.#requests.series((outcome) => ({ outcome })),
      },
      {
        type: "gauge",
        name: "sluice_peer_trust_score",
        help: "0 to 1000; peers are those of the policy.",
        labelNames: ["peer"],
        read: () => (gauges()?.scores() ?? []).map(([peer, value]) => ({ labels: { peer }, value })),
      },
    ];
  }
}

function gauge(name: string, help: string, read: () => number): Family {
  return { type: "gauge", name, help, labelNames: [], read: () => [{ labels: {}, value: read() }] };
}
