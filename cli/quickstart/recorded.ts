import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { listSegments } from "../../router/edge/audit/read-segments.ts";

const PATIENCE_MS = 2_000;
const AGAIN_MS = 20;

/** What the tour reads of a record; there is more in it. */
export interface Recorded {
  readonly seq: number;
  readonly kind: string;
  readonly action: string;
  readonly decision: string | null;
  readonly detail: Readonly<Record<string, unknown>>;
  readonly request: string | null;
  readonly reason: string | null;
  readonly target: string;
}

/** Every record that is on disk, in order. */
export async function recordsOf(directory: string): Promise<readonly Recorded[]> {
  const segments = await listSegments(directory);
  // What follows the last newline is still being written.
  const lines = segments.flatMap((segment) => readFileSync(segment, "utf8").split("\n").slice(0, -1));
  return lines.map((line) => JSON.parse(line) as Recorded);
}

/** The reason in the latest record of a request that has one; records of ends come a moment after the end. */
export async function recordedReason(directory: string, request: string): Promise<string> {
  for (const deadline = performance.now() + PATIENCE_MS; performance.now() < deadline; await sleep(AGAIN_MS)) {
    const records = await recordsOf(directory);
    const found = records.findLast((record) => record.request === request && record.reason !== null);
    if (found?.reason !== undefined && found.reason !== null) return found.reason;
  }
  return "no reason on record";
}

/** The names of those that are not on record, in order; what was decided a moment ago is waited for. */
export async function notRecorded(
  directory: string,
  wanted: ReadonlyMap<string, (record: Recorded) => boolean>,
  patience = PATIENCE_MS,
): Promise<readonly string[]> {
  for (const deadline = performance.now() + patience; ; await sleep(AGAIN_MS)) {
    const records = await recordsOf(directory);
    const missing = [...wanted].flatMap(([name, isIt]) => (records.some((record) => isIt(record)) ? [] : [name]));
    if (missing.length === 0 || performance.now() > deadline) return missing;
  }
}
