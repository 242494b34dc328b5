import { constants } from "node:fs";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";

/** What lies in the way is not followed (a link), and not waited for (a FIFO). */
const WRITE = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** A bound on what several files take together. */
export interface DiskSpace {
  /** False: there is not so much left. */
  take(octets: number): boolean;
  give(octets: number): void;
}

/**
 * A file that is written piece by piece, and has its name only once it is whole and on the disk. What the file system
 * throws, it throws.
 */
export class FileDraft {
  readonly #directory: string;
  readonly #unfinished: string;
  readonly #handle: FileHandle;
  readonly #space: DiskSpace;
  #taken = 0;

  private constructor(directory: string, unfinished: string, handle: FileHandle, space: DiskSpace) {
    this.#directory = directory;
    this.#unfinished = unfinished;
    this.#handle = handle;
    this.#space = space;
  }

  /**
   * `name`: of the unfinished file, which replaces one that an earlier process left. What is written is taken from
   * `space`, and given back by `discard`; of a file that was kept it is for its keeper to give back.
   */
  static async open(directory: string, name: string, space: DiskSpace): Promise<FileDraft> {
    const unfinished = join(directory, name);
    return new FileDraft(directory, unfinished, await open(unfinished, WRITE, 0o600), space);
  }

  async write(chunk: Uint8Array): Promise<void> {
    if (!this.#space.take(chunk.length)) throw new Error("there is no more room for copies");
    this.#taken += chunk.length;
    let written = 0;
    while (written < chunk.length) {
      const { bytesWritten } = await this.#handle.write(chunk, written, chunk.length - written);
      written += bytesWritten;
    }
  }

  /** Readers see nothing, or all of it, also after a crash. */
  async keep(name: string): Promise<void> {
    await this.#handle.datasync();
    await this.#handle.close();
    await rename(this.#unfinished, join(this.#directory, name));
    await using directory = await open(this.#directory, constants.O_RDONLY);
    await directory.sync();
  }

  /** Also after `keep` or `write` has thrown. Never throws: what cannot be removed, the next draft replaces. */
  async discard(): Promise<void> {
    await this.#handle.close().catch(() => undefined);
    await rm(this.#unfinished, { force: true }).catch(() => undefined);
    this.#space.give(this.#taken);
    this.#taken = 0;
  }
}
