import { constants, renameSync } from "node:fs";
import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Bytes, Millis } from "../../core/base/quantity.ts";
import { JournalFile } from "./journal-file.ts";

export const JOURNAL_FILE = "budget.jsonl";

/** More lines than can wait for a new file; a disk that hangs this long is not waited for. */
const MOST_PENDING = 262_144;

export interface JournalOptions {
  readonly directory: string;
  /** A file that has grown past this, and to several times of what is in it, is replaced by a new one. */
  readonly compactAt: Bytes;
  /** How long a line may wait until it is on the disk. */
  readonly syncAfter: Millis;
  /** How long after a failure the next attempt is made. */
  readonly retryAfter: Millis;
  /** The first line of a file that is begun now: all that is known. */
  snapshot(): string;
  /** Called when lines cannot be written any more (a sentence why), and when they can again (undefined). */
  onHealth(problem: string | undefined): void;
}

/**
 * The ledger's journal. A line is in the kernel when `append` returns: it outlives this process. It is on the disk
 * `syncAfter` later at the most. Where a write fails, the file is left alone from then on and everything is written to a
 * new one, as soon as that can be done; until then no line is taken.
 */
export class Journal {
  readonly #options: JournalOptions;
  #file: JournalFile;
  #compactAt: number;
  #problem: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  #retry: NodeJS.Timeout | undefined;
  #rewriting: Promise<void> | undefined;
  /** What was appended since the snapshot that is being written; undefined: none is, or it is out of date. */
  #pending: string[] | undefined;
  #closed = false;

  private constructor(options: JournalOptions, file: JournalFile) {
    this.#options = options;
    this.#file = file;
    this.#compactAt = nextCompaction(options, file);
  }

  /** Begins a new file in place of the old one, whose content the snapshot holds. Throws what the file system throws. */
  static async begin(options: JournalOptions): Promise<Journal> {
    const file = await JournalFile.create(unfinished(options), options.snapshot());
    try {
      renameSync(unfinished(options), join(options.directory, JOURNAL_FILE));
      await syncDirectory(options.directory);
    } catch (error) {
      await file.close();
      throw error;
    }
    return new Journal(options, file);
  }

  /** Why no line is taken; undefined: lines are taken. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** False where the line is not written. What it says is then to be undone, or will be in the next file's snapshot. */
  append(text: string): boolean {
    return this.#take(text, (file) => file.append(text));
  }

  /**
   * The same for a line whose loss takes nothing from the budgets: it is in the kernel with the next one, or `syncAfter`
   * later. A settlement that is lost with the process leaves its reservation, which is then charged in full.
   */
  appendSoon(text: string): boolean {
    return this.#take(text, (file) => file.hold(text));
  }

  #take(text: string, write: (file: JournalFile) => void): boolean {
    const taken = this.#problem === undefined;
    if (taken) {
      try {
        write(this.#file);
      } catch (error) {
        // The snapshot under way would not know what is now undone.
        this.#pending = undefined;
        this.#fail(error);
        return false;
      }
      this.#timer ??= setTimeout(() => void this.#sync(), this.#options.syncAfter).unref();
    }
    if (this.#pending !== undefined && this.#pending.push(text) > MOST_PENDING) this.#pending = undefined;
    // Last of all: the snapshot that this takes holds the line already.
    if (taken && this.#file.size > this.#compactAt) this.#rewrite();
    return taken;
  }

  /** Everything is on the disk afterwards. Throws what the file system throws. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#retry);
    this.#pending = undefined;
    await this.#rewriting;
    const writable = this.#problem === undefined;
    this.#problem ??= "The ledger is closed.";
    try {
      if (writable) await this.#file.sync();
    } finally {
      await this.#file.close();
    }
  }

  async #sync(): Promise<void> {
    this.#timer = undefined;
    const file = this.#file;
    try {
      await file.sync();
    } catch (error) {
      // What an fdatasync failed to write, the next one no longer tries to: only a new file holds it again.
      if (file === this.#file) this.#fail(error);
    }
  }

  #rewrite(): void {
    if (this.#rewriting !== undefined || this.#closed) return;
    this.#rewriting = this.#replace().finally(() => {
      this.#rewriting = undefined;
      this.#pending = undefined;
    });
  }

  async #replace(): Promise<void> {
    const { directory } = this.#options;
    const path = unfinished(this.#options);
    const pending: string[] = [];
    this.#pending = pending;
    const old = this.#file;
    try {
      const next = await JournalFile.create(path, this.#options.snapshot());
      try {
        if (this.#pending !== pending) throw new Error("the snapshot is out of date");
        for (const text of pending) next.append(text);
        renameSync(path, join(directory, JOURNAL_FILE));
      } catch (error) {
        await next.close();
        throw error;
      }
      // No line came in between: what follows goes to the new file.
      this.#file = next;
      this.#pending = undefined;
      this.#compactAt = nextCompaction(this.#options, next);
      this.#recover();
      await Promise.all([next.sync(), syncDirectory(directory), old.close()]);
    } catch (error) {
      await rm(path, { force: true }).catch(() => undefined);
      this.#compactAt += this.#options.compactAt;
      // A file that has grown too large is still as good as before; one that may vanish with the power is not.
      if (this.#problem !== undefined || this.#file !== old) this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    const known = this.#problem !== undefined;
    this.#problem = `${join(this.#options.directory, JOURNAL_FILE)} cannot be written: ${messageOf(error)}`;
    if (this.#closed) return;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#rewrite(), this.#options.retryAfter).unref();
    if (!known) this.#options.onHealth(this.#problem);
  }

  #recover(): void {
    if (this.#problem === undefined || this.#closed) return;
    this.#problem = undefined;
    this.#options.onHealth(undefined);
  }
}

function unfinished({ directory }: JournalOptions): string {
  return join(directory, `${JOURNAL_FILE}.new`);
}

function nextCompaction({ compactAt }: JournalOptions, file: JournalFile): number {
  return Math.max(compactAt, file.size * 4);
}

async function syncDirectory(directory: string): Promise<void> {
  await using handle = await open(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  await handle.sync();
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
