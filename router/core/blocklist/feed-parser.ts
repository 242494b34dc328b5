import { fail, ok, type Result } from "../base/result.ts";
import { latin1 } from "../wire/latin1.ts";
import { type FeedEntries, FeedEntriesBuilder } from "./feed-entries.ts";
import { beginsComment, type FeedFormat, readFeedLine } from "./feed-line.ts";
import { type FeedCounts, type FeedProblem, MOST_ENTRIES } from "./feed-problem.ts";
import type { HashSeed } from "./name-hash.ts";

export interface ParsedFeed {
  readonly entries: FeedEntries;
  readonly counts: FeedCounts;
}

/** Octets of a line without its end; a longer one is a bad one. Hosts files have up to nine names in a line. */
export const LONGEST_LINE = 4_096;

const LINE_FEED = 0x0a;
/** U+FEFF in UTF-8, octet by octet. */
const BYTE_ORDER_MARK = "\u00EF\u00BB\u00BF";

/**
 * Reads a feed as it comes, cut anywhere. It holds the line under way and eight octets an entry; how long one `write`
 * takes is for its caller to say by the length of the chunk (about 30 ns an octet).
 */
export class FeedParser {
  readonly #format: FeedFormat;
  readonly #entries: FeedEntriesBuilder;
  readonly #mostEntries: number;
  /** The beginning of a line whose end has not come. */
  readonly #rest = new Uint8Array(LONGEST_LINE);
  #restLength = 0;
  #tooLong = false;
  #atStart = true;
  #ignored = 0;
  #bad = 0;

  /** `mostEntries` is for tests. */
  constructor(format: FeedFormat, seed: HashSeed, mostEntries: number = MOST_ENTRIES) {
    this.#format = format;
    this.#entries = new FeedEntriesBuilder(seed);
    this.#mostEntries = mostEntries;
  }

  /** A problem: nothing that follows can mend it, and neither `write` nor `end` is to be called again. */
  write(chunk: Uint8Array): Result<void, FeedProblem> {
    let from = 0;
    for (;;) {
      const end = chunk.indexOf(LINE_FEED, from);
      if (end === -1) break;
      this.#endLine(chunk, from, end);
      from = end + 1;
      if (this.#entries.count > this.#mostEntries) return this.#tooMany();
    }
    this.#keep(chunk, from, chunk.length);
    return ok(undefined);
  }

  /** The last line need not have an end. */
  end(): Result<ParsedFeed, FeedProblem> {
    if (this.#restLength > 0 || this.#tooLong) this.#endLine(this.#rest, 0, 0);
    if (this.#entries.count > this.#mostEntries) return this.#tooMany();
    const entries = this.#entries.finish();
    return ok({ entries, counts: { entries: entries.count, ignored: this.#ignored, bad: this.#bad } });
  }

  #tooMany(): Result<never, FeedProblem> {
    return fail({ code: "too_many_entries", message: `More than ${this.#mostEntries} entries are listed.` });
  }

  #endLine(chunk: Uint8Array, from: number, to: number): void {
    if (this.#restLength === 0 && !this.#tooLong && to - from <= LONGEST_LINE) {
      this.#readLine(latin1(chunk, from, to));
      return;
    }
    this.#keep(chunk, from, to);
    const line = latin1(this.#rest, 0, this.#restLength);
    const isTooLong = this.#tooLong;
    this.#restLength = 0;
    this.#tooLong = false;
    if (!isTooLong) this.#readLine(line);
    else if (!beginsComment(this.#withoutMark(line)[0])) this.#bad += 1;
  }

  #keep(chunk: Uint8Array, from: number, to: number): void {
    const fits = Math.min(to - from, LONGEST_LINE - this.#restLength);
    if (fits < to - from) this.#tooLong = true;
    this.#rest.set(chunk.subarray(from, from + fits), this.#restLength);
    this.#restLength += fits;
  }

  #readLine(line: string): void {
    for (const item of readFeedLine(this.#withoutMark(line), this.#format)) {
      if (item.kind === "entry") this.#entries.add(item.text, item.wide);
      else if (item.kind === "ignored") this.#ignored += 1;
      else this.#bad += 1;
    }
  }

  #withoutMark(line: string): string {
    const isFirst = this.#atStart;
    this.#atStart = false;
    return isFirst && line.startsWith(BYTE_ORDER_MARK) ? line.slice(BYTE_ORDER_MARK.length) : line;
  }
}
