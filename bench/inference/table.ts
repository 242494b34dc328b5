import { median } from "../proxy/table.ts";
import { type InferenceComparison, MANY, PACE, type WayFigures, WORDS } from "./compare.ts";
import { portkeyVersion } from "./portkey.ts";
import type { Memory } from "./process-facts.ts";
import type { SyncTime } from "./sync-time.ts";

/** Markdown: medians over the rounds, with minimum and maximum; what is added or a ratio is of the same round. */
export function inferenceTable(comparison: InferenceComparison): string {
  const { rounds, cores, sync, figures, missing, counted, given } = comparison;
  const direct = figures.find(({ name }) => name === "direct");
  const gateways = figures.filter(({ name }) => name !== "direct");
  const pinned =
    cores === undefined
      ? "Nobody is pinned to a processor (there is one, or no taskset)."
      : `Pinned by taskset: the gateway with all its threads to processor ${cores.gateway}, the load to ${cores.load}, the provider to ${cores.origin}; so a figure of a gateway is one of one processor.`;
  const exact = counted.tokens === given.tokens && counted.calls === given.calls;
  return [
    "### bench/inference: chat calls and streams, every feature on",
    "",
    `Sluice runs with signed policies, its credential put in and looked for in the answers, usage metered, budgets in tokens, requests and dollars, rate limits, strict audit (a durable record before a call leaves) and a log line a call; ${portkeyVersion()} without retries, budgets or log. ${pinned} ${rounds} rounds, the ways in turn; median (minimum - maximum); what is added is more than direct in the same round. One append with its fdatasync takes ${millis(sync.together)} ms here, one a while after the last ${millis(sync.apart)} ms (p50 / p99).`,
    ...(missing === undefined ? [] : ["", `Not compared: ${missing}.`]),
    "",
    `Chat, 1 KB each way; ${MANY} connections, then one, then one stream at a time:`,
    "",
    "| through | calls/s | to Portkey | p50 / p99 ms | CPU s per 1,000 | one: added p50 ms | one: added p99 ms | first word: added p50 ms | first word: added p99 ms | failures |",
    "|---|---|---|---|---|---|---|---|---|---|",
    ...figures.map((row) => callsRow(row, direct, portkeyOf(comparison))),
    "",
    `Streams of ${WORDS} words, ${PACE} ms apart, so many at a time; a stall is a gap of more than ${10 * PACE} ms:`,
    "",
    "| through | streams | first word p50 / p99 ms | gap p99 / longest ms | stalls | failures |",
    "|---|---|---|---|---|---|",
    ...figures.flatMap(pacedRows),
    "",
    "Start, and a soak with 200 bodies of 150 KB at a time; MB as resident / anonymous:",
    "",
    "| gateway | ready ms | idle | soak s | calls/s | peak | growth a minute, second half | 2 s after | failures |",
    "|---|---|---|---|---|---|---|---|---|",
    ...gateways.map(soakRow),
    "",
    `Metered: ${whole(counted.tokens)} tokens in ${whole(counted.calls)} calls, ${exact ? "exactly" : `and not the ${whole(given.tokens)} tokens and ${whole(given.calls)} calls`} what the provider gave.`,
  ].join("\n");
}

/** Where it is there and did what it was asked to. */
export function portkeyOf({ figures }: InferenceComparison): WayFigures | undefined {
  return figures.find(({ name }) => name === "Portkey");
}

/** Calls a second to those of the peer in the same round. */
export function ratioTo(row: WayFigures, peer: WayFigures): number {
  return median(row.perSecond.map((value, round) => value / (peer.perSecond[round] ?? Number.NaN)));
}

function callsRow(row: WayFigures, direct: WayFigures | undefined, portkey: WayFigures | undefined): string {
  const added = (of: "oneP50" | "oneP99" | "firstP50" | "firstP99"): string =>
    row === direct
      ? `(${median(row[of]).toFixed(2)})`
      : spread(
          row[of].map((value, round) => value - (direct?.[of][round] ?? Number.NaN)),
          2,
        );
  return cells([
    row.name,
    spread(row.perSecond, 0),
    portkey === undefined ? "" : ratioTo(row, portkey).toFixed(2),
    `${median(row.p50).toFixed(1)} / ${median(row.p99).toFixed(1)}`,
    row.cpu.length === 0 ? "" : median(row.cpu).toFixed(3),
    added("oneP50"),
    added("oneP99"),
    added("firstP50"),
    added("firstP99"),
    row.failures,
  ]);
}

function pacedRows({ name, paced }: WayFigures): readonly string[] {
  return [...paced].map(([count, { firstP50, firstP99, gapP99, longestGap, stalls, failures }]) =>
    cells([
      name,
      count,
      `${firstP50.toFixed(1)} / ${firstP99.toFixed(1)}`,
      `${gapP99.toFixed(1)} / ${longestGap.toFixed(1)}`,
      stalls,
      failures,
    ]),
  );
}

function soakRow({ name, readyMillis, idle, soak }: WayFigures): string {
  const started = [name, Math.round(readyMillis ?? 0), idle === undefined ? "" : both(idle)];
  if (soak === undefined) return cells([...started, "", "", "", "", "", ""]);
  const { seconds, perSecond, peak, growth, after, failures } = soak;
  return cells([...started, seconds, whole(perSecond), both(peak), both(growth, 1), both(after), failures]);
}

function millis({ p50, p99 }: SyncTime): string {
  return `${p50.toFixed(2)} / ${p99.toFixed(2)}`;
}

function both({ rss, anon }: Memory, digits = 0): string {
  return `${rss.toFixed(digits)} / ${anon.toFixed(digits)}`;
}

function spread(values: readonly number[], digits: number): string {
  const text = (value: number): string =>
    value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return `${text(median(values))} (${text(Math.min(...values))} - ${text(Math.max(...values))})`;
}

function whole(value: number): string {
  return Math.round(value).toLocaleString("en");
}

function cells(values: readonly (string | number)[]): string {
  return `| ${values.join(" | ")} |`;
}
