import type { ChildProcess } from "node:child_process";
import { ask, message, start } from "./child.ts";
import { chooseCores, type Cores, moveHere } from "./cores.ts";
import { TOKENS } from "./canned-answer.ts";
import type { Gateway } from "./gateway.ts";
import type { StreamsResult } from "./load-order.ts";
import { startPortkey } from "./portkey.ts";
import { cpuSeconds, type Memory, memoryNow } from "./process-facts.ts";
import { startSluice } from "./sluice.ts";
import { soak, type Soak } from "./soak.ts";
import { type SyncTime, syncTimes } from "./sync-time.ts";

/** Of one way to the provider; lists have one figure a round. */
export interface WayFigures {
  readonly name: string;
  readonly readyMillis: number | undefined;
  readonly idle: Memory | undefined;
  /** Many connections: requests a second, milliseconds. */
  readonly perSecond: number[];
  readonly p50: number[];
  readonly p99: number[];
  /** Seconds of processor time for 1,000 of them; nothing for the direct way. */
  readonly cpu: number[];
  /** One connection, milliseconds. */
  readonly oneP50: number[];
  readonly oneP99: number[];
  /** One stream at a time: milliseconds to its first word. */
  readonly firstP50: number[];
  readonly firstP99: number[];
  /** By how many paced streams at a time. */
  readonly paced: Map<number, StreamsResult>;
  soak: Soak | undefined;
  failures: number;
}

export interface InferenceComparison {
  readonly rounds: number;
  readonly cores: Cores | undefined;
  readonly sync: { readonly together: SyncTime; readonly apart: SyncTime };
  readonly figures: readonly WayFigures[];
  /** Why a peer is not in the figures. */
  readonly missing: string | undefined;
  /** Tokens and calls that Sluice's budgets counted, and that the provider gave it. */
  readonly counted: { readonly tokens: number; readonly calls: number };
  readonly given: { readonly tokens: number; readonly calls: number };
}

export const MANY = 64;
export const PACE = 20;
export const WORDS = 64;
const CHAT_OCTETS = 1_024;
/** Of the round that is not counted: until then the engine is still compiling. */
const WARM_SECONDS = 2.5;

interface Plan {
  readonly rounds: number;
  /** Seconds of each measurement in a round, and before it. */
  readonly slice: number;
  readonly ramp: number;
  readonly paced: readonly number[];
  readonly pacedSeconds: number;
  readonly soakSeconds: number;
  /** A second sidecar that searches for secrets as well, and the peer's own soak and streams. */
  readonly everything: boolean;
}

const SHORT: Plan = {
  rounds: 2,
  slice: 0.5,
  ramp: 0.2,
  paced: [128],
  pacedSeconds: 2,
  soakSeconds: 20,
  everything: false,
};
const FULL: Plan = {
  rounds: 5,
  slice: 2,
  ramp: 0.3,
  paced: [128, 512],
  pacedSeconds: 10,
  soakSeconds: 60,
  everything: true,
};

interface Way {
  readonly gateway: Gateway | undefined;
  readonly port: number;
  readonly headers: readonly string[];
  readonly row: WayFigures;
}

/** The direct way, Sluice and Portkey in turn, round by round, so that a machine that drifts drifts for all. */
export async function compareGateways(short: boolean, progress: (text: string) => void): Promise<InferenceComparison> {
  const plan = short ? SHORT : FULL;
  const cores = chooseCores();
  const origin = start("origin.ts", cores?.origin);
  const load = start("load.ts", cores?.load);
  const gateways: Gateway[] = [];
  try {
    const { port } = await message<{ port: number }>(origin);
    if (cores !== undefined) moveHere(cores.gateway);
    const sync = await syncTimes();
    if (cores !== undefined) moveHere(cores.load);
    const sluice = await startSluice(port, cores?.gateway);
    gateways.push(sluice);
    if (plan.everything) gateways.push(await startSluice(port, cores?.gateway, { guardrails: true }));
    const portkey = await startPortkey(port, cores?.gateway);
    if (typeof portkey !== "string") gateways.push(portkey);
    const ways: Way[] = [
      { gateway: undefined, port, headers: [], row: rowOf("direct", undefined) },
      ...gateways.map((gateway) => ({ gateway, ...gateway, row: rowOf(gateway.name, gateway) })),
    ];
    const given = { tokens: 0, calls: 0 };
    const give = (way: Way, answered: number): void => {
      if (way.gateway !== sluice) return;
      given.calls += answered;
      given.tokens += answered * TOKENS;
    };
    // Round 0 warms everything up and is not counted.
    for (let round = 0; round <= plan.rounds; round += 1) {
      for (const way of ways) {
        give(way, await oneRound(load, way, plan, round > 0));
        const { name, perSecond, oneP50, firstP50 } = way.row;
        if (round === 0) continue;
        progress(
          `round ${round}/${plan.rounds} ${name}: ${Math.round(perSecond.at(-1) ?? 0)} calls/s, ${oneP50.at(-1)?.toFixed(2)} ms alone, first word after ${firstP50.at(-1)?.toFixed(2)} ms`,
        );
      }
    }
    for (const concurrency of plan.paced) {
      for (const way of ways) {
        if (!plan.everything && way.gateway !== undefined && way.gateway !== sluice) continue;
        give(way, await pacedStreams(load, way, concurrency, plan.pacedSeconds));
        progress(`${concurrency} streams ${way.row.name}: ${way.row.paced.get(concurrency)?.stalls} stalls`);
      }
    }
    for (const way of ways) {
      const { gateway, row } = way;
      if (gateway === undefined || (!plan.everything && gateway !== sluice)) continue;
      row.soak = await soak(load, gateway, plan.soakSeconds);
      row.failures += row.soak.failures;
      give(way, row.soak.answered);
      progress(`soak ${row.name}: ${Math.round(row.soak.perSecond)}/s, peak ${Math.round(row.soak.peak.rss)} MB`);
    }
    return {
      rounds: plan.rounds,
      cores,
      sync,
      figures: ways.map(({ row }) => row),
      missing: typeof portkey === "string" ? portkey : undefined,
      counted: await sluice.used(),
      given,
    };
  } finally {
    for (const gateway of gateways) await gateway.stop();
    load.disconnect();
    origin.disconnect();
    if (cores !== undefined) moveHere(cores.all);
  }
}

function rowOf(name: string, gateway: Gateway | undefined): WayFigures {
  return {
    name,
    readyMillis: gateway?.readyMillis,
    idle: gateway === undefined ? undefined : memoryNow(gateway.pid),
    perSecond: [],
    p50: [],
    p99: [],
    cpu: [],
    oneP50: [],
    oneP99: [],
    firstP50: [],
    firstP99: [],
    paced: new Map(),
    soak: undefined,
    failures: 0,
  };
}

/** Many connections, one, and one stream after the other. Returns how many were answered whole. */
async function oneRound(load: ChildProcess, way: Way, plan: Plan, counts: boolean): Promise<number> {
  const { gateway, port, headers, row } = way;
  const calls = { kind: "calls", port, headers, octets: CHAT_OCTETS, seconds: plan.slice, ramp: plan.ramp } as const;
  const before = gateway === undefined ? 0 : cpuSeconds(gateway.pid);
  const seconds = counts ? plan.slice : WARM_SECONDS;
  const many = await ask(load, { ...calls, seconds, concurrency: MANY });
  const used = gateway === undefined ? 0 : cpuSeconds(gateway.pid) - before;
  const one = await ask(load, { ...calls, concurrency: 1 });
  const streams = { kind: "streams", port, headers, pace: 2, words: 4, concurrency: 1, seconds: plan.slice } as const;
  const first = await ask(load, streams);
  row.failures += many.failures + one.failures + first.failures;
  if (counts) {
    row.perSecond.push(many.perSecond);
    row.p50.push(many.p50);
    row.p99.push(many.p99);
    if (gateway !== undefined) row.cpu.push((used / many.answered) * 1_000);
    row.oneP50.push(one.p50);
    row.oneP99.push(one.p99);
    row.firstP50.push(first.firstP50);
    row.firstP99.push(first.firstP99);
  }
  return many.answered + one.answered + first.streams;
}

async function pacedStreams(load: ChildProcess, way: Way, concurrency: number, seconds: number): Promise<number> {
  const { port, headers, row } = way;
  const result = await ask(load, { kind: "streams", port, headers, concurrency, seconds, pace: PACE, words: WORDS });
  row.paced.set(concurrency, result);
  row.failures += result.failures;
  return result.streams;
}
