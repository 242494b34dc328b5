import type { ProxyComparison, ProxyFigures } from "./compare.ts";

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2;
}

/** A Markdown table: medians over the rounds, with minimum and maximum, and the ratio to Squid of the same round. */
export function proxyTable({ rounds, readyMillis, figures }: ProxyComparison): string {
  const squid = figures.find(({ name }) => name === "Squid");
  const rows = figures.map((row) => {
    const memory = row.rss === 0 ? "" : `${Math.round(row.rss / 1024)} / ${Math.round(row.rssAnon / 1024)}`;
    return `| ${[
      row.name,
      spread(row.connects),
      ratio(row, squid, "connects"),
      `${median(row.p50).toFixed(1)} / ${median(row.p99).toFixed(1)}`,
      spread(row.streams),
      ratio(row, squid, "streams"),
      memory,
      row.failures,
    ].join(" | ")} |`;
  });
  return [
    "### bench/proxy: tunnels, every feature on",
    "",
    `Sluice runs with a signed policy, the ClientHello judged, strict audit (durable records) and a log line an exchange; Squid and tinyproxy without logs. 32 at a time; ${rounds} rounds, the proxies in turn; median (minimum - maximum). Ready ${Math.round(readyMillis)} ms after start.`,
    "",
    "| through | CONNECT/s | to Squid | p50 / p99 ms | one stream MB/s | to Squid | RSS / RssAnon after, MB | failures |",
    "|---|---|---|---|---|---|---|---|",
    ...rows,
  ].join("\n");
}

function spread(values: readonly number[]): string {
  const whole = (value: number): string => Math.round(value).toLocaleString("en");
  return `${whole(median(values))} (${whole(Math.min(...values))} - ${whole(Math.max(...values))})`;
}

function ratio(row: ProxyFigures, squid: ProxyFigures | undefined, what: "connects" | "streams"): string {
  if (squid === undefined || squid.failures > 0) return "";
  const ratios = row[what].map((value, round) => value / (squid[what][round] ?? Number.NaN));
  return median(ratios).toFixed(2);
}
