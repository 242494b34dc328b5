import { lstatSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

const LOCK_FILE = "budget.lock";
/** SQLITE_BUSY: somebody else holds the lock. */
const BUSY = 5;

/**
 * The one process that keeps a ledger. An empty SQLite database, locked and never written: its POSIX lock is given back by
 * the kernel when the process ends, however it ends, and holds between containers, where process ids mean nothing.
 */
export class LedgerLock {
  readonly #database: DatabaseSync;

  private constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** Undefined where another process holds it; throws where the file cannot be opened. */
  static take(directory: string): LedgerLock | undefined {
    const file = join(directory, LOCK_FILE);
    // SQLite would follow a link, and wait for a FIFO.
    if (lstatSync(file, { throwIfNoEntry: false })?.isFile() === false) throw new Error("it is no regular file");
    let database: DatabaseSync | undefined;
    try {
      database = new DatabaseSync(file);
      database.exec("PRAGMA journal_mode = MEMORY; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
      return new LedgerLock(database);
    } catch (error) {
      database?.close();
      if (error instanceof Error && "errcode" in error && error.errcode === BUSY) return undefined;
      throw error;
    }
  }

  release(): void {
    this.#database.close();
  }
}
