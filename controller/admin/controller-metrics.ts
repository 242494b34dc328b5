import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import type { EpochMillis } from "../../router/core/base/quantity.ts";
import type { Observation } from "../admission/admission-server.ts";

/** What is asked at each scrape. */
export interface MetricSources {
  /** Of the package. */
  readonly version: string;
  /** The end of what is served; undefined: nothing is. */
  certificateEnd(): EpochMillis | undefined;
  /** Injected pods by whether they have the guard: `guard`, `not-enforced`; undefined: they are not known yet. */
  injectedPods(): ReadonlyMap<string, number> | undefined;
  /** Pods in enforced namespaces that are older than the label; undefined: not known. */
  uninjectedPods(): number | undefined;
}

export interface ControllerMetrics {
  admission(observation: Observation): void;
  /** `kind`: of our own kinds; `outcome`: one of a closed list of the reconcilers. */
  reconciled(kind: string, outcome: string): void;
  render(): Promise<{ readonly contentType: string; readonly body: string }>;
}

const LOOP_SAMPLE_MILLIS = 100;
const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

/** A registry of its own: the controller's families under the names of contract.md, and prom-client's process defaults. */
export function openControllerMetrics(sources: MetricSources): ControllerMetrics {
  const registry = new Registry();
  const registers = [registry];
  const requests = new Counter({
    name: "sluice_admission_requests_total",
    help: "Requests to the webhooks. failed: no judgement was made, and the API server refused for it.",
    labelNames: ["webhook", "outcome", "code"],
    registers,
  });
  const seconds = new Histogram({
    name: "sluice_admission_seconds",
    help: "From the head of a review to the end of its answer.",
    labelNames: ["webhook"],
    buckets: SECONDS,
    registers,
  });
  const reconciles = new Counter({
    name: "sluice_reconciles_total",
    help: "Objects that were looked at, and what came of it.",
    labelNames: ["kind", "outcome"],
    registers,
  });
  const end: Gauge = new Gauge({
    name: "sluice_webhook_certificate_expires_timestamp_seconds",
    help: "When the certificate that is served ends; 0: none is served.",
    registers,
    collect: () => {
      end.set((sources.certificateEnd() ?? 0) / 1000);
    },
  });
  const injected = new Gauge({
    name: "sluice_injected_pods",
    help: "Injected pods that are running or about to, by how their egress is enforced.",
    labelNames: ["enforcement"],
    registers,
    collect: () => {
      injected.reset();
      for (const [enforcement, count] of sources.injectedPods() ?? []) injected.set({ enforcement }, count);
    },
  });
  // With a label, so that a replica that does not lead says nothing rather than 0.
  const uninjected = new Gauge({
    name: "sluice_uninjected_pods",
    help: "Pods in enforced namespaces that run without Sluice: they are older than the label, and have to be made anew.",
    labelNames: ["scope"],
    registers,
    collect: () => {
      uninjected.reset();
      const count = sources.uninjectedPods();
      if (count !== undefined) uninjected.set({ scope: "enforced" }, count);
    },
  });
  new Gauge({
    name: "sluice_build_info",
    help: "Always 1; the labels say what runs.",
    labelNames: ["version", "node"],
    registers,
  }).set({ version: sources.version, node: process.version }, 1);
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: LOOP_SAMPLE_MILLIS });

  return {
    admission({ webhook, outcome, code, seconds: took }) {
      requests.inc({ webhook, outcome, code });
      seconds.observe({ webhook }, took);
    },
    reconciled(kind, outcome) {
      reconciles.inc({ kind, outcome });
    },
    render: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
  };
}
