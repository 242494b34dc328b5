import { stat } from "node:fs/promises";
import { basename } from "node:path";
import type { AuditValue } from "../../core/audit/audit-event.ts";
import {
  NO_LEAF,
  parseSegmentName,
  type PreviousSegment,
  type SegmentEnding,
} from "../../core/audit/segment-header.ts";
import { ChainVerifier } from "../../core/audit/verify-chain.ts";
import type { AuditFiles } from "./audit-files.ts";
import { nodeHash } from "./node-hash.ts";
import { listSegments, readLines } from "./read-segments.ts";

/** What an earlier writer left in the directory. */
export interface Resumed {
  /** Null where the directory holds no segment. */
  readonly previous: PreviousSegment | null;
  /** What had to be cut off, or what is damaged; undefined where the last segment is whole. */
  readonly finding: { readonly [key: string]: AuditValue } | undefined;
}

/**
 * Reads the last segment of a directory, from its first record to its last: a chain goes on from its last good record.
 * Half a line at its end, which nobody was ever told was recorded, is cut off. Anything else that is wrong stays as it
 * is, for the verifier to name.
 */
export async function resume(directory: string, files: AuditFiles): Promise<Resumed> {
  const path = (await listSegments(directory)).at(-1);
  if (path === undefined) return { previous: null, finding: undefined };
  const verifier = new ChainVerifier(nodeHash);
  let tail = "";
  await readLines(path, (line) => {
    if (!line.ended) tail = line.leaf;
    return verifier.add(line);
  });
  const { damage, last, stopped } = verifier.finish();
  const { size } = await stat(path);
  const file = basename(path);
  const before = (ended: SegmentEnding, bytes: number): PreviousSegment => ({
    file,
    segment: parseSegmentName(file)?.segment ?? 0,
    stream: last?.stream ?? "",
    seq: last?.seq ?? -1,
    leaf: last?.leaf ?? NO_LEAF,
    bytes,
    ended,
  });
  if (damage === undefined && last !== undefined) {
    return { previous: before(stopped ? "stopped" : "unclean", size), finding: undefined };
  }
  const { kind, place } = damage ?? { kind: "missing", place: { line: 1, offset: 0 } };
  if (kind === "torn_tail" && last !== undefined) {
    await files.cut(path, place.offset);
    const finding = { file, damage: kind, offset: place.offset, length: size - place.offset, leaf: tail };
    return { previous: before("torn", place.offset), finding };
  }
  return { previous: before("damaged", size), finding: { file, damage: kind, line: place.line, offset: place.offset } };
}
