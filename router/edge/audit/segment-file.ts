import { join } from "node:path";
import { AuditFailure } from "./audit-problem.ts";
import type { AuditFiles, SegmentHandle } from "./audit-files.ts";

const UNFINISHED = /^audit-.*\.jsonl\.new$/;

/**
 * Makes a segment that holds these lines, durably: under another name first, so that no segment is ever without its
 * first record, whenever the process dies.
 */
export async function createSegment(
  files: AuditFiles,
  directory: string,
  name: string,
  lines: Buffer,
): Promise<SegmentHandle> {
  const path = join(directory, name);
  const handle = await files.create(`${path}.new`);
  try {
    await appendAll(handle, lines);
    await files.rename(`${path}.new`, path);
    await files.syncDirectory(directory);
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Appends all of it, and returns once it is on the disk. */
export async function appendAll(handle: SegmentHandle, bytes: Buffer): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    // A full disk first takes a part, and only then says that it is full.
    const count = await handle.append(bytes.subarray(written));
    if (count === 0) throw new AuditFailure("disk_full", "The disk takes no more octets.");
    written += count;
  }
}

/** Removes what a failed `createSegment` may have left: nothing in it was ever acknowledged. Returns what stays, by size. */
export async function removeUnfinished(
  files: AuditFiles,
  directory: string,
  isUnfinished: (name: string) => boolean,
): Promise<number> {
  let bytes = 0;
  for (const [name, size] of await files.list(directory)) {
    if (UNFINISHED.test(name) || isUnfinished(name)) await files.remove(join(directory, name));
    else bytes += size;
  }
  return bytes;
}
