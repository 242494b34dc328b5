import type { BudgetView } from "../../core/budget/budget-view.ts";
import type { SpanCounts } from "../../core/telemetry/span-counts.ts";
import type { Reason } from "../../core/base/reason.ts";
import { CONTENT_SIGNALS } from "../../core/telemetry/content-signal.ts";
import type { CallCounts } from "./call-counts.ts";
import type { Family } from "./registry.ts";
import type { Series, Tally } from "./tally.ts";

/** One target's circuit breaker. Names are the policy's. */
export interface CircuitFacts {
  readonly provider: string;
  /** The provider's name of the model. */
  readonly target: string;
  readonly state: "closed" | "half_open" | "open";
}

/** What is read at each scrape of the inference router. */
export interface InferenceGauges {
  /** Calls that have not ended. */
  calls(): number;
  budgets(): readonly BudgetView[];
  circuits(): readonly CircuitFacts[];
  spans(): SpanCounts;
}

export interface InferenceCounts {
  readonly calls: CallCounts;
  readonly denials: { readonly refused: Tally<Reason>; readonly aborted: Tally<Reason> };
  readonly signals: Tally<string>;
}

const CIRCUIT_STATES = { closed: 0, half_open: 1, open: 2 } as const;

/** The counters and gauges of contract.md that inference calls feed; `gauges` is undefined until there is a router. */
export function inferenceFamilies(
  { calls, denials, signals }: InferenceCounts,
  gauges: () => InferenceGauges | undefined,
): readonly Family[] {
  return [
    counter(
      "sluice_inference_requests_total",
      "Inference calls by how they ended; model and provider are the policy's names.",
      ["api", "provider", "model", "outcome"],
      () => calls.requests(),
    ),
    counter(
      "sluice_inference_denials_total",
      "Inference calls that the router refused, or aborted after something was sent, by reason.",
      ["outcome", "reason"],
      () => [
        ...denials.refused.series((reason) => ({ outcome: "refused", reason })),
        ...denials.aborted.series((reason) => ({ outcome: "aborted", reason })),
      ],
    ),
    counter(
      "sluice_inference_tokens_total",
      "Tokens, estimated ones included; caches, reasoning and audio are parts of input and output.",
      ["model", "type"],
      () => calls.tokens(),
    ),
    counter(
      "sluice_inference_cost_usd_total",
      "What calls cost by the policy's prices, in US dollars.",
      ["model"],
      () => calls.cost(),
    ),
    counter(
      "sluice_inference_estimated_total",
      "Calls that were charged by an estimate, since the provider did not say their usage.",
      ["model"],
      () => calls.estimated(),
    ),
    counter(
      "sluice_inference_content_filter_total",
      "What providers' own content filters reported.",
      ["category", "severity"],
      () => signals.series((signal) => ({ ...CONTENT_SIGNALS.get(signal) })),
    ),
    {
      type: "gauge",
      name: "sluice_inference_calls",
      help: "Inference calls that have not ended.",
      labelNames: [],
      read: () => [{ labels: {}, value: gauges()?.calls() ?? 0 }],
    },
    {
      type: "gauge",
      name: "sluice_inference_circuit_state",
      help: "Circuit breaker of a model's target; 0: closed, 1: half-open, 2: open.",
      labelNames: ["provider", "target"],
      read: () =>
        (gauges()?.circuits() ?? []).map(({ provider, target, state }) => ({
          labels: { provider, target },
          value: CIRCUIT_STATES[state],
        })),
    },
    budgetGauge("sluice_budget_limit", "A budget's limit.", gauges, ({ unit, limit }) => amount(unit, limit)),
    budgetGauge("sluice_budget_remaining", "What a budget has left; what is held for calls is not.", gauges, (view) =>
      amount(view.unit, view.remaining),
    ),
    budgetGauge(
      "sluice_budget_reset_timestamp_seconds",
      "When all that a budget has counted is forgotten; absent where it remembers nothing.",
      gauges,
      ({ resetAt }) => (resetAt === undefined ? undefined : resetAt / 1000),
    ),
    counter("sluice_tracing_spans_total", "Spans by what became of them.", ["outcome"], () => {
      const spans = gauges()?.spans();
      if (spans === undefined) return [];
      const { exported, failed, dropped } = spans;
      return Object.entries({ exported, failed, dropped }).map(([outcome, value]) => ({ labels: { outcome }, value }));
    }),
  ];
}

function counter(name: string, help: string, labelNames: readonly string[], read: () => readonly Series[]): Family {
  return { type: "counter", name, help, labelNames, read };
}

/** Costs are kept in billionths of a dollar. */
function amount(unit: BudgetView["unit"], value: number): number {
  return unit === "cost" ? value / 1e9 : value;
}

function budgetGauge(
  name: string,
  help: string,
  gauges: () => InferenceGauges | undefined,
  read: (view: BudgetView) => number | undefined,
): Family {
  const series = (view: BudgetView): readonly Series[] => {
    const value = read(view);
    return value === undefined ? [] : [{ labels: budgetLabels(view), value }];
  };
  return {
    type: "gauge",
    name,
    help,
    labelNames: ["budget", "window", "unit", "model"],
    read: () => (gauges()?.budgets() ?? []).flatMap(series),
  };
}

/** `model` only where each of a budget's models is counted by itself. */
function budgetLabels({ id, window, unit, model }: BudgetView): Series["labels"] {
  return {
    budget: id,
    window: window.kind === "rolling" ? `${window.millis / 1000}s` : window.kind,
    unit: unit === "cost" ? "usd" : unit,
    ...(model === undefined ? {} : { model }),
  };
}
