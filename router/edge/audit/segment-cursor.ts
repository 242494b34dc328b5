import { isUtf8 } from "node:buffer";
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { basename, join } from "node:path";
import { MAXIMUM_LINE_BYTES } from "../../core/audit/record.ts";
import { parseSegmentName } from "../../core/audit/segment-header.ts";
import { leafHash } from "./leaf-hash.ts";
import { listSegments } from "./read-segments.ts";

/** A place in a log: a segment's name, without its directory, and an offset in octets. Always behind a newline, or 0. */
export interface SegmentCursor {
  readonly file: string;
  readonly offset: number;
}

/** A batch ends before its next line would pass either; but it holds one line at least, whatever the line's length. */
export interface BatchLimit {
  readonly records: number;
  /** Newlines included. */
  readonly bytes: number;
}

/** One record, byte for byte as it stands in its segment, without its newline, and its RFC 6962 leaf in hex. */
export interface CursorLine {
  readonly line: string;
  readonly leaf: string;
}

export interface SegmentBatch {
  readonly lines: readonly CursorLine[];
  /** Behind the last line read. Undefined: there is no segment yet. */
  readonly cursor: SegmentCursor | undefined;
  /** A limit ended the batch: there is more. */
  readonly full: boolean;
  /** Segments of which something was passed over: gone before it was read, or damaged. */
  readonly skippedSegments: number;
  /** Lines that are no text or no object, and torn ends of segments, passed over one by one. */
  readonly skippedLines: number;
  /** One sentence about the last thing that was passed over. */
  readonly problem: string | undefined;
}

const NEWLINE = 0x0a;
/** A file that is no readable file of octets; any other error may pass, and is thrown. */
const DAMAGED: ReadonlySet<string> = new Set(["EIO", "EISDIR", "ELOOP", "ENXIO", "EUCLEAN"]);

/**
 * The whole lines behind a cursor, in the order of the chain, from one segment into the next. `until` is how far the
 * writer of the directory vouches for durability, and nothing behind it is read; undefined where nobody writes there.
 * A cursor of undefined is the beginning. At rest, with `cursor` at `until`, it costs no call of the system.
 *
 * A cursor whose segment is gone goes on with the oldest later one. Where the directory is not the cursor's log any
 * more (it holds another segment of the same number, or only earlier ones), it begins again: to send twice is allowed,
 * to leave out is not. What cannot be read as lines is passed over to the next segment, and counted. Throws what the file
 * system throws, unless it is damage; then nothing is lost, and the same cursor can be tried again.
 *
 * Holds one buffer of at most `limit.bytes` and a line.
 */
export async function readBatch(
  directory: string,
  cursor: SegmentCursor | undefined,
  limit: BatchLimit,
  until: SegmentCursor | undefined,
): Promise<SegmentBatch> {
  const gathering = new Gathering(limit);
  if (cursor !== undefined && cursor.file === until?.file) {
    return gathering.batch(await readOn(directory, cursor, until, gathering));
  }
  // Listed before anything is read: a segment that has a next one by now will not grow any more.
  const files = (await listSegments(directory)).map((path) => basename(path));
  let at = locate(cursor, files, gathering);
  if (at === undefined || (until !== undefined && isAfter(at.file, until.file))) return gathering.batch(cursor);
  for (;;) {
    at = await readOn(directory, at, until, gathering);
    const next = files[files.indexOf(at.file) + 1];
    if (gathering.full || at.file === until?.file || next === undefined) break;
    if (until !== undefined && isAfter(next, until.file)) break;
    gathering.leave();
    const missing = numberOf(next) - numberOf(at.file) - 1;
    if (missing > 0) gathering.skipSegments(missing, `${missing} segments before ${next} are gone.`);
    at = { file: next, offset: 0 };
  }
  return gathering.batch(at);
}

/** Where to read on, with the directory's segments in order; undefined where there is none. */
function locate(
  cursor: SegmentCursor | undefined,
  files: readonly string[],
  gathering: Gathering,
): SegmentCursor | undefined {
  const oldest = files[0];
  if (oldest === undefined) return undefined;
  if (cursor === undefined) return { file: oldest, offset: 0 };
  if (files.includes(cursor.file)) return cursor;
  const number = numberOf(cursor.file);
  const later = files.find((file) => numberOf(file) > number);
  if (later === undefined || files.some((file) => numberOf(file) === number)) {
    gathering.note(`${cursor.file} is not of this log, which is read from its beginning.`);
    return { file: oldest, offset: 0 };
  }
  gathering.skipSegments(numberOf(later) - number, `${cursor.file} is gone; reading goes on in ${later}.`);
  return { file: later, offset: 0 };
}

/** Reads on in one segment, until the batch is full, or to the segment's end or `until`. */
async function readOn(
  directory: string,
  from: SegmentCursor,
  until: SegmentCursor | undefined,
  gathering: Gathering,
): Promise<SegmentCursor> {
  const { file } = from;
  const bound = file === until?.file ? until.offset : Infinity;
  if (from.offset >= bound) return from;
  try {
    // Without waiting: a FIFO of this name would hold a thread of the pool for ever.
    await using handle = await open(join(directory, file), constants.O_RDONLY | constants.O_NONBLOCK);
    const stats = await handle.stat();
    if (!stats.isFile()) throw Object.assign(new Error("not a regular file"), { code: "EISDIR" });
    const end = Math.min(stats.size, bound);
    if (from.offset > end) {
      gathering.note(`${file} ends before the cursor; reading goes on at its end.`);
      return { file, offset: end };
    }
    let at = from;
    for (let before = -1; at.offset > before && at.offset < end && !gathering.full;) {
      before = at.offset;
      at = { file, offset: await readLines(handle, at, end, gathering) };
    }
    if (at.offset < end && !gathering.full) gathering.torn(at);
    return at;
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    if (!DAMAGED.has(code)) throw error;
    gathering.skipSegments(1, `${file} cannot be read: ${code}.`);
    return bound === Infinity ? from : { file, offset: bound };
  }
}

/** Takes the lines of one buffer; returns the offset behind the last one, or the end where the rest is no lines. */
async function readLines(handle: FileHandle, at: SegmentCursor, end: number, gathering: Gathering): Promise<number> {
  // The octet before the first line stands at 0: `leafHash` borrows it, and it shows whether a line begins here.
  const before = at.offset > 0 ? 1 : 0;
  const bytes = Buffer.allocUnsafeSlow(1 + Math.min(end - at.offset, gathering.room + MAXIMUM_LINE_BYTES));
  const filled = await fill(handle, bytes.subarray(1 - before), at.offset - before);
  const octets = bytes.subarray(0, Math.max(1, 1 - before + filled));
  const offsetOf = (index: number): number => at.offset + index - 1;
  let start = 1;
  if (before === 1 && octets[0] !== NEWLINE) {
    gathering.note(`The cursor is inside a line of ${at.file}; reading goes on behind it.`);
    const newline = octets.indexOf(NEWLINE, start);
    start = newline === -1 ? octets.length : newline + 1;
  }
  while (start < octets.length) {
    const newline = octets.indexOf(NEWLINE, start);
    const length = (newline === -1 ? octets.length : newline + 1) - start;
    if (length > MAXIMUM_LINE_BYTES || (newline === -1 && length === MAXIMUM_LINE_BYTES)) {
      gathering.skipSegments(1, `${at.file} is damaged at octet ${offsetOf(start)}; the rest of it is passed over.`);
      return end;
    }
    if (newline === -1 || !gathering.hasRoom(length)) return offsetOf(start);
    const line = textOf(octets.subarray(start, newline));
    if (line === undefined) gathering.skipLine({ file: at.file, offset: offsetOf(start) });
    else gathering.add({ line, leaf: leafHash(octets, start, newline) }, length);
    start = newline + 1;
  }
  return offsetOf(octets.length);
}

async function fill(handle: FileHandle, bytes: Buffer, position: number): Promise<number> {
  let filled = 0;
  while (filled < bytes.length) {
    const { bytesRead } = await handle.read(bytes, filled, bytes.length - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return filled;
}

/** Undefined where these octets could not come back from a text as they are (no UTF-8), or are no object (a hole). */
function textOf(octets: Buffer): string | undefined {
  if (octets[0] !== OPEN || octets.at(-1) !== CLOSE || octets.includes(0) || !isUtf8(octets)) return undefined;
  return octets.toString("utf8");
}

const OPEN = 0x7b;
const CLOSE = 0x7d;

function numberOf(file: string): number {
  return parseSegmentName(file)?.segment ?? 0;
}

function isAfter(one: string, other: string): boolean {
  return numberOf(one) > numberOf(other) || (numberOf(one) === numberOf(other) && one > other);
}

/** A batch as it grows. */
class Gathering {
  readonly #limit: BatchLimit;
  readonly #lines: CursorLine[] = [];
  #bytes = 0;
  #full = false;
  #skippedSegments = 0;
  #skippedLines = 0;
  #problem: string | undefined;
  #torn: SegmentCursor | undefined;

  constructor(limit: BatchLimit) {
    this.#limit = limit;
  }

  get full(): boolean {
    return this.#full;
  }

  /** Octets that still fit. */
  get room(): number {
    return Math.max(0, this.#limit.bytes - this.#bytes);
  }

  /** False, and the batch is full, where another line of this length must wait for the next. */
  hasRoom(length: number): boolean {
    const { records, bytes } = this.#limit;
    const fits = this.#lines.length === 0 || (this.#lines.length < records && this.#bytes + length <= bytes);
    this.#full ||= !fits;
    return fits;
  }

  add(line: CursorLine, length: number): void {
    this.#lines.push(line);
    this.#bytes += length;
  }

  skipLine({ file, offset }: SegmentCursor): void {
    this.#skippedLines += 1;
    this.#problem = `${file} holds no record at octet ${offset}.`;
  }

  /** What stands here is no whole line: it may become one, as long as its segment is the last. */
  torn(at: SegmentCursor): void {
    this.#torn = at;
  }

  /** The segment read last gets no more lines. */
  leave(): void {
    if (this.#torn !== undefined) this.skipLine(this.#torn);
    this.#torn = undefined;
  }

  skipSegments(count: number, problem: string): void {
    this.#skippedSegments += count;
    this.#problem = problem;
  }

  note(problem: string): void {
    this.#problem = problem;
  }

  batch(cursor: SegmentCursor | undefined): SegmentBatch {
    return {
      lines: this.#lines,
      cursor,
      full: this.#full,
      skippedSegments: this.#skippedSegments,
      skippedLines: this.#skippedLines,
      problem: this.#problem,
    };
  }
}
