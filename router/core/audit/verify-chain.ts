import type { NodeHash, TreeHash } from "../tlog/tree-hash.ts";
import type { ChainReport, Damage, DamageKind, Place, RecordMark } from "./chain-report.ts";
import { type AuditRecord, parseRecord } from "./parse-record.ts";
import { NO_LEAF, parseSegmentDetail, type SegmentHeader } from "./segment-header.ts";
import { type StreamHead, StreamHeads } from "./stream-heads.ts";

/** One line of a log as read, without its newline. */
export interface ChainLine {
  readonly place: Place;
  /** Undefined: longer than `MAXIMUM_LINE_BYTES`, or not UTF-8. */
  readonly text: string | undefined;
  /** SHA-256(0x00 || the line's octets), in lower-case hex. */
  readonly leaf: string;
  /** False where the file ended before a newline. */
  readonly ended: boolean;
}

/** Which record a record says it follows. */
interface Claim {
  readonly stream: string;
  readonly seq: number;
  readonly leaf: string;
}

interface Held {
  readonly mark: RecordMark;
  readonly kind: string;
  /** The number of the segment that it is in. */
  readonly segment: number;
  /** What a segment record says of the tree before it; empty for others. */
  readonly tree: readonly TreeHash[];
}

const NO_TREE: readonly TreeHash[] = [];

/** What the lines after the first damage may still say about it. */
type Doubt =
  | { readonly about: "edited"; readonly earlier: RecordMark; readonly later: RecordMark; readonly claimed: string }
  | { readonly about: "missing"; readonly good: RecordMark; readonly place: Place; readonly seq: number };

/**
 * Checks a chain line by line, in constant memory: give it every line in order, then ask. It finds the first record
 * that is not as it was written. What it cannot see, because a chain has nothing to hold against it: records cut off
 * at the very end, a change of the very last record, and a chain written anew from its beginning or from any record to
 * its end. Those need a head that was signed or kept elsewhere: name its stream and size, and the report has the root
 * over the records that are there.
 */
export class ChainVerifier {
  readonly #heads: StreamHeads;
  /** The streams that were asked for, with the key that each names for itself. */
  readonly #keys: Map<string, string | undefined>;
  #records = 0;
  #segments = 0;
  #streams = 0;
  #gaps = 0;
  #recoveries = 0;
  #first: RecordMark | undefined;
  #last: RecordMark | undefined;
  #stopped = false;
  #continues: string | undefined;
  /** The record that the next one has still to vouch for. */
  #held: Held | undefined;
  #damage: Damage | undefined;
  #doubt: Doubt | undefined;

  constructor(node: NodeHash, wanted: readonly Omit<StreamHead, "root">[] = []) {
    this.#heads = new StreamHeads(node, wanted);
    this.#keys = new Map(wanted.map(({ stream }) => [stream, undefined]));
  }

  /** False once damage is found and no further line can say more about it. */
  add(line: ChainLine): boolean {
    if (this.#damage !== undefined) {
      this.#reconsider(line);
    } else if (line.ended) {
      this.#judge(line);
    } else {
      this.#bad(
        "torn_tail",
        line.place,
        null,
        "The file ends within this line; a crash leaves this, and so does a cut.",
      );
    }
    return this.#damage === undefined || this.#doubt !== undefined;
  }

  /** The verdict; no line may be added afterwards. */
  finish(): ChainReport {
    const doubt = this.#doubt;
    this.#doubt = undefined;
    // Nothing follows the two that disagree. A `prev` that was touched still resembles the leaf it was.
    if (doubt?.about === "edited" && resembles(doubt.claimed, doubt.earlier.leaf)) this.#blameLater(doubt);
    this.#cover();
    return {
      records: this.#records,
      segments: this.#segments,
      streams: this.#streams,
      first: this.#first,
      last: this.#last,
      continues: this.#continues,
      stopped: this.#stopped,
      gaps: this.#gaps,
      recoveries: this.#recoveries,
      heads: this.#heads.heads,
      extents: [...this.#keys].flatMap(([stream, key]) => {
        const extent = this.#heads.extent(stream);
        return extent === undefined ? [] : [{ stream, ...extent, key }];
      }),
      damage: this.#damage,
    };
  }

  #judge(line: ChainLine): void {
    if (line.text === undefined) return this.#bad("malformed", line.place, null, "The line is too long or not UTF-8.");
    const parsed = parseRecord(line.text);
    if (!parsed.ok) {
      const sentence =
        parsed.problem === "malformed"
          ? "The line is not an audit record."
          : "The record is not in its RFC 8785 form, so it was not written like this.";
      return this.#bad(parsed.problem, line.place, null, sentence);
    }
    const record = parsed.value;
    const mark = { stream: record.stream, seq: record.seq, leaf: line.leaf, time: record.time, place: line.place };
    const header = record.kind === "segment" ? parseSegmentDetail(record.seq, record.detail) : undefined;
    if (record.kind === "segment" && (header === undefined || !isConsistent(record, header))) {
      return this.#bad("edited", line.place, record.seq, "The segment record contradicts itself.");
    }
    const held = this.#held;
    if (held === undefined) {
      if (header === undefined) {
        return this.#bad("missing", line.place, record.seq, "A log begins with a segment record, and it is not there.");
      }
      this.#continues = header.previous?.file;
    } else if (!this.#follows(record, header, mark, held)) {
      return;
    }
    this.#cover();
    if (header !== undefined && held?.mark.stream === record.stream && !isSame(header.tree, this.#heads.tree())) {
      return this.#bad("edited", line.place, record.seq, "It names another tree than that of the records before it.");
    }
    if (record.kind === "start" && this.#keys.has(record.stream)) {
      const { key } = record.detail;
      this.#keys.set(record.stream, this.#keys.get(record.stream) ?? (typeof key === "string" ? key : undefined));
    }
    const segment = header?.segment ?? held?.segment ?? 0;
    this.#held = { mark, kind: record.kind, segment, tree: header?.tree ?? NO_TREE };
  }

  /** True where the record follows the held one; otherwise the damage has been named. */
  #follows(record: AuditRecord, header: SegmentHeader | undefined, mark: RecordMark, held: Held): boolean {
    const last = held.mark;
    const claim = claimOf(record, header);
    const bad = (kind: DamageKind, sentence: string): false => {
      this.#bad(kind, mark.place, record.seq, sentence);
      return false;
    };
    if (claim.leaf === last.leaf) {
      if (claim.stream !== last.stream || claim.seq !== last.seq) {
        return bad(
          "edited",
          `It follows record ${last.seq} of ${last.stream}, and its own number or stream denies it.`,
        );
      }
      if (held.kind === "stop" && record.stream === last.stream) {
        return bad("edited", `It stands behind record ${last.seq}, with which its stream was stopped.`);
      }
      // What was damaged then has been taken away since.
      if (header?.previous?.ended !== "damaged") return true;
      return bad("missing", `The writer that began here found damage behind record ${last.seq}, and it is not there.`);
    }
    if (record.stream === last.stream && record.seq <= last.seq) {
      // What is older than everything read so far cannot have been read before.
      const seen = this.#first === undefined || this.#first.stream !== record.stream || record.seq >= this.#first.seq;
      return bad(seen ? "duplicate" : "reordered", `It stands behind record ${last.seq}, and belongs before it.`);
    }
    // Whether a stream's first record names its own stream, only those behind it can tell.
    const isSecond = last.seq === 0 && claim.seq === 0;
    if (claim.stream !== last.stream && !isSecond) {
      const before = header?.previous?.segment ?? 0;
      if (before > held.segment) return bad("missing", `Segments ${held.segment + 1} to ${before} are not there.`);
      return bad("foreign_stream", `It is not of the chain of stream ${last.stream}, or not in its place there.`);
    }
    if (claim.seq > last.seq) {
      this.#doubt = { about: "missing", good: last, place: mark.place, seq: record.seq };
      return bad("missing", `Records ${last.seq + 1} to ${claim.seq} are not there.`);
    }
    this.#doubt = { about: "edited", earlier: last, later: mark, claimed: claim.leaf };
    this.#bad("edited", last.place, last.seq, `It hashes to ${last.leaf}; the next record holds ${claim.leaf}.`);
    this.#held = undefined;
    return false;
  }

  /** Counts the held record: what follows vouches for it, or nothing follows. */
  #cover(): void {
    const held = this.#held;
    this.#held = undefined;
    if (held === undefined) return;
    this.#records += 1;
    if (held.kind === "segment") this.#segments += 1;
    if (held.kind === "gap") this.#gaps += 1;
    if (held.kind === "recovery") this.#recoveries += 1;
    if (held.mark.stream !== this.#last?.stream) this.#streams += 1;
    this.#stopped = held.kind === "stop";
    this.#first ??= held.mark;
    this.#last = held.mark;
    this.#heads.add(held.mark.stream, held.mark.seq, held.mark.leaf, held.tree);
  }

  #reconsider(line: ChainLine): void {
    const doubt = this.#doubt;
    if (doubt === undefined || !line.ended || line.text === undefined) return;
    const parsed = parseRecord(line.text);
    if (doubt.about === "edited") {
      this.#doubt = undefined;
      const vouched = parsed.ok && parsed.value.prev === doubt.later.leaf;
      if (!vouched) this.#blameLater(doubt);
    } else if (parsed.ok && parsed.value.prev === doubt.good.leaf && !goesOnFromDamage(parsed.value)) {
      this.#doubt = undefined;
      const sentence = `What follows record ${doubt.good.seq} comes later, in line ${line.place.line} of ${line.place.file}.`;
      this.#bad("reordered", doubt.place, doubt.seq, sentence);
    }
  }

  #blameLater(doubt: { readonly earlier: RecordMark; readonly later: RecordMark }): void {
    const { earlier, later } = doubt;
    const kind = later.stream === earlier.stream ? "edited" : "foreign_stream";
    const sentence = `It does not hold the hash of record ${earlier.seq}, for which nothing else vouches.`;
    this.#bad(kind, later.place, later.seq, sentence);
  }

  #bad(kind: DamageKind, place: Place, seq: number | null, sentence: string): void {
    this.#damage = { kind, place, seq, sentence };
  }
}

function claimOf(record: AuditRecord, header: SegmentHeader | undefined): Claim {
  if (header !== undefined && record.seq === 0) {
    return header.previous ?? { stream: "", seq: -1, leaf: NO_LEAF };
  }
  return { stream: record.stream, seq: record.seq - 1, leaf: record.prev };
}

/** A writer that finds damage begins again behind the last good record, where another record has been before. */
function goesOnFromDamage(record: AuditRecord): boolean {
  return record.kind === "segment" && parseSegmentDetail(record.seq, record.detail)?.previous?.ended === "damaged";
}

function isSame(one: readonly TreeHash[], other: readonly TreeHash[]): boolean {
  return one.length === other.length && one.every((hash, index) => hash === other[index]);
}

/** A segment record tells of the segment before it twice: in `detail`, and by its own place in the chain. */
function isConsistent(record: AuditRecord, header: SegmentHeader): boolean {
  const { previous } = header;
  if (previous === null) return record.seq === 0 && record.prev === NO_LEAF;
  if (record.prev !== previous.leaf || header.segment <= previous.segment) return false;
  return record.seq === (previous.stream === record.stream ? previous.seq + 1 : 0);
}

/** Hashes of different lines agree in about 4 of 64 digits. */
function resembles(one: string, other: string): boolean {
  let same = 0;
  for (let index = 0; index < one.length; index += 1) if (one[index] === other[index]) same += 1;
  return same >= 32;
}
