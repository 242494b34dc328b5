import type { Place } from "../../core/audit/chain-report.ts";
import { type AuditRecord, parseRecord } from "../../core/audit/parse-record.ts";
import { parseSegmentDetail } from "../../core/audit/segment-header.ts";
import type { ChainLine } from "../../core/audit/verify-chain.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";
import type { IndexRange } from "../../core/tlog/proof-ranges.ts";
import { RangeHasher } from "../../core/tlog/range-hasher.ts";
import type { TreeHash } from "../../core/tlog/tree-hash.ts";
import { nodeHash } from "./node-hash.ts";

/**
 * Why a log gives no hashes. `no_beginning`: they need records from before the first one there is. `missing`: records
 * from within are not there, or not in their place. `too_short`: the log ends before.
 */
export interface RangeProblem {
  readonly code: "no_beginning" | "missing" | "too_short";
  /** One sentence. */
  readonly message: string;
}

export interface RangesRead {
  /** One for each range, in their order. */
  readonly hashes: readonly TreeHash[];
  /** The record that was asked for, without its newline; "" where none was. */
  readonly line: string;
}

export interface RangesWanted {
  readonly stream: string;
  /** How many records the tree has. */
  readonly size: number;
  /** Within the tree. */
  readonly ranges: readonly IndexRange[];
  /** Of a record to be kept. */
  readonly seq?: number;
}

/** How many leaves are hashed together: a range is copied each time. */
const TOGETHER = 256;

/**
 * Hashes ranges of the tree over a stream's records while the lines of its log go by, in constant memory. Where the first
 * segments are gone it goes on from the tree that the first segment record there names. That and all else it is told is
 * not checked here: a root that somebody signed has to come out of it.
 */
export class RangeReader {
  readonly #wanted: RangesWanted;
  #hasher: RangeHasher | undefined;
  #next = 0;
  #leaves: TreeHash[] = [];
  #line = "";
  #problem: RangeProblem | undefined;
  /** The first line that is no record, for people: it may be the one that is missed. */
  #unread: Place | undefined;

  constructor(wanted: RangesWanted) {
    this.#wanted = wanted;
  }

  /** False once no further line is needed. */
  add({ text, leaf, ended, place }: ChainLine): boolean {
    const record = text === undefined || !ended ? undefined : parseRecord(text);
    if (text === undefined || record?.ok !== true) {
      this.#unread ??= place;
      return true;
    }
    if (record.value.stream !== this.#wanted.stream) return true;
    const { seq } = record.value;
    if (this.#hasher === undefined) this.#begin(record.value);
    else if (seq !== this.#next) this.#fail("missing", `Record ${this.#next} is not ${placeText(place)}, but ${seq}`);
    if (this.#problem !== undefined || this.#isComplete) return false;
    if (seq === this.#wanted.seq) this.#line = text;
    this.#leaves.push(leaf);
    this.#next += 1;
    if (this.#leaves.length === TOGETHER) this.#gather();
    return !this.#isComplete;
  }

  /** What the lines gave; no line may be added afterwards. */
  finish(): Result<RangesRead, RangeProblem> {
    this.#gather();
    if (this.#problem === undefined && !this.#isComplete) {
      const { size, stream } = this.#wanted;
      this.#fail("too_short", `The log has ${this.#next} of the first ${size} records of stream ${stream}`);
    }
    if (this.#problem !== undefined) return fail(this.#problem);
    const hashes = this.#hasher?.hashes();
    if (hashes === undefined) throw new Error("a range beyond its tree");
    return ok({ hashes, line: this.#line });
  }

  get #isComplete(): boolean {
    return this.#hasher !== undefined && this.#next === this.#wanted.size;
  }

  #begin({ seq, kind, detail }: AuditRecord): void {
    const { ranges, size } = this.#wanted;
    const hashes = seq === 0 || kind !== "segment" ? [] : parseSegmentDetail(seq, detail)?.tree;
    const hasher = new RangeHasher(ranges, nodeHash, { begin: 0, end: seq, hashes: hashes ?? [] });
    const isCovered = this.#wanted.seq === undefined || this.#wanted.seq >= seq;
    if (seq > size || !isCovered || !hasher.isPossible) {
      this.#fail("no_beginning", `The proof needs records before ${seq}, which is the first that is there`);
    }
    this.#hasher = hasher;
    this.#next = seq;
  }

  #gather(): void {
    this.#hasher?.add(this.#leaves);
    this.#leaves = [];
  }

  #fail(code: RangeProblem["code"], words: string): void {
    const unread = this.#unread === undefined ? "" : `; what stands ${placeText(this.#unread)} is no record`;
    this.#problem = { code, message: `${words}${unread}.` };
  }
}

function placeText({ line, file }: Place): string {
  return `in line ${line} of ${file}`;
}
