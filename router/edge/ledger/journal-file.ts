import { constants, writeSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { LineWriter } from "./ledger-line.ts";

/** What lies in the way is not followed (a link), and not waited for (a FIFO). */
const FLAGS =
  constants.O_WRONLY |
  constants.O_CREAT |
  constants.O_TRUNC |
  constants.O_APPEND |
  constants.O_NOFOLLOW |
  constants.O_NONBLOCK;

/** Lines that are held at most. */
const MOST_HELD = 32;

/** A ledger's file, to be appended to. Once a write has failed it is of no further use: its last line may be torn. */
export class JournalFile {
  readonly #handle: FileHandle;
  readonly #lines = new LineWriter();
  #size = 0;
  /** Lines that go out before the next one, in one write with it. */
  #held: Buffer[] = [];

  private constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  /** A new file with this first line, on the disk already. Throws what the file system throws. */
  static async create(path: string, first: string): Promise<JournalFile> {
    const handle = await open(path, FLAGS, 0o600);
    try {
      if (!(await handle.stat()).isFile()) throw new Error(`${path} is no regular file`);
      const file = new JournalFile(handle);
      const line = file.#lines.write(first);
      await handle.writeFile(line);
      await handle.datasync();
      file.#size = line.length;
      return file;
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** In octets. */
  get size(): number {
    return this.#size;
  }

  /** Hands a line, and all that is held, to the kernel, which keeps it whatever becomes of this process. Throws what the file system throws. */
  append(text: string): void {
    this.#write(this.#lines.write(text));
  }

  /** Holds a line for the next write: `append`, `sync` or `close`. */
  hold(text: string): void {
    // The writer uses its buffer again.
    this.#held.push(Buffer.from(this.#lines.write(text)));
    if (this.#held.length >= MOST_HELD) this.#write();
  }

  async sync(): Promise<void> {
    this.#write();
    await this.#handle.datasync();
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  #write(last?: Uint8Array): void {
    let octets = last;
    if (this.#held.length > 0) {
      octets = Buffer.concat(last === undefined ? this.#held : [...this.#held, last]);
      this.#held = [];
    }
    if (octets === undefined) return;
    for (let written = 0; written < octets.length;) {
      // A disk that is nearly full takes a part first.
      const count = writeSync(this.#handle.fd, octets, written, octets.length - written);
      if (count === 0) throw new Error("the disk takes no more octets");
      written += count;
    }
    this.#size += octets.length;
  }
}
