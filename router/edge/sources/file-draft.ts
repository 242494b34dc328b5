import { constants } from "node:fs";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";

/** What lies in the way is not followed (a link), and not waited for (a FIFO). */
const WRITE = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/**
 * A file that is written piece by piece, and has its name only once it is whole and on the disk. What the file system
 * throws, it throws.
 */
export class FileDraft {
  readonly #directory: string;
  readonly #unfinished: string;
  readonly #handle: FileHandle;

  private constructor(directory: string, unfinished: string, handle: FileHandle) {
    this.#directory = directory;
    this.#unfinished = unfinished;
    this.#handle = handle;
  }

  /** `name`: of the unfinished file, which replaces one that an earlier process left. */
  static async open(directory: string, name: string): Promise<FileDraft> {
    const unfinished = join(directory, name);
    return new FileDraft(directory, unfinished, await open(unfinished, WRITE, 0o600));
  }

  async write(chunk: Uint8Array): Promise<void> {
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
  }
}
