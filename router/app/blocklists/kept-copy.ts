import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { type EpochMillis, epochMillis } from "../../core/base/quantity.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";
import { type ChunkProblem, readFileInChunks } from "../../edge/sources/file-chunks.ts";
import { type DiskSpace, FileDraft } from "../../edge/sources/file-draft.ts";
import { StateFile } from "../../edge/state/state-file.ts";

/** What is known of the last good copy of a feed, beside its octets. */
export interface CopyFacts {
  /** SHA-256 in hex; the copy's file is named after it. */
  readonly digest: string;
  readonly octets: number;
  readonly etag: string | undefined;
  /** When its source was last known to hold just this. */
  readonly confirmedAt: EpochMillis;
}

const MOST_FACTS = 4_096;
const DIGEST = /^[0-9a-f]{64}$/;
/** All that is written here: copies, drafts, facts. */
const WRITTEN = /^(?<name>[a-z0-9-]+)\.(?:(?<copy>[0-9a-f]{64}\.list)|new|json|json\.new)$/;

/**
 * The last good copy of one feed, in a directory that is the router's own: the octets in one file, and in another what
 * they are, which is replaced after them. Between the two a crash leaves the old copy in force.
 */
export class KeptCopy {
  readonly #directory: string;
  readonly #name: string;
  readonly #source: string;
  readonly #facts: StateFile;
  readonly #space: DiskSpace;
  #problem: string | undefined;
  #kept: CopyFacts | undefined;

  /** `source`: SHA-256 of where the feed comes from; a copy from elsewhere is not this feed's. */
  constructor(directory: string, name: string, source: string, space: DiskSpace) {
    this.#space = space;
    this.#directory = directory;
    this.#name = name;
    this.#source = source;
    this.#facts = new StateFile(directory, `${name}.json`, MOST_FACTS, (error) => this.failed(error));
  }

  /** Why the newest good feed is not on the disk. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** The file that is kept; undefined: none. */
  get file(): string | undefined {
    return this.#kept === undefined ? undefined : this.#fileOf(this.#kept.digest);
  }

  failed(error: unknown): void {
    this.#problem = error instanceof Error ? error.message : String(error);
  }

  /** Undefined: there is none. */
  async facts(): Promise<Result<CopyFacts | undefined, string>> {
    const loaded = await this.#facts.load();
    if (!loaded.ok || loaded.value === undefined) return loaded.ok ? ok(undefined) : loaded;
    const facts = parseFacts(loaded.value, this.#source);
    return facts === undefined ? fail("It is not of this source, or what describes it is damaged.") : ok(facts);
  }

  read(
    { digest, octets }: CopyFacts,
    take: (chunk: Uint8Array) => Promise<string | undefined>,
  ): Promise<Result<unknown, ChunkProblem>> {
    return readFileInChunks(join(this.#directory, this.#fileOf(digest)), octets, take);
  }

  /** What was read had its digest. */
  stands(facts: CopyFacts): void {
    this.#kept = facts;
    // There it is, whether there is room for it or not.
    this.#space.give(-facts.octets);
  }

  /** Undefined: it cannot be written, and `problem` says why. */
  async draft(): Promise<FileDraft | undefined> {
    try {
      return await FileDraft.open(this.#directory, `${this.#name}.new`, this.#space);
    } catch (error) {
      this.failed(error);
      return undefined;
    }
  }

  /** Makes the draft the copy. Never throws. */
  async keep(draft: FileDraft, facts: CopyFacts): Promise<void> {
    const before = this.#kept;
    try {
      this.#problem = undefined;
      await draft.keep(this.#fileOf(facts.digest));
      await this.note(facts);
      if (this.problem === undefined && before !== undefined && before.digest !== facts.digest) {
        await rm(join(this.#directory, this.#fileOf(before.digest)), { force: true });
        this.#space.give(before.octets);
      }
    } catch (error) {
      this.failed(error);
      await draft.discard();
    }
  }

  /** Writes down what has become known of the copy that is there. */
  async note(facts: CopyFacts): Promise<void> {
    this.#kept = facts;
    this.#facts.save(JSON.stringify({ version: 1, source: this.#source, ...facts }));
    await this.#facts.settled();
  }

  /** The copy on the disk has this digest. */
  has(digest: string): boolean {
    return this.#kept?.digest === digest;
  }

  #fileOf(digest: string): string {
    return `${this.#name}.${digest}.list`;
  }
}

/**
 * Removes what is kept of feeds that there are no more, and of the others each copy but the one in force. `files`: the
 * copy of each feed; where it is undefined, what there is stays, since the feed may be told otherwise at the next start.
 * Throws what the file system throws.
 */
export async function sweepCopies(directory: string, files: ReadonlyMap<string, string | undefined>): Promise<void> {
  for (const file of await readdir(directory)) {
    const { name, copy } = WRITTEN.exec(file)?.groups ?? {};
    if (name === undefined) continue;
    const isOurs = files.has(name) && (copy === undefined || (files.get(name) ?? file) === file);
    if (!isOurs) await rm(join(directory, file), { force: true });
  }
}

function parseFacts(text: string, source: string): CopyFacts | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { version, source: from, digest, octets, etag, confirmedAt } = value as Record<string, unknown>;
  if (version !== 1 || from !== source) return undefined;
  if (typeof digest !== "string" || !DIGEST.test(digest)) return undefined;
  if (typeof octets !== "number" || !Number.isSafeInteger(octets) || octets < 0) return undefined;
  if (etag !== undefined && typeof etag !== "string") return undefined;
  if (typeof confirmedAt !== "number" || !Number.isSafeInteger(confirmedAt) || confirmedAt < 0) return undefined;
  return { digest, octets, etag, confirmedAt: epochMillis(confirmedAt) };
}
