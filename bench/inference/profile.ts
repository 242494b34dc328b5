import { mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ask, message, start } from "./child.ts";
import { chooseCores } from "./cores.ts";
import { startSluice } from "./sluice.ts";

/**
 * `node bench/inference/profile.ts [connections] [seconds]`, after `npm run build`: the sidecar's CPU profile under small
 * chat calls, and where the time of one call goes: each sample belongs to the nearest function of ours, so that what the
 * engine and libraries do counts for whoever asked for it. The profile itself stays where the last line says.
 */

interface Frame {
  readonly functionName: string;
  readonly url: string;
  readonly lineNumber: number;
}

interface Profile {
  readonly nodes: readonly { readonly id: number; readonly callFrame: Frame; readonly children?: readonly number[] }[];
  readonly samples: readonly number[];
  /** Microseconds. */
  readonly timeDeltas: readonly number[];
}

const WARM_SECONDS = 2;
const SHOWN = 50;
const [connections = 64, seconds = 6] = process.argv.slice(2).map(Number);

/** Microseconds by function of ours, within the last part of the profile. */
function costs(profile: Profile, from: number): ReadonlyMap<string, number> {
  const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]));
  const parents = new Map(profile.nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])));
  const sums = new Map<string, number>();
  let at = 0;
  for (const [index, sample] of profile.samples.entries()) {
    const took = profile.timeDeltas[index] ?? 0;
    at += took;
    if (at < from) continue;
    const name = ownerOf(sample, frames, parents);
    sums.set(name, (sums.get(name) ?? 0) + took);
  }
  return sums;
}

function ownerOf(sample: number, frames: ReadonlyMap<number, Frame>, parents: ReadonlyMap<number, number>): string {
  const { functionName } = frames.get(sample) ?? { functionName: "" };
  if (functionName === "(idle)" || functionName === "(garbage collector)") return functionName;
  for (let id: number | undefined = sample; id !== undefined; id = parents.get(id)) {
    const frame = frames.get(id);
    const file = /\/dist\/((?:router|cli)\/.*)\.js$/.exec(frame?.url ?? "")?.[1];
    if (frame !== undefined && file !== undefined) return `${frame.functionName || "(anonymous)"} ${file}`;
  }
  return "(none of ours)";
}

const cores = chooseCores();
const directory = mkdtempSync(join(tmpdir(), "sluice-profile-"));
const origin = start("origin.ts", cores?.origin);
const load = start("load.ts", cores?.load);
try {
  const { port } = await message<{ port: number }>(origin);
  const nodeFlags = ["--cpu-prof", "--cpu-prof-interval=200", `--cpu-prof-dir=${directory}`];
  const sluice = await startSluice(port, cores?.gateway, { nodeFlags });
  const result = await ask(load, {
    kind: "calls",
    port: sluice.port,
    headers: sluice.headers,
    octets: 1_024,
    concurrency: connections,
    ramp: WARM_SECONDS,
    seconds,
  });
  await sluice.stop();
  // Of several threads, the first is the main one, and the largest.
  const profiles = readdirSync(directory).map((name) => readFileSync(join(directory, name), "utf8"));
  const [text = ""] = profiles.toSorted((one, other) => other.length - one.length);
  const profile = JSON.parse(text) as Profile;
  const whole = profile.timeDeltas.reduce((sum, delta) => sum + delta, 0);
  const sums = costs(profile, whole - seconds * 1e6);
  const calls = result.perSecond * seconds;
  console.log(
    `${Math.round(result.perSecond)} calls/s, p50 ${result.p50.toFixed(2)} ms, p99 ${result.p99.toFixed(2)} ms`,
  );
  for (const [name, sum] of [...sums].toSorted((one, other) => other[1] - one[1]).slice(0, SHOWN)) {
    console.log(`${(sum / calls).toFixed(2).padStart(8)} us a call  ${name}`);
  }
  console.log(directory);
} finally {
  load.disconnect();
  origin.disconnect();
}
