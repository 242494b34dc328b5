import { constants } from "node:fs";
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

  /** Resolves when nothing waits any more; with a disk that hangs, never. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  async #writeAll(): Promise<void> {
    while (this.#next !== undefined) {
      const text = this.#next;
      this.#next = undefined;
      // One state after the other: that is the point.
      // oxlint-disable-next-line no-await-in-loop
      await this.#replace(text).catch(this.#failed);
    }
    this.#writing = undefined;
  }

  /** Readers see the old one or the new one, also after a crash. */
  async #replace(text: string): Promise<void> {
    const beside = `${this.#path}.new`;
    {
      await using handle = await open(beside, WRITE, 0o600);
      await handle.writeFile(text);
      await handle.datasync();
    }
    await rename(beside, this.#path);
    await using directory = await open(dirname(this.#path), constants.O_RDONLY);
    await directory.sync();
  }
}
