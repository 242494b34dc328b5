import { isUtf8 } from "node:buffer";
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { MAXIMUM_LINE_BYTES } from "../../core/audit/record.ts";
import type { Millis } from "../../core/base/quantity.ts";

const NEWLINE = 0x0a;
const CAPACITY = 2 * MAXIMUM_LINE_BYTES;

/** Where a line begins, in octets from the beginning of its file. */
export interface LinePosition {
  readonly file: string;
  readonly offset: number;
}

/**
 * `line`: a whole line, without its newline; `text` is undefined where it is longer than any record or not UTF-8.
 * `half`: so many octets at the end of a file never became a line, and the log went on elsewhere.
 * `cut`: the file is shorter than what had been read of it; it is read on from its new end.
 */
export type LogNews =
  | ({ readonly kind: "line"; readonly text: string | undefined } & LinePosition)
  | ({ readonly kind: "half"; readonly length: number } & LinePosition)
  | ({ readonly kind: "cut" } & LinePosition);

export interface FollowOptions {
  /** The segments as they are now, in the order of the chain; throws what the file system throws. */
  readonly list: () => Promise<readonly string[]>;
  /** Undefined: from the beginning of the first segment, once there is one. */
  readonly from: LinePosition | undefined;
  /** False: what is there, and no more. */
  readonly waiting: boolean;
  /** Between two looks at a log in which nothing is new. */
  readonly poll: Millis;
  readonly signal: AbortSignal;
}

/**
 * What is in a log from a position on, and then what is written to it, over rotations and restarts, until the signal. A
 * half line at the end is awaited. A file that is deleted is read to its end, and so is one that is deleted with its whole
 * directory; the log then goes on in whatever segment appears. In constant memory.
 */
export async function* followSegments(options: FollowOptions): AsyncGenerator<readonly LogNews[], void> {
  const { list, from, waiting, poll, signal } = options;
  const isOver = (): boolean => signal.aborted;
  const passed = new Set<string>();
  let reader: SegmentReader | undefined;
  try {
    while (!isOver()) {
      // Listed before the last look at the present one: the writer never goes back to a segment once the next is there.
      const next = nextOf(await list(), reader?.file, from, passed);
      for (let news = await reader?.read(); news !== undefined; news = await reader?.read()) {
        yield news;
        if (isOver()) return;
      }
      if (next !== undefined) {
        const opened = await SegmentReader.open(next, next === from?.file ? from.offset : 0);
        passed.add(next);
        if (opened === undefined) continue;
        if (reader !== undefined) yield reader.rest();
        await reader?.close();
        reader = opened;
      } else if (waiting) {
        await delay(poll, undefined, { signal }).catch(() => undefined);
      } else {
        if (reader !== undefined) yield reader.rest();
        return;
      }
    }
  } finally {
    await reader?.close();
  }
}

/**
 * The segment after this one. Where this one is gone, the first that had not been there before: in a directory that was
 * emptied, numbers begin again.
 */
function nextOf(
  listed: readonly string[],
  file: string | undefined,
  from: LinePosition | undefined,
  passed: Set<string>,
): string | undefined {
  const at = listed.indexOf(file ?? from?.file ?? "");
  if (at !== -1) for (const earlier of listed.slice(0, at)) passed.add(earlier);
  return listed.find((name) => !passed.has(name));
}

/** A place in an open file, that moves on. */
class SegmentReader {
  readonly file: string;
  readonly #handle: FileHandle;
  readonly #bytes = Buffer.allocUnsafeSlow(CAPACITY);
  /** Of the first octet in the buffer. */
  #offset: number;
  /** Octets at the beginning of the buffer that are no whole line yet. */
  #held = 0;
  /** Within a line that is too long; its beginning has been told. */
  #skipping = false;

  private constructor(file: string, handle: FileHandle, offset: number) {
    this.file = file;
    this.#handle = handle;
    this.#offset = offset;
  }

  /** Undefined where there is no such file any more, or it is something else, which could keep us waiting (a FIFO). */
  static async open(file: string, offset: number): Promise<SegmentReader | undefined> {
    let handle: FileHandle;
    try {
      handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
      throw error;
    }
    if ((await handle.stat()).isFile()) return new SegmentReader(file, handle, offset);
    await handle.close();
    return undefined;
  }

  /** Undefined where nothing is new. */
  async read(): Promise<readonly LogNews[] | undefined> {
    const end = this.#offset + this.#held;
    const { bytesRead } = await this.#handle.read(this.#bytes, this.#held, CAPACITY - this.#held, end);
    if (bytesRead > 0) return this.#lines(this.#held + bytesRead);
    const { size } = await this.#handle.stat();
    if (size >= end) return undefined;
    // Half a line that is cut off had been told to nobody.
    const isNews = size < this.#offset;
    this.#offset = Math.min(size, this.#offset);
    this.#held = 0;
    this.#skipping = false;
    return isNews ? [{ kind: "cut", file: this.file, offset: size }] : [];
  }

  /** What is held and will not become a line any more. */
  rest(): readonly LogNews[] {
    if (this.#held === 0) return [];
    return [{ kind: "half", file: this.file, offset: this.#offset, length: this.#held }];
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  #lines(filled: number): LogNews[] {
    const bytes = this.#bytes.subarray(0, filled);
    const news: LogNews[] = [];
    let start = 0;
    for (let end = bytes.indexOf(NEWLINE, this.#held); end !== -1; end = bytes.indexOf(NEWLINE, start)) {
      if (!this.#skipping) news.push(this.#line(start, end));
      this.#skipping = false;
      start = end + 1;
    }
    if (filled - start >= MAXIMUM_LINE_BYTES && !this.#skipping) {
      news.push(this.#line(start, filled));
      this.#skipping = true;
    }
    if (this.#skipping) start = filled;
    this.#bytes.copyWithin(0, start, filled);
    this.#offset += start;
    this.#held = filled - start;
    return news;
  }

  #line(start: number, end: number): LogNews {
    const line = this.#bytes.subarray(start, end);
    const text = line.length < MAXIMUM_LINE_BYTES && isUtf8(line) ? line.toString("utf8") : undefined;
    return { kind: "line", file: this.file, offset: this.#offset + start, text };
  }
}
