import { constants } from "node:fs";
import { open, rename, stat } from "node:fs/promises";
import { join } from "node:path";
import { type EpochMillis, epochMillis } from "../../core/base/quantity.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";
import type { HighWaterMark } from "../../core/policy/freshness.ts";
import { formatMarks, MAXIMUM_MARKS_FILE, type Marks, parseMarks } from "./marks-file.ts";
import { readCapped } from "./read-capped.ts";

export interface MarksProblem {
  readonly code: "state_unusable" | "marks_unreadable" | "marks_corrupt" | "marks_not_written";
  /** One sentence. */
  readonly message: string;
}

const FILE = "marks.json";

/**
 * The highest version ever accepted under each kind and name, kept in the state directory over restarts:
 * without it every restart would let an old document with a valid signature back in. One process owns the
 * directory.
 *
 * A missing file is a first boot. A file that cannot be read or is damaged is a problem and never an empty
 * store: to start afresh is an operator's decision, made by deleting the file.
 */
export class HighWaterMarks {
  readonly #directory: string;
  #marks: Marks;
  /** Writes go one after the other, so that an older state never lands over a newer one. */
  #writing: Promise<unknown> = Promise.resolve();

  private constructor(directory: string, marks: Marks) {
    this.#directory = directory;
    this.#marks = marks;
  }

  static async open(directory: string): Promise<Result<HighWaterMarks, MarksProblem>> {
    try {
      if (!(await stat(directory)).isDirectory()) throw new Error("not a directory");
    } catch (error) {
      return fail({
        code: "state_unusable",
        message: `The state directory ${directory} cannot be used: ${String(error)}.`,
      });
    }
    const path = join(directory, FILE);
    const read = await readCapped(path, MAXIMUM_MARKS_FILE);
    if (!read.ok) {
      if (read.problem.code === "missing") return ok(new HighWaterMarks(directory, new Map()));
      return fail({ code: "marks_unreadable", message: `${path}: ${read.problem.message}` });
    }
    const marks = parseMarks(read.value);
    if (marks !== undefined) return ok(new HighWaterMarks(directory, marks));
    const message = `${path} is damaged, so it is not known which versions were accepted; restore it, or delete it to start afresh.`;
    return fail({ code: "marks_corrupt", message });
  }

  get(kind: string, name: string): HighWaterMark | undefined {
    return this.#marks.get(kind)?.get(name);
  }

  /** Every name ever accepted under this kind. */
  names(kind: string): readonly string[] {
    return [...(this.#marks.get(kind)?.keys() ?? [])];
  }

  /**
   * Stores what `judgeFreshness` gave for an accepted document; resolves when it is durable, and only then may
   * the document take effect. On a problem nothing has changed.
   */
  raise(kind: string, name: string, mark: HighWaterMark): Promise<Result<void, MarksProblem>> {
    return this.#change((marks) => {
      const present = marks.get(kind)?.get(name);
      if (present !== undefined && !(mark.version > present.version || sameVersion(mark, present))) {
        throw new Error(`the mark of ${kind} ${name} may not fall from ${present.version} to ${mark.version}`);
      }
      const names = new Map(marks.get(kind)).set(name, later(mark, present?.lastSeen ?? mark.lastSeen));
      return new Map(marks).set(kind, names);
    });
  }

  /**
   * Notes that it is at least `now`, in every mark. To be called from time to time and whenever a document
   * expires, so that a clock set back over a restart does not revive one.
   */
  seen(now: EpochMillis): Promise<Result<void, MarksProblem>> {
    return this.#change((marks) => {
      const rows = [...marks].map(([kind, names]): [string, Map<string, HighWaterMark>] => [
        kind,
        new Map([...names].map(([name, mark]) => [name, later(mark, now)])),
      ]);
      return new Map(rows);
    });
  }

  #change(change: (marks: Marks) => Marks): Promise<Result<void, MarksProblem>> {
    const done = this.#writing.then(() => this.#write(change(this.#marks)));
    this.#writing = done.catch(() => undefined);
    return done;
  }

  async #write(next: Marks): Promise<Result<void, MarksProblem>> {
    const text = formatMarks(next);
    // A NaN that got here would lock the next start out: better to stop now, with the old file in place.
    if (parseMarks(Buffer.from(text)) === undefined) throw new Error("marks that could not be read back");
    try {
      await replaceDurably(this.#directory, text);
    } catch (error) {
      return fail({ code: "marks_not_written", message: `${FILE} cannot be written: ${String(error)}.` });
    }
    this.#marks = next;
    return ok(undefined);
  }
}

function sameVersion(one: HighWaterMark, other: HighWaterMark): boolean {
  return one.version === other.version && one.digest === other.digest;
}

function later(mark: HighWaterMark, time: EpochMillis): HighWaterMark {
  return { ...mark, lastSeen: epochMillis(Math.max(mark.lastSeen, time)) };
}

/** Readers see the old file or the new one, also after a crash: write beside, fsync, rename, fsync the directory. */
async function replaceDurably(directory: string, text: string): Promise<void> {
  const path = join(directory, FILE);
  const beside = `${path}.tmp`;
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW;
  {
    await using file = await open(beside, flags, 0o600);
    await file.writeFile(text);
    await file.sync();
  }
  await rename(beside, path);
  await using held = await open(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  await held.sync();
}
