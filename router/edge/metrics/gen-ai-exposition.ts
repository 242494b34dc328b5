import {
  ESTABLISHED_METRICS,
  type GenAiHistogram,
  type GenAiInstrument,
  LATEST_METRICS,
  operationGroup,
  type OperationGroup,
  prometheusName,
  SERVER_METRICS,
  USAGE_COUNTERS,
} from "../../core/telemetry/gen-ai-metrics.ts";
import type { GenAiCell, UsageSums } from "./gen-ai-cell.ts";
import { labelText } from "./label-text.ts";

type Cells = readonly GenAiCell[];

/**
 * The `gen_ai_*` families in the Prometheus text format, those without a value left out, as the OpenTelemetry exporter
 * has it. Durations are written twice: the router is a server of its agent and a client of the provider, and one time is
 * both.
 */
export function genAiExposition(cells: Cells, latest: boolean): string {
  const { duration, firstToken, perToken } = SERVER_METRICS;
  return [
    ...(latest ? latestFamilies(cells) : establishedFamilies(cells)),
    durations(duration, cells),
    histogram(firstToken, cells, "firstToken"),
    histogram(perToken, cells, "perToken"),
  ].join("");
}

function establishedFamilies(cells: Cells): readonly string[] {
  const { tokens, duration, firstChunk } = ESTABLISHED_METRICS;
  const lines = cells.flatMap(({ labels, input, output }) => [
    ...(input?.lines(prometheusName(tokens, "histogram"), `${labels},gen_ai_token_type="input"`) ?? []),
    ...(output?.lines(prometheusName(tokens, "histogram"), `${labels},gen_ai_token_type="output"`) ?? []),
  ]);
  return [family(tokens, "histogram", lines), durations(duration, cells), histogram(firstChunk, cells, "firstChunk")];
}

function latestFamilies(cells: Cells): readonly string[] {
  const group = (name: OperationGroup): Cells => cells.filter(({ operation }) => operationGroup(operation) === name);
  const inference = group("inference");
  const embeddings = group("embeddings");
  const { input, output, cacheRead, cacheWrite, reasoning } = USAGE_COUNTERS;
  return [
    durations(LATEST_METRICS.inference, inference),
    durations(LATEST_METRICS.embeddings, embeddings),
    durations(LATEST_METRICS.other, group("other")),
    histogram(LATEST_METRICS.firstChunk, inference, "firstChunk"),
    histogram(LATEST_METRICS.inputTokens, inference, "input"),
    histogram(LATEST_METRICS.outputTokens, inference, "output"),
    histogram(LATEST_METRICS.embeddingsTokens, embeddings, "input"),
    counter(input, inference, (usage) => [usage.input, usage.audioInput]),
    counter(output, inference, (usage) => [usage.output, usage.audioOutput]),
    counter(cacheRead, inference, (usage) => [usage.cacheRead, 0]),
    counter(cacheWrite, inference, (usage) => [usage.cacheWrite, 0]),
    counter(reasoning, inference, (usage) => [usage.reasoning, 0]),
  ];
}

function durations(metric: GenAiHistogram, cells: Cells): string {
  const name = prometheusName(metric, "histogram");
  const lines = cells.flatMap(({ labels, durations: byError }) =>
    [...byError].flatMap(([error, buckets]) =>
      buckets.lines(name, error === "" ? labels : `${labels},${labelText({ error_type: error })}`),
    ),
  );
  return family(metric, "histogram", lines);
}

function histogram(
  metric: GenAiHistogram,
  cells: Cells,
  part: "firstChunk" | "firstToken" | "perToken" | "input" | "output",
): string {
  const name = prometheusName(metric, "histogram");
  const lines = cells.flatMap((cell) => cell[part]?.lines(name, cell.labels) ?? []);
  return family(metric, "histogram", lines);
}

/** What is not said to be audio may be text or images: its modality is unknown. */
function counter(
  metric: GenAiInstrument,
  cells: Cells,
  read: (usage: UsageSums) => readonly [all: number, audio: number],
): string {
  const name = prometheusName(metric, "counter");
  const lines = cells.flatMap(({ labels, usage }) => {
    if (usage === undefined) return [];
    const [all, audio] = read(usage);
    const line = (modality: string, value: number): string =>
      `${name}{${labels},gen_ai_token_modality="${modality}"} ${value}`;
    return [line("unknown", Math.max(0, all - audio)), ...(audio > 0 ? [line("audio", audio)] : [])];
  });
  return family(metric, "counter", lines);
}

function family(metric: GenAiInstrument, type: "histogram" | "counter", lines: readonly string[]): string {
  if (lines.length === 0) return "";
  const name = prometheusName(metric, type);
  return `${[`# HELP ${name} ${metric.help}`, `# TYPE ${name} ${type}`, ...lines].join("\n")}\n`;
}
