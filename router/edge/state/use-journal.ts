import {
  closeSync,
  constants,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  openSync,
  readSync,
  renameSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { fail, ok, type Result } from "../../core/base/result.ts";

const FILE = "approvals.journal";
/** It says that there was a journal once: where only this is left, what was used is not known. */
const EPOCH = "approvals.epoch";
const READ = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW;
/** What lies in the way is not followed (a link), and not waited for (a FIFO). */
const WRITE =
  constants.O_WRONLY |
  constants.O_CREAT |
  constants.O_TRUNC |
  constants.O_APPEND |
  constants.O_NOFOLLOW |
  constants.O_NONBLOCK;

const MOST_OCTETS = 4 * 1024 * 1024;
const MOST_KEYS = 8_192;
/** From so many octets on, an append that doubles what is needed writes the file anew. */
const COMPACT_AT = 64 * 1024;
/** A blank and the checksum. */
const CLOSING = 9;
const HEADER = /^uses 1 ([0-9]{1,16})$/;
const TIME = /^time ([0-9]{1,16})$/;
const ENTRY = /^([0-9a-f]{64}) ([0-9]{1,7}) ([0-9]{1,16}) ([0-9]{1,16})$/;

interface Used {
  readonly used: number;
  /** When it is of no use any more to remember it, in milliseconds since the epoch. */
  readonly until: number;
}

/**
 * How often approvals were used, and how late it was, over restarts. Each use is one short line, on the disk before it
 * counts; lines are closed by a CRC-32 of all that stands before, so that what was changed, lost in between or doubled is
 * noticed. A journal that cannot be read counts nothing: no use is given that might have been given before; and so does one that is gone although
 * its epoch file is there. What is not noticed: whole lines cut from its end, and both files gone. All of it is synchronous, since
 * between the count and what it allows nothing may happen; it is as rare as people who approve.
 */
export class UseJournal {
  readonly #directory: string;
  readonly #failed: (error: unknown) => void;
  readonly #used = new Map<string, Used>();
  #isReadable = false;
  /** Undefined: it must be written anew before the next line, since its last one may be torn. */
  #file: number | undefined;
  #size = 0;
  #checksum = 0;
  #latest = 0;

  /** `failed` is told why a use could not be counted. */
  constructor(directory: string, failed: (error: unknown) => void) {
    this.#directory = directory;
    this.#failed = failed;
  }

  /** Uses can be counted. */
  get readable(): boolean {
    return this.#isReadable;
  }

  /** Reads what there is: the latest time that it knows of, 0 for a new one. A sentence: nothing is counted from here on. */
  load(): Result<number, string> {
    const path = join(this.#directory, FILE);
    const read = readWhole(path);
    if (!read.ok) return read;
    if (read.value === undefined) {
      const epoch = join(this.#directory, EPOCH);
      const existed = exists(epoch);
      if (!existed.ok) return existed;
      if (existed.value) {
        const advice = `Restore it, or remove ${epoch} once no counted approval is mounted any more.`;
        return fail(`${path} is gone. How often approvals were used is not known. ${advice}`);
      }
    }
    const problem = read.value === undefined ? undefined : this.#replay(read.value);
    if (problem !== undefined) {
      this.#used.clear();
      const advice = `Restore it, or move it and ${EPOCH} away once no counted approval is mounted any more.`;
      return fail(`${path} is damaged: ${problem}. How often approvals were used is not known. ${advice}`);
    }
    this.#isReadable = true;
    return ok(this.#latest);
  }

  /** How often the approval of this key was used. */
  used(key: string): number {
    return this.#used.get(key)?.used ?? 0;
  }

  /**
   * One use more. True: it is on the disk. `key`: 64 hex digits. `until`: from then on it need not be remembered.
   * `now`: milliseconds since the epoch that never step back.
   */
  count(key: string, until: number, now: number): boolean {
    if (!this.#isReadable) return false;
    const before = this.#used.get(key);
    const used = this.used(key) + 1;
    const isNew = before === undefined;
    if (isNew && this.#used.size >= MOST_KEYS) this.#forget(now);
    if (isNew && this.#used.size >= MOST_KEYS) {
      this.#failed(new Error("too many approvals are remembered"));
      return false;
    }
    this.#latest = Math.max(this.#latest, now);
    // First what is counted, and then what allows: whatever fails in between, no use is given twice.
    this.#used.set(key, { used, until });
    if (this.#write(lineOf(key, { used, until }, this.#latest), now)) return true;
    // It was not given; what is on the disk is made to say so with the next use that is.
    if (before === undefined) this.#used.delete(key);
    else this.#used.set(key, before);
    return false;
  }

  /**
   * It is at least so late, in milliseconds since the epoch; on the disk once it returns, unless `failed` was told. Later loads know of it: with a clock
   * set back in between, what was over by then does not begin anew.
   */
  note(time: number): void {
    if (!this.#isReadable || !Number.isSafeInteger(time) || time <= this.#latest) return;
    this.#latest = time;
    this.#write(`time ${time}`, time);
  }

  close(): void {
    this.#close();
  }

  /** A line; false: it is not there, and `failed` was told. */
  #write(line: string, now: number): boolean {
    try {
      const isLong = this.#size > COMPACT_AT && this.#size > 256 * this.#used.size;
      if (this.#file === undefined || isLong) this.#rewrite(now);
      else this.#append(line);
      return true;
    } catch (error) {
      this.#close();
      this.#failed(error);
      return false;
    }
  }

  #close(): void {
    const file = this.#file;
    this.#file = undefined;
    try {
      if (file !== undefined) closeSync(file);
    } catch (error) {
      this.#failed(error);
    }
  }

  #forget(now: number): void {
    for (const [key, { until }] of this.#used) if (until <= now) this.#used.delete(key);
  }

  #append(text: string): void {
    const file = this.#file;
    if (file === undefined) throw new Error("the journal is not open");
    const checksum = crc32(text, this.#checksum);
    this.#size += writeAll(file, `${text} ${hex(checksum)}\n`);
    fdatasyncSync(file);
    this.#checksum = checksum;
  }

  /** Readers see the old one or the new one, also after a crash. */
  #rewrite(now: number): void {
    this.#close();
    this.#forget(now);
    const path = join(this.#directory, FILE);
    const beside = `${path}.new`;
    const file = openSync(beside, WRITE, 0o600);
    try {
      if (!fstatSync(file).isFile()) throw new Error(`${beside} is no regular file`);
      const lines = [`uses 1 ${this.#latest}`];
      for (const [key, used] of this.#used) lines.push(lineOf(key, used, this.#latest));
      let checksum = 0;
      let text = "";
      for (const line of lines) {
        checksum = crc32(line, checksum);
        text += `${line} ${hex(checksum)}\n`;
      }
      this.#size = writeAll(file, text);
      this.#checksum = checksum;
      fdatasyncSync(file);
      renameSync(beside, path);
      // After the journal: a crash in between leaves one that is whole, and was told to nobody.
      const epoch = join(this.#directory, EPOCH);
      const existed = exists(epoch);
      if (!existed.ok) throw new Error(existed.problem);
      if (!existed.value) markEpoch(epoch);
      syncDirectory(this.#directory);
    } catch (error) {
      closeSync(file);
      throw error;
    }
    this.#file = file;
  }

  #replay(octets: Buffer): string | undefined {
    // Behind the last line feed: whoever wrote it never learnt that it was written, and allowed nothing by it.
    const lines = octets.toString("latin1").split("\n").slice(0, -1);
    if (lines.length === 0) return "it is not whole";
    let checksum = 0;
    for (const [index, line] of lines.entries()) {
      const content = line.slice(0, -CLOSING);
      checksum = crc32(content, checksum);
      const isWhole = line.slice(-CLOSING) === ` ${hex(checksum)}`;
      if (!isWhole || !(index === 0 ? this.#begin(content) : this.#enter(content))) {
        return `line ${index + 1} is not as it was written`;
      }
    }
    return undefined;
  }

  #begin(line: string): boolean {
    const [, at] = HEADER.exec(line) ?? [];
    this.#latest = Number(at);
    return at !== undefined;
  }

  #enter(line: string): boolean {
    const [, time] = TIME.exec(line) ?? [];
    if (time !== undefined) {
      this.#latest = Math.max(this.#latest, Number(time));
      return true;
    }
    const [, key = "", used, until, at] = ENTRY.exec(line) ?? [];
    if (Number(used) !== this.used(key) + 1 && this.#used.has(key)) return false;
    this.#used.set(key, { used: Number(used), until: Number(until) });
    this.#latest = Math.max(this.#latest, Number(at));
    return key !== "" && Number(used) > 0 && this.#used.size <= MOST_KEYS;
  }
}

function lineOf(key: string, { used, until }: Used, at: number): string {
  return `${key} ${used} ${until} ${at}`;
}

function hex(checksum: number): string {
  return checksum.toString(16).padStart(8, "0");
}

/** Throws what the file system throws; how many octets it were. `text` is ASCII. */
function writeAll(file: number, text: string): number {
  const octets = Buffer.from(text, "latin1");
  for (let written = 0; written < octets.length;) {
    // A disk that is nearly full takes a part first.
    const count = writeSync(file, octets, written, octets.length - written);
    if (count === 0) throw new Error("the disk takes no more octets");
    written += count;
  }
  return octets.length;
}

/** Whatever lies there. */
function exists(path: string): Result<boolean, string> {
  try {
    return ok(lstatSync(path, { throwIfNoEntry: false }) !== undefined);
  } catch (error) {
    return fail(`${path} cannot be looked for: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function markEpoch(path: string): void {
  const file = openSync(path, WRITE, 0o600);
  try {
    writeAll(file, "uses are counted in approvals.journal\n");
    fdatasyncSync(file);
  } finally {
    closeSync(file);
  }
}

function syncDirectory(path: string): void {
  const directory = openSync(path, constants.O_RDONLY);
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

/** Undefined: there is none yet. */
function readWhole(path: string): Result<Buffer | undefined, string> {
  try {
    const file = openSync(path, READ);
    try {
      if (!fstatSync(file).isFile()) return fail(`${path} is no regular file; nothing else can hold what was used.`);
      const octets = Buffer.alloc(MOST_OCTETS + 1);
      let length = 0;
      for (;;) {
        const count = readSync(file, octets, length, octets.length - length, length);
        length += count;
        if (count === 0 || length > MOST_OCTETS) break;
      }
      if (length > MOST_OCTETS) return fail(`${path} is longer than ${MOST_OCTETS} octets.`);
      return ok(octets.subarray(0, length));
    } finally {
      closeSync(file);
    }
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return ok(undefined);
    return fail(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}
