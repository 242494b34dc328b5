import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { fail, ok, type Result } from "../../core/base/result.ts";
import { Replay, type Replayed } from "../../core/budget/replay.ts";
import { JOURNAL_FILE, messageOf } from "./journal.ts";
import { LineReader } from "./ledger-line.ts";

const CHUNK = 1024 * 1024;
/** A snapshot of 65,536 open calls is some 5 MB. */
const LONGEST_LINE = 64 * 1024 * 1024;
const LINE_FEED = 0x0a;

export interface ReadLedger extends Replayed {
  readonly lines: number;
  /** The last line was not whole: whoever wrote it never learnt that it was written, and did nothing on its strength. */
  readonly torn: boolean;
}

/** Reads a ledger again. Undefined where there is none yet; a sentence for the operator where there is anything but a whole one. */
export async function readJournal(directory: string): Promise<Result<ReadLedger | undefined, string>> {
  const path = join(directory, JOURNAL_FILE);
  const replay = new Replay();
  let lines = 0;
  try {
    await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    if (!(await file.stat()).isFile()) return fail(`${path} is no regular file; nothing else can hold a ledger.`);
    const reader = new LineReader();
    let buffer = Buffer.allocUnsafe(CHUNK);
    let length = 0;
    for (;;) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length);
      if (bytesRead === 0) break;
      length += bytesRead;
      let from = 0;
      for (;;) {
        const end = buffer.subarray(0, length).indexOf(LINE_FEED, from);
        if (end < 0) break;
        lines += 1;
        const text = reader.read(buffer.subarray(from, end));
        const problem = text === undefined ? "its checksum does not match" : replay.apply(text);
        if (problem !== undefined) return fail(damaged(path, lines, problem));
        from = end + 1;
      }
      buffer.copyWithin(0, from, length);
      length -= from;
      if (length < buffer.length) continue;
      if (buffer.length >= LONGEST_LINE) return fail(damaged(path, lines + 1, "it is too long"));
      buffer = Buffer.concat([buffer], buffer.length * 2);
    }
    const { replayed } = replay;
    if (replayed === undefined) return fail(damaged(path, 1, "it is not whole"));
    return ok({ ...replayed, lines, torn: length > 0 });
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return ok(undefined);
    return fail(`${path} cannot be read: ${messageOf(error)}`);
  }
}

function damaged(path: string, line: number, problem: string): string {
  return (
    `${path}:${line}: the ledger is damaged: ${problem}. What the budgets have used is not known. ` +
    "Restore the file, or move it away: all budgets then begin anew."
  );
}
