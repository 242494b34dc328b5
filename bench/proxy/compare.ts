import { type ChildProcess, fork } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LoadOrder, LoadResult } from "./load.ts";
import { type RunningProxy, startSquid, startTinyproxy } from "./peers.ts";
import { startSluice } from "./sluice.ts";

export interface ProxyFigures {
  readonly name: string;
  /** CONNECT + ClientHello + answer + close, per second: one figure a round. */
  readonly connects: number[];
  /** Their 50th and 99th percentile, milliseconds, a round each. */
  readonly p50: number[];
  readonly p99: number[];
  /** One stream, megabytes (10^6) a second. */
  readonly streams: number[];
  failures: number;
  /** After the load, kilobytes: resident, and what of it is its own. */
  rss: number;
  rssAnon: number;
}

export interface ProxyComparison {
  readonly rounds: number;
  readonly readyMillis: number;
  readonly figures: readonly ProxyFigures[];
}

const CONCURRENCY = 32;

/** Direct, Sluice, Squid and tinyproxy in turn, round by round, so that a machine that drifts drifts for all. */
export async function compareProxies(short: boolean, progress: (text: string) => void): Promise<ProxyComparison> {
  const rounds = short ? 3 : 7;
  const connects = short ? 4_000 : 10_000;
  const megabytes = short ? 200 : 400;
  const directory = mkdtempSync(join(tmpdir(), "sluice-bench-"));
  // Squid gives up root and must still read its hosts file.
  chmodSync(directory, 0o755);
  const origin = fork(join(import.meta.dirname, "origin.ts"));
  const load = fork(join(import.meta.dirname, "load.ts"));
  const proxies: RunningProxy[] = [];
  try {
    const { port: originPort } = await message<{ port: number }>(origin);
    const sluice = await startSluice(originPort);
    proxies.push(sluice);
    for (const peer of [await startSquid(directory, originPort), await startTinyproxy(directory, originPort)]) {
      if (peer === undefined) progress("a peer is not installed (Debian packages squid, tinyproxy): left out");
      else proxies.push(peer);
    }
    const ways = [undefined, ...proxies];
    const figures = ways.map((proxy): ProxyFigures => ({
      name: proxy?.name ?? "direct",
      connects: [],
      p50: [],
      p99: [],
      streams: [],
      failures: 0,
      rss: 0,
      rssAnon: 0,
    }));
    // Round 0 warms everything up and is not counted.
    for (let round = 0; round <= rounds; round += 1) {
      for (const [index, proxy] of ways.entries()) {
        const row = figures[index];
        if (row === undefined) continue;
        const base = {
          proxyPort: proxy?.port,
          host: proxy === undefined || proxy.name === "tinyproxy" ? "127.0.0.1" : "origin.bench",
          originPort,
        };
        const tunnels = await ask(load, {
          ...base,
          kind: "connect",
          count: connects,
          concurrency: CONCURRENCY,
          bytes: 0,
        });
        const bytes = megabytes * 1_000_000;
        const stream = await ask(load, { ...base, kind: "stream", count: 1, concurrency: 1, bytes });
        row.failures += tunnels.failures + stream.failures;
        if (round === 0) continue;
        row.connects.push(connects / tunnels.seconds);
        row.p50.push(tunnels.p50);
        row.p99.push(tunnels.p99);
        row.streams.push(megabytes / stream.seconds);
        if (proxy !== undefined) Object.assign(row, memoryOf(proxy.pid));
        progress(
          `round ${round}/${rounds} ${row.name}: ${Math.round(connects / tunnels.seconds)} CONNECT/s, ${Math.round(megabytes / stream.seconds)} MB/s`,
        );
      }
    }
    return { rounds, readyMillis: sluice.readyMillis, figures };
  } finally {
    for (const proxy of proxies) await proxy.stop();
    load.disconnect();
    origin.disconnect();
    rmSync(directory, { recursive: true, force: true });
  }
}

export function memoryOf(pid: number): { rss: number; rssAnon: number } {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const field = (name: string): number => Number(new RegExp(`^${name}:\\s+([0-9]+) kB`, "m").exec(status)?.[1] ?? 0);
  return { rss: field("VmRSS"), rssAnon: field("RssAnon") };
}

async function message<Message>(child: ChildProcess): Promise<Message> {
  return new Promise((resolve, reject) => {
    child.once("message", (value) => resolve(value as Message));
    child.once("exit", (code) => reject(new Error(`a bench process ended early (${code})`)));
  });
}

async function ask(load: ChildProcess, order: LoadOrder): Promise<LoadResult> {
  const answer = message<LoadResult>(load);
  load.send(order);
  return answer;
}
