import { createHash, type Hash } from "node:crypto";
import { fail, ok, type Result } from "../../core/base/result.ts";
import { FeedParser, type ParsedFeed } from "../../core/blocklist/feed-parser.ts";
import type { FeedFormat } from "../../core/blocklist/feed-line.ts";
import type { HashSeed } from "../../core/blocklist/name-hash.ts";
import type { FileDraft } from "../../edge/sources/file-draft.ts";
import type { Pace } from "./pace.ts";

export interface FeedContent extends ParsedFeed {
  /** SHA-256 of all octets, in lower-case hex. */
  readonly digest: string;
  readonly octets: number;
}

/** Octets that are read in one piece, about a millisecond. */
const PIECE = 16 * 1024;

/** One reading of a feed: its chunks go to the parser, the digest and the copy, piece by piece. */
export class FeedIntake {
  readonly #parser: FeedParser;
  readonly #pace: Pace;
  readonly #hash: Hash = createHash("sha256");
  readonly #copyFailed: (error: unknown) => void;
  #draft: FileDraft | undefined;
  #octets = 0;

  /** `draft`: where a copy goes; once it fails, `copyFailed` is told, and the reading goes on without. */
  constructor(
    format: FeedFormat,
    seed: HashSeed,
    pace: Pace,
    draft: FileDraft | undefined,
    copyFailed: (error: unknown) => void,
  ) {
    this.#parser = new FeedParser(format, seed);
    this.#pace = pace;
    this.#draft = draft;
    this.#copyFailed = copyFailed;
  }

  /** See `TakeChunk`. */
  async take(chunk: Uint8Array): Promise<string | undefined> {
    for (let from = 0; from < chunk.length; from += PIECE) {
      const piece = chunk.subarray(from, from + PIECE);
      this.#hash.update(piece);
      const written = this.#parser.write(piece);
      if (!written.ok) return written.problem.message;
      await this.#pace.breathe();
    }
    this.#octets += chunk.length;
    try {
      await this.#draft?.write(chunk);
    } catch (error) {
      const draft = this.#draft;
      this.#draft = undefined;
      this.#copyFailed(error);
      await draft?.discard();
    }
    return undefined;
  }

  /** After the last chunk. */
  end(): Result<FeedContent, string> {
    const parsed = this.#parser.end();
    if (!parsed.ok) return fail(parsed.problem.message);
    return ok({ ...parsed.value, digest: this.#hash.digest("hex"), octets: this.#octets });
  }

  /** The whole copy, or undefined where it could not be written. */
  get draft(): FileDraft | undefined {
    return this.#draft;
  }
}
