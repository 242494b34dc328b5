import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { AuditEvent } from "../../router/core/audit/audit-event.ts";
import { bytes } from "../../router/core/base/quantity.ts";
import type { SignedCheckpoint } from "../../router/edge/audit/checkpoints.ts";
import { listSegments } from "../../router/edge/audit/read-segments.ts";
import { auditEvent, checkpointOptions, openLog, scratchDirectory } from "../unit/edge/audit/log-fixture.ts";

/** One start of the writer. */
export interface LoggedStream {
  readonly stream: string;
  readonly vkey: string;
  /** In their order; the last is over the whole stream. */
  readonly checkpoints: readonly SignedCheckpoint[];
  /** Its records, by index, without their newlines. */
  readonly lines: readonly string[];
}

export interface CheckpointedLog {
  readonly directory: string;
  readonly segments: readonly string[];
  readonly streams: readonly LoggedStream[];
}

/** What an agent and an operator might get into a record, and RFC 8785 must get right. */
const AWKWARD: readonly Partial<AuditEvent>[] = [
  { target: 'line\u2028separator\u0000\u001f\u007f"\\/\ud800:443' },
  { target: "\u{1f600}.example:443", rule: "\ufeff" },
  { detail: { big: 1e21, small: 1e-7, third: 1 / 3, negative: -0, whole: 333_333_333.333_333_3, max: 2 ** 53 } },
  { detail: { "\u{1f600}": 1, "\ufb33": 2, "\u20ac": [null, true, {}, []], a: { z: "é", Z: "e\u0301", "": 0 } } },
  { target: "\u20ac".repeat(2_000), detail: { text: "\u20ac".repeat(8_000) } },
  { detail: { text: "\u0001".repeat(20_000) } },
];

/** A log of three starts and several segments, with heads signed on the way. */
export async function checkpointedLog(t: TestContext): Promise<CheckpointedLog> {
  const directory = scratchDirectory(t);
  const starts: Omit<LoggedStream, "lines">[] = [];
  for (const events of [17, 1, 9]) {
    const checkpoints: SignedCheckpoint[] = [];
    const publish = (checkpoint: SignedCheckpoint): void => void checkpoints.push(checkpoint);
    const options = checkpointOptions({ records: 3, publish });
    const log = await openLog(directory, { segmentBytes: bytes(4_000), checkpoints: options });
    for (let index = 0; index < events; index += 1) {
      await log.append(auditEvent(`${index}`, AWKWARD[index % 9] ?? {}));
    }
    await log.close();
    starts.push({ stream: log.identity.stream, vkey: log.identity.key, checkpoints });
  }
  const segments = await listSegments(directory);
  const all = segments.flatMap((segment) => readFileSync(segment, "utf8").split("\n").slice(0, -1));
  const linesOf = (stream: string) => all.filter((line) => line.includes(`"stream":"${stream}","target"`));
  return { directory, segments, streams: starts.map((start) => ({ ...start, lines: linesOf(start.stream) })) };
}

/** Beside the log's own files, for a program to read. */
export function fileIn(directory: string, name: string): string {
  return join(directory, `test-${name}`);
}
