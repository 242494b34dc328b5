import { constants } from "node:fs";
import { mkdir, open, readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { fail, ok, type Result } from "../../core/base/result.ts";
import { parseCheckpoint } from "../../core/tlog/checkpoint.ts";
import { parseSignedNote } from "../../core/tlog/signed-note.ts";
import { formatVerifierKey, parseVerifierKey, type VerifierKey } from "../../core/tlog/verifier-key.ts";
import type { WitnessedHead } from "../../core/tlog/witness.ts";
import { DirectoryLock } from "./directory-lock.ts";
import { sha256 } from "./ed25519.ts";
import { replaceFile } from "./replace-file.ts";

/** What is kept of one log. */
export interface WitnessedLog {
  /** The latest head that was cosigned; undefined where none was yet. */
  readonly head: WitnessedHead | undefined;
  /** The key that the log brought, if it was enrolled. */
  readonly pinned: VerifierKey | undefined;
}

/** Made durable under a path; an argument, so that tests can make it fail. */
export type WriteDurably = (directory: string, name: string, text: string) => Promise<void>;

const UNSEEN: WitnessedLog = { head: undefined, pinned: undefined };
/** SHA-256 of the origin, which is hostile text and no name for a file. */
const FILE = /^(?<id>[0-9a-f]{64})\.(?<kind>note|vkey)$/;
/** What a crash may leave of a write of ours; nothing else in the directory is touched. */
const UNFINISHED = /^(?:[0-9a-f]{64}\.(?:note|vkey)|witness\.key)\.new$/;
const FILE_MODE = 0o640;
const DIRECTORY_MODE = 0o750;

/**
 * The memory of a witness: `<SHA-256 of the origin>.note`, the latest checkpoint as the log signed it and the witness
 * cosigned it (a standard signed note, good as an anchor), and `.vkey`, the key of an enrolled log. One process owns the
 * directory. To forget a log is to let it roll back: no file is ever removed, and one that is damaged is a problem, never
 * a log that was not seen.
 */
export class WitnessStore {
  readonly #directory: string;
  readonly #lock: DirectoryLock;
  readonly #logs: Map<string, WitnessedLog>;
  readonly #write: WriteDurably;
  #pinned = 0;

  private constructor(directory: string, lock: DirectoryLock, logs: Map<string, WitnessedLog>, write: WriteDurably) {
    this.#directory = directory;
    this.#lock = lock;
    this.#logs = logs;
    this.#write = write;
    for (const log of logs.values()) if (log.pinned !== undefined) this.#pinned += 1;
  }

  /** The problem is one sentence. */
  static async open(directory: string, write: WriteDurably = replaceDurably): Promise<Result<WitnessStore, string>> {
    let lock: DirectoryLock | undefined;
    try {
      await mkdir(directory, { recursive: true, mode: DIRECTORY_MODE });
      lock = DirectoryLock.take(directory);
      if (lock === undefined) return fail(`Another witness holds ${directory}.`);
      return ok(new WitnessStore(directory, lock, await readLogs(directory), write));
    } catch (error) {
      lock?.release();
      return fail(`${directory} cannot be used: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  get directory(): string {
    return this.#directory;
  }

  /** Logs that were enrolled, and others. */
  get held(): { readonly pinned: number; readonly others: number } {
    return { pinned: this.#pinned, others: this.#logs.size - this.#pinned };
  }

  get(origin: string): WitnessedLog {
    return this.#logs.get(idOf(origin)) ?? UNSEEN;
  }

  /** Keeps the only key that will ever count for this log. Resolves when it is durable; throws what the disk throws. */
  async pin(origin: string, key: VerifierKey): Promise<void> {
    const { head, pinned } = this.get(origin);
    if (pinned !== undefined) throw new Error("a log is enrolled once");
    await this.#write(this.#directory, `${idOf(origin)}.vkey`, `${formatVerifierKey(key)}\n`);
    this.#logs.set(idOf(origin), { head, pinned: key });
    this.#pinned += 1;
  }

  /**
   * Keeps a later head with its note. Resolves when it is durable; throws what the disk throws, and then the head before
   * stands. Calls for one origin must not overlap.
   */
  async advance(origin: string, head: WitnessedHead, note: string): Promise<void> {
    const { head: before, pinned } = this.get(origin);
    if (before !== undefined && head.size <= before.size) throw new Error("a witnessed head only grows");
    await this.#write(this.#directory, `${idOf(origin)}.note`, note);
    this.#logs.set(idOf(origin), { head, pinned });
  }

  close(): void {
    this.#lock.release();
  }
}

function idOf(origin: string): string {
  return sha256(Buffer.from(origin)).toHex();
}

async function readLogs(directory: string): Promise<Map<string, WitnessedLog>> {
  const logs = new Map<string, WitnessedLog>();
  for (const name of await readdir(directory)) {
    if (UNFINISHED.test(name)) await rm(join(directory, name), { force: true });
    const { id, kind } = FILE.exec(name)?.groups ?? {};
    if (id === undefined) continue;
    const path = join(directory, name);
    const text = await readBounded(path);
    const log = logs.get(id) ?? UNSEEN;
    const head = kind === "note" ? headOf(text, id) : log.head;
    const pinned = kind === "vkey" ? keyOf(text, id) : log.pinned;
    // Never a log that was not seen: that would let it begin again.
    if ((kind === "note" ? head : pinned) === undefined) throw new Error(`${name} is damaged: restore it.`);
    logs.set(id, { head, pinned });
  }
  return logs;
}

const MAXIMUM_FILE = 512 * 1024;

async function readBounded(path: string): Promise<string> {
  const { size } = await stat(path);
  return size > MAXIMUM_FILE ? "" : new TextDecoder("utf-8", { ignoreBOM: true }).decode(await readFile(path));
}

function headOf(text: string, id: string): WitnessedHead | undefined {
  const note = parseSignedNote(text);
  const checkpoint = note.ok ? parseCheckpoint(note.value.text) : undefined;
  if (checkpoint === undefined || idOf(checkpoint.origin) !== id) return undefined;
  return { size: checkpoint.size, root: checkpoint.root };
}

function keyOf(text: string, id: string): VerifierKey | undefined {
  const key = text.endsWith("\n") ? parseVerifierKey(text.slice(0, -1), sha256) : undefined;
  return key !== undefined && idOf(key.name) === id ? key : undefined;
}

/** Readers see the old file or the new one, also after a crash; a disk that runs full leaves the old one. */
export async function replaceDurably(directory: string, name: string, text: string, mode = FILE_MODE): Promise<void> {
  await replaceFile(join(directory, name), text, mode);
  await using held = await open(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  await held.sync();
}
