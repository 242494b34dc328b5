import { writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { bytes } from "../../router/core/base/quantity.ts";
import { type AuditFiles, nodeFiles } from "../../router/edge/audit/audit-files.ts";
import type { AuditLog } from "../../router/edge/audit/audit-log.ts";
import { listSegments } from "../../router/edge/audit/read-segments.ts";
import { auditEvent, checkpointOptions, openLog } from "../unit/edge/audit/log-fixture.ts";
import { EVENTS } from "./written-log.ts";

export interface BigLog {
  readonly files: readonly string[];
  readonly records: number;
  /** A checkpoint over all of it, as a file outside of the log's directory. */
  readonly anchor: string;
}

/** About 600 octets a record: a start, exchanges that were allowed and ended or refused, and a stop. */
export const BIG_RECORD = 650;
const IN_FLIGHT = 4_000;

/** Nobody waits for the disk: these records are not to survive anything. */
const unsynced: AuditFiles = {
  ...nodeFiles,
  async create(path) {
    const handle = await open(path, "ax");
    return {
      append: async (octets) => (await handle.write(octets)).bytesWritten,
      standing: async () => "in_place",
      close: () => handle.close(),
    };
  },
};

/** Has the router's own writer write that many records, about 80,000 a second. */
export async function bigLog(root: string, records: number): Promise<BigLog> {
  const directory = join(root, "log");
  let newest = "";
  const checkpoints = checkpointOptions({ records: 50_000, publish: ({ note }) => (newest = note) });
  // Segments as they are by default, but never fewer than about four.
  const segmentBytes = bytes(Math.min(16 << 20, (records * BIG_RECORD) >> 2));
  const maximumBytes = bytes(4 * BIG_RECORD * records);
  const files = unsynced;
  const log: AuditLog = await openLog(directory, { mode: "blocking", segmentBytes, maximumBytes, checkpoints, files });
  await log.append({ ...auditEvent("s"), kind: "start", detail: { key: log.identity.key } });
  let index = 0;
  for (let left = records - 1; left > 0; left = records - 1 - log.health().records) {
    const batch: Promise<unknown>[] = [];
    for (const until = index + Math.min(IN_FLIGHT, left); index < until; index += 1) {
      batch.push(log.append(exchangeEvent(index)));
    }
    await Promise.all(batch);
  }
  await log.close();
  const anchor = join(root, "anchor.note");
  writeFileSync(anchor, newest);
  return { files: await listSegments(directory), records, anchor };
}

function exchangeEvent(index: number): ReturnType<typeof EVENTS.allowed> {
  const request = `3f9a1c22-${index >> 1}`;
  if (index % 11 === 10) return EVENTS.denied(request);
  return index % 2 === 0
    ? EVENTS.allowed(request, { target: `host-${index % 97}.example:443` })
    : EVENTS.ended(request, { target: `host-${(index - 1) % 97}.example:443` });
}
