import { isUtf8 } from "node:buffer";
import { open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { MAXIMUM_LINE_BYTES } from "../../core/audit/record.ts";
import { parseSegmentName } from "../../core/audit/segment-header.ts";
import type { ChainLine } from "../../core/audit/verify-chain.ts";
import { leafHash } from "./leaf-hash.ts";

const NEWLINE = 0x0a;
/** The longer a read, the fewer trips to the thread pool: at half of this they cost twice as much a line. */
const CAPACITY = 8 * MAXIMUM_LINE_BYTES;

/**
 * The segments of a directory, in the order of the chain. What bears such a name and is no file is none: a FIFO would keep
 * its reader waiting for ever.
 */
export async function listSegments(directory: string): Promise<string[]> {
  const segments: { readonly path: string; readonly name: string; readonly segment: number }[] = [];
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const parsed = parseSegmentName(entry.name);
    const path = join(directory, entry.name);
    if (parsed === undefined || !(entry.isFile() || (entry.isSymbolicLink() && (await isFile(path))))) continue;
    segments.push({ path, name: entry.name, segment: parsed.segment });
  }
  return segments
    .toSorted((one, other) => one.segment - other.segment || (one.name < other.name ? -1 : 1))
    .map(({ path }) => path);
}

function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (entry) => entry.isFile(),
    () => false,
  );
}

/**
 * Hands every line of a file to `visit`, in constant memory, until it returns false, and then returns
 * false itself. A line longer than any record ends the reading of its file: what follows is not looked for. An empty file
 * is one line that never ended: no segment is without its first record.
 */
export async function readLines(file: string, visit: (line: ChainLine) => boolean): Promise<boolean> {
  await using handle = await open(file, "r");
  const bytes = Buffer.allocUnsafeSlow(CAPACITY);
  // The octet before each line is lent to `leafHash`; for the first in the buffer, that is the one at 0.
  let held = 1;
  let offset = 0;
  let line = 0;
  const give = (start: number, end: number, ended: boolean, tooLong: boolean): boolean => {
    line += 1;
    const text = tooLong ? undefined : decode(bytes, start, end);
    const place = { file, line, offset };
    offset += end - start + 1;
    return visit({ place, text, leaf: leafHash(bytes, start, end), ended });
  };
  for (;;) {
    const { bytesRead } = await handle.read(bytes, held, CAPACITY - held);
    const filled = held + bytesRead;
    const read = bytes.subarray(0, filled);
    let start = 1;
    // What was held back from the last read has no newline in it.
    let end = read.indexOf(NEWLINE, held);
    while (end !== -1) {
      const tooLong = end - start >= MAXIMUM_LINE_BYTES;
      if (!give(start, end, true, tooLong)) return false;
      if (tooLong) return true;
      start = end + 1;
      end = read.indexOf(NEWLINE, start);
    }
    if (bytesRead === 0) return (line > 0 && filled === start) || give(start, filled, false, false);
    if (filled - start >= MAXIMUM_LINE_BYTES) return give(start, filled, true, true);
    bytes.copyWithin(1, start, filled);
    held = 1 + filled - start;
  }
}

function decode(bytes: Buffer, start: number, end: number): string | undefined {
  const text = bytes.toString("utf8", start, end);
  // U+FFFD is what a decoder puts for octets that are not UTF-8, and may also be what was written.
  return text.includes("\ufffd") && !isUtf8(bytes.subarray(start, end)) ? undefined : text;
}
