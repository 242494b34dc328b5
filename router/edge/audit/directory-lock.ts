import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { AuditFailure } from "./audit-problem.ts";

const LOCK_FILE = "writer.lock";
/** SQLITE_BUSY: somebody else holds the lock. */
const BUSY = 5;

/**
 * The one writer of a directory. Node has no call for an advisory file lock, and a file with a process id cannot tell a
 * dead writer from one in another container, where ids mean something else. SQLite takes POSIX locks, which the kernel
 * gives back when the process ends, however it ends: an empty database, locked and never written, is the lock.
 *
 * It holds between all processes of one node, in any namespace, and between nodes as far as the file system carries
 * POSIX locks (local disks, tmpfs, NFS 4; not object-store mounts). It does not hold against one who removes the file.
 */
export class DirectoryLock {
  readonly #database: DatabaseSync;

  private constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** Undefined where another writer holds the directory; throws where the file cannot be opened. */
  static take(directory: string): DirectoryLock | undefined {
    const file = join(directory, LOCK_FILE);
    let database: DatabaseSync | undefined;
    try {
      database = new DatabaseSync(file);
      // No journal file; and the lock is taken at once, not at the first write that never comes.
      database.exec("PRAGMA journal_mode = MEMORY; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
      return new DirectoryLock(database);
    } catch (error) {
      database?.close();
      if (error instanceof Error && "errcode" in error && error.errcode === BUSY) return undefined;
      // SQLite's own messages do not name the file.
      throw new AuditFailure("io_error", `${file}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  release(): void {
    this.#database.close();
  }
}
