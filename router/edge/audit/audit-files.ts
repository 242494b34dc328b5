import type { Stats } from "node:fs";
import { access, constants, mkdir, open, readdir, rename, rm, stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import { createDurable } from "./durable-append.ts";

/**
 * What others did to a segment that is being written. `moved`: it is whole, under another name. `gone`: it has no name
 * any more, and what is written to it is lost when it is closed. `altered`: it has another length than was written.
 */
export type Standing = "in_place" | "moved" | "gone" | "altered";

/** A segment being written. */
export interface SegmentHandle {
  /** Appends; resolves once it is on the disk, to the count of octets, which on a full disk is less than asked. */
  append(bytes: Uint8Array): Promise<number>;
  /** Where the file is that should be at this path and this long: see `Standing`. */
  standing(path: string, length: number): Promise<Standing>;
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
    const { handle, append } = await createDurable(path, FILE_MODE);
    return {
      append,
      async standing(name, length) {
        const { nlink, size, ino, dev } = await handle.stat();
        if (nlink === 0) return "gone";
        if (size !== length) return "altered";
        const there = await statOf(name);
        return there?.ino === ino && there.dev === dev ? "in_place" : "moved";
      },
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

async function statOf(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
