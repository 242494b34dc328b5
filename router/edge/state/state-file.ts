import { closeSync, constants, fdatasyncSync, fsyncSync, openSync, renameSync, writeFileSync } from "node:fs";
import { open, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fail, ok, type Result } from "../../core/base/result.ts";

const READ = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW;
const WRITE = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW;

/** What a room remembers over a restart: one small text, replaced as a whole. */
export class StateFile {
  readonly #path: string;
  readonly #maximum: number;
  readonly #failed: (error: unknown) => void;
  #next: string | undefined;
  #writing: Promise<void> | undefined;
  /** What is being written, while it may still give up: see `saveNow`. */
  #isOutdated = false;
  #isRenaming = false;

  /** `name`: a file of the directory. `maximum`: octets. `failed` is told why a state is not on the disk. */
  constructor(directory: string, name: string, maximum: number, failed: (error: unknown) => void) {
    this.#path = join(directory, name);
    this.#maximum = maximum;
    this.#failed = failed;
  }

  /** Undefined: there is none yet. A sentence: there is one, and it cannot be read. */
  async load(): Promise<Result<string | undefined, string>> {
    try {
      await using handle = await open(this.#path, READ);
      const octets = Buffer.alloc(this.#maximum + 1);
      let length = 0;
      for (;;) {
        const { bytesRead } = await handle.read(octets, length, octets.length - length, length);
        length += bytesRead;
        if (bytesRead === 0 || length > this.#maximum) break;
      }
      if (length > this.#maximum) return fail(`${this.#path} is longer than ${this.#maximum} octets.`);
      return ok(new TextDecoder("utf-8", { fatal: true }).decode(octets.subarray(0, length)));
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return ok(undefined);
      return fail(`${this.#path} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  /** Soon on the disk; of several that wait, only the newest is written. */
  save(text: string): void {
    this.#next = text;
    this.#writing ??= this.#writeAll();
  }

  /**
   * On the disk when it returns, for what must not be told before it is kept; everything else waits meanwhile. False: it is
   * not there, and `failed` was told. What was to be saved before is not.
   */
  saveNow(text: string): boolean {
    this.#next = undefined;
    this.#isOutdated = true;
    try {
      // A renaming that is under way would bring the state of before back: it shall bring this one.
      if (this.#isRenaming) this.#replaceNow(text, beside(this.#path));
      this.#replaceNow(text, this.#path);
      return true;
    } catch (error) {
      this.#failed(error);
      return false;
    }
  }

  /** Resolves when nothing waits any more; with a disk that hangs, never. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  async #writeAll(): Promise<void> {
    while (this.#next !== undefined) {
      const text = this.#next;
      this.#next = undefined;
      this.#isOutdated = false;
      // One state after the other: that is the point.
      // oxlint-disable-next-line no-await-in-loop
      await this.#replace(text).catch(this.#failed);
    }
    this.#writing = undefined;
  }

  /** Readers see the old one or the new one, also after a crash. */
  async #replace(text: string): Promise<void> {
    const written = beside(this.#path);
    {
      await using handle = await open(written, WRITE, 0o600);
      await handle.writeFile(text);
      await handle.datasync();
    }
    if (this.#isOutdated) return;
    this.#isRenaming = true;
    await rename(written, this.#path).finally(() => (this.#isRenaming = false));
    await using directory = await open(dirname(this.#path), constants.O_RDONLY);
    await directory.sync();
  }

  #replaceNow(text: string, path: string): void {
    const written = `${this.#path}.now`;
    // A FIFO in the way is not waited for.
    const file = openSync(written, WRITE | constants.O_NONBLOCK, 0o600);
    try {
      writeFileSync(file, text);
      fdatasyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(written, path);
    const directory = openSync(dirname(path), constants.O_RDONLY);
    try {
      fsyncSync(directory);
    } finally {
      closeSync(directory);
    }
  }
}

function beside(path: string): string {
  return `${path}.new`;
}
