import type { Family } from "./registry.ts";
import { Tally } from "./tally.ts";

export const DNS_DECISIONS = ["allow", "deny", "failed", "limited", "malformed"] as const;
/** `failed`: the resolver; `limited`: too many questions; `malformed`: it could not be read. */
export type DnsDecision = (typeof DNS_DECISIONS)[number];

/** With the agent, and with the origin. */
export const AGENT_HANDSHAKES = ["completed", "distrusts", "left", "timeout", "failed", "given_up"] as const;
export type AgentHandshakeResult = (typeof AGENT_HANDSHAKES)[number];
export const ORIGIN_HANDSHAKES = ["completed", "upstream_unreachable", "upstream_invalid"] as const;
export type OriginHandshakeResult = (typeof ORIGIN_HANDSHAKES)[number];

/** What is read at each scrape. Names of feeds are the configuration's. */
export interface EgressGauges {
  blocklists(): readonly {
    readonly feed: string;
    readonly entries: number;
    /** Undefined: it was never loaded. */
    readonly ageSeconds: number | undefined;
  }[];
  /** A policy with mode: learn is in force. */
  learning(): boolean;
  /** Distinct requests that are remembered. */
  learned(): number;
  /** Certificates minted since the start. */
  minted(): number;
}

export class EgressCounts {
  readonly #answers = new Tally(DNS_DECISIONS);
  readonly #agents = new Tally(AGENT_HANDSHAKES);
  readonly #origins = new Tally(ORIGIN_HANDSHAKES);

  answered(decision: DnsDecision): void {
    this.#answers.add(decision);
  }

  withAgent(result: AgentHandshakeResult): void {
    this.#agents.add(result);
  }

  withOrigin(result: OriginHandshakeResult): void {
    this.#origins.add(result);
  }

  families(gauges: () => EgressGauges | undefined): readonly Family[] {
    const feeds = () => gauges()?.blocklists() ?? [];
    return [
      {
        type: "counter",
        name: "sluice_dns_queries_total",
        help: "The agent's questions of the DNS by what was decided.",
        labelNames: ["decision"],
        read: () => this.#answers.series((decision) => ({ decision })),
      },
      {
        type: "gauge",
        name: "sluice_blocklist_entries",
        help: "Entries of a feed that are in force.",
        labelNames: ["feed"],
        read: () => feeds().map(({ feed, entries }) => ({ labels: { feed }, value: entries })),
      },
      {
        type: "gauge",
        name: "sluice_blocklist_age_seconds",
        help: "Since a feed was last got as its publisher has it. Not there where it never was.",
        labelNames: ["feed"],
        read: () =>
          feeds().flatMap(({ feed, ageSeconds }) =>
            ageSeconds === undefined ? [] : [{ labels: { feed }, value: ageSeconds }],
          ),
      },
      gauge("sluice_egress_learning", "1: a policy with mode: learn allows what nobody listed.", () =>
        gauges()?.learning() === true ? 1 : 0,
      ),
      gauge("sluice_egress_learned", "Distinct requests that learn mode remembers.", () => gauges()?.learned() ?? 0),
      {
        type: "counter",
        name: "sluice_inspection_handshakes_total",
        help: "TLS handshakes of inspected connections by what became of them.",
        labelNames: ["side", "result"],
        read: () => [
          ...this.#agents.series((result) => ({ side: "agent", result })),
          ...this.#origins.series((result) => ({ side: "origin", result })),
        ],
      },
      {
        type: "counter",
        name: "sluice_inspection_certificates_total",
        help: "Certificates minted for inspected hosts.",
        labelNames: [],
        read: () => [{ labels: {}, value: gauges()?.minted() ?? 0 }],
      },
    ];
  }
}

function gauge(name: string, help: string, read: () => number): Family {
  return { type: "gauge", name, help, labelNames: [], read: () => [{ labels: {}, value: read() }] };
}
