import { isUtf8 } from "node:buffer";
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { MAXIMUM_LINE_BYTES } from "../../core/audit/record.ts";
import type { LinePosition } from "./follow-segments.ts";

const NEWLINE = 0x0a;
const BLOCK = 65_536;
/** One line of which all but the beginning is held, and a block. */
const CAPACITY = MAXIMUM_LINE_BYTES + BLOCK;
/** So much without a whole line is no log: a sparse file would be read for hours. */
const LONGEST_JUNK = 16 * 1024 * 1024;

interface Line {
  readonly offset: number;
  /** Of the line behind it. */
  readonly next: number;
  /** Undefined where it is longer than any record, or not UTF-8. */
  readonly text: string | undefined;
}

/**
 * Where the last `count` lines begin for which `isWanted` says so: the first of them, or, where there is none, the place
 * behind the last whole line. Reads from the end backwards and no further than it must, in constant memory. Undefined
 * where there is no file. Throws what the file system throws, but passes over a file that is gone.
 */
export async function findLastLines(
  files: readonly string[],
  count: number,
  isWanted: (text: string) => boolean,
  signal: AbortSignal,
): Promise<LinePosition | undefined> {
  let found = 0;
  let position: LinePosition | undefined;
  for (const file of files.toReversed()) {
    const goesOn = await readBackwards(file, ({ offset, next, text }) => {
      position ??= { file, offset: next };
      if (found < count && text !== undefined && isWanted(text)) {
        position = { file, offset };
        found += 1;
      }
      return found < count && !signal.aborted;
    });
    if (goesOn === false) break;
    if (goesOn === true) position ??= { file, offset: 0 };
  }
  return position;
}

/**
 * Hands the whole lines of a file to `visit`, the last one first, until it returns false, and then returns false itself;
 * undefined where there is no such file. Lines that are far too long are passed over, and so is a half one at the end; what
 * holds no line for very long ends the file.
 */
async function readBackwards(file: string, visit: (line: Line) => boolean): Promise<boolean | undefined> {
  let handle: FileHandle;
  try {
    handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
  await using _ = handle;
  const stats = await handle.stat();
  if (!stats.isFile()) return undefined;
  const bytes = Buffer.allocUnsafeSlow(CAPACITY);
  // Held are the octets of the file from `at` on, in the buffer from `start` to `end`. The last of them ends a line, or,
  // where `isLost`, is of something that is passed over.
  let at = stats.size;
  let start = CAPACITY;
  let end = CAPACITY;
  let isLost = true;
  let junk = 0;
  for (;;) {
    while (end > start) {
      const newline = bytes.subarray(start, isLost ? end : end - 1).lastIndexOf(NEWLINE);
      // The first line of a file has no newline before it.
      if (newline === -1 && at > 0) break;
      const begin = start + newline + 1;
      const line = { offset: at + begin - start, next: at + end - start };
      if (!isLost && !visit({ ...line, text: decode(bytes.subarray(begin, end - 1)) })) return false;
      isLost = false;
      junk = 0;
      end = begin;
    }
    if (at === 0 || junk > LONGEST_JUNK) return true;
    isLost ||= end - start > MAXIMUM_LINE_BYTES;
    junk += BLOCK;
    const held = isLost ? 0 : end - start;
    bytes.copyWithin(CAPACITY - held, start, start + held);
    end = CAPACITY;
    start = CAPACITY - held;
    const length = Math.min(BLOCK, at);
    at -= length;
    start -= length;
    await readAll(handle, bytes.subarray(start, start + length), at);
  }
}

async function readAll(handle: FileHandle, into: Buffer, position: number): Promise<void> {
  for (let filled = 0; filled < into.length;) {
    const { bytesRead } = await handle.read(into, filled, into.length - filled, position + filled);
    // The file was cut while it was read: empty lines stand for what is gone.
    if (bytesRead === 0) into.fill(NEWLINE, filled);
    filled = bytesRead === 0 ? into.length : filled + bytesRead;
  }
}

function decode(line: Buffer): string | undefined {
  return line.length < MAXIMUM_LINE_BYTES && isUtf8(line) ? line.toString("utf8") : undefined;
}
