import { access, constants, mkdir, open, readdir, rename, rm, stat, statfs } from "node:fs/promises";
import { join } from "node:path";

/** A segment being written. */
export interface SegmentHandle {
  /** Resolves to the count of octets written, which on a full disk is less than asked. */
  write(bytes: Uint8Array, position: number): Promise<number>;
  datasync(): Promise<void>;
  /** False once the file has no name any more: what is written to it is gone when it is closed. */
  isLinked(): Promise<boolean>;
  close(): Promise<void>;
}

/** What the writer asks of a file system; an argument, so that tests can make each call fail. Errors are Node's. */
export interface AuditFiles {
  /** Makes the directory where there is none, and fails where it cannot be written. */
  prepareDirectory(directory: string): Promise<void>;
  /** Every plain file in the directory, by name. */
  list(directory: string): Promise<ReadonlyMap<string, number>>;
  /** Octets that an unprivileged writer may still use. */
  free(directory: string): Promise<number>;
  /** Fails where the file exists. */
  create(path: string): Promise<SegmentHandle>;
  rename(from: string, to: string): Promise<void>;
  /** Makes a file no longer than this, durably. A file that is already gone is no error. */
  cut(path: string, length: number): Promise<void>;
  remove(path: string): Promise<void>;
  /** Makes names that were added or removed durable. */
  syncDirectory(directory: string): Promise<void>;
}

/** Group-readable, so that a log shipper with the pod's fsGroup can read; only the router writes. */
const FILE_MODE = 0o640;
const DIRECTORY_MODE = 0o750;

export const nodeFiles: AuditFiles = {
  async prepareDirectory(directory) {
    await mkdir(directory, { recursive: true, mode: DIRECTORY_MODE });
    await access(directory, constants.W_OK | constants.X_OK);
  },
  async list(directory) {
    const sizes = new Map<string, number>();
    for (const entry of await readdir(directory, { withFileTypes: true })) {
      if (entry.isFile()) sizes.set(entry.name, (await stat(join(directory, entry.name))).size);
    }
    return sizes;
  },
  async free(directory) {
    const { bavail, bsize } = await statfs(directory);
    return bavail * bsize;
  },
  async create(path) {
    const handle = await open(path, "wx", FILE_MODE);
    return {
      async write(bytes, position) {
        return (await handle.write(bytes, 0, bytes.length, position)).bytesWritten;
      },
      datasync: () => handle.datasync(),
      isLinked: async () => (await handle.stat()).nlink > 0,
      close: () => handle.close(),
    };
  },
  rename,
  async cut(path, length) {
    try {
      await using handle = await open(path, "r+");
      if ((await handle.stat()).size > length) await handle.truncate(length);
      await handle.sync();
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  },
  async remove(path) {
    await rm(path, { force: true });
  },
  async syncDirectory(directory) {
    await using handle = await open(directory, "r");
    await handle.sync();
  },
};

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
