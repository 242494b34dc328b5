import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { AuditEvent } from "../../core/audit/audit-event.ts";
import { type Actor, MAXIMUM_LINE_BYTES, recordRenderer } from "../../core/audit/record.ts";
import {
  MAXIMUM_SEGMENT,
  NO_LEAF,
  parseSegmentName,
  type PreviousSegment,
  type SegmentEnding,
  segmentDetail,
  segmentName,
} from "../../core/audit/segment-header.ts";
import type { Clock } from "../../core/base/clock.ts";
import { type Bytes, type Millis, millis } from "../../core/base/quantity.ts";
import type { AuditFiles, SegmentHandle } from "./audit-files.ts";
import { AuditFailure } from "./audit-problem.ts";
import { DirectoryLock } from "./directory-lock.ts";
import { inTime } from "./in-time.ts";
import { LineBuffer } from "./line-buffer.ts";
import { type Resumed, resume } from "./resume.ts";
import { createSegment, removeUnfinished, appendAll } from "./segment-file.ts";
import { StreamTree } from "./stream-tree.ts";
import { createTimeText } from "./time-text.ts";
import { ownEvent } from "../../core/audit/own-event.ts";

/** After having been full, the log goes on only below this, and with more than a batch of room on the disk. */
const BEGIN_BELOW = 0.95;
const BEGIN_ROOM = 1024 * 1024;
/** How often a segment that somebody deletes, renames or cuts under its writer is noticed. */
const STANDING_CHECK = 1_000;

export interface ChainWriterOptions {
  readonly directory: string;
  /** A segment is ended once it is this long, at the next batch; it may be longer by one batch. */
  readonly segmentBytes: Bytes;
  readonly segmentAge: Millis;
  /** Of all files in the directory. */
  readonly maximumBytes: Bytes;
  readonly identity: Actor;
  readonly clock: Clock;
  /** A batch, and the first record of the segment where it needs one, must be on the disk within this. */
  readonly writeDeadline: Millis;
}

export interface ChainEntry {
  readonly event: AuditEvent;
  /** By the monotonic clock. */
  readonly at: Millis;
}

/** A segment by name, and how much of it is durable. */
export interface DurableEnd {
  readonly file: string;
  readonly bytes: number;
}

/** The end of the chain as far as it is durable; replaced as a whole, and only by what is durable. */
interface Head {
  readonly handle: SegmentHandle;
  readonly segment: number;
  readonly openedAt: Millis;
  readonly bytes: number;
  /** Of the next record. */
  readonly seq: number;
  readonly prev: string;
}

/**
 * One stream of one chain, on the disk: renders, chains, writes and syncs a batch at a time, in segments. It knows no
 * waiters and never tries a thing twice: after `commit` has thrown, only `begin` goes on, in a new segment, once the old
 * one is cut back to its last durable record.
 */
export class ChainWriter {
  readonly stream = randomBytes(16).toString("hex");
  /** Over the durable records of the stream. */
  readonly tree = new StreamTree();
  readonly #options: ChainWriterOptions;
  readonly #files: AuditFiles;
  readonly #render: ReturnType<typeof recordRenderer>;
  readonly #timeText = createTimeText();
  readonly #buffer = new LineBuffer();
  readonly #openedAt: Millis;
  #lock: DirectoryLock | undefined;
  #resumed: Resumed | undefined;
  #head: Head | undefined;
  /** Disk work that missed its deadline: until it ends, its file may still change. */
  #late: Promise<void> | undefined;
  #beginning = false;
  #closed = false;
  #bytes = 0;
  #standingAt = millis(0);
  #moved = false;

  constructor(options: ChainWriterOptions, files: AuditFiles) {
    this.#options = options;
    this.#files = files;
    this.#render = recordRenderer(options.identity, this.stream);
    this.#openedAt = options.clock.monotonic();
  }

  /** Of all files in the directory. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The number of the segment being written; 0 before the first. */
  get segment(): number {
    return this.#head?.segment ?? 0;
  }

  get end(): DurableEnd | undefined {
    const head = this.#head;
    return head === undefined ? undefined : { file: segmentName(head.segment, this.stream), bytes: head.bytes };
  }

  /**
   * Begins a segment: the first of this stream, or the one after a failure. Returns what was wrong with the segment that
   * an earlier writer left, if anything. Throws what stands in the way, and may then be called again.
   */
  async begin(): Promise<Resumed["finding"]> {
    this.#beginning = true;
    try {
      return await this.#begin();
    } finally {
      this.#beginning = false;
    }
  }

  async #begin(): Promise<Resumed["finding"]> {
    const { directory, maximumBytes } = this.#options;
    await this.#abandon();
    // The disk may have answered only long after everybody had given up.
    if (this.#closed) throw new Error("begin after close");
    await this.#files.prepareDirectory(directory);
    this.#lock ??= DirectoryLock.take(directory);
    if (this.#lock === undefined) throw new AuditFailure("locked", `Another writer holds ${directory}.`);
    const head = this.#head;
    if (head === undefined) this.#resumed ??= await resume(directory, this.#files);
    else await this.#files.cut(join(directory, segmentName(head.segment, this.stream)), head.bytes);
    this.#bytes = await removeUnfinished(this.#files, directory, (name) => {
      const parsed = parseSegmentName(name);
      return parsed?.stream === this.stream && parsed.segment > (head?.segment ?? 0);
    });
    if (this.#bytes > BEGIN_BELOW * maximumBytes) throw this.#logFull();
    if ((await this.#files.free(directory)) < BEGIN_ROOM) {
      throw new AuditFailure("disk_full", `The disk of ${directory} has less than ${BEGIN_ROOM} octets left.`);
    }
    const finding = this.#resumed?.finding;
    await this.#beginSegment(head === undefined ? (this.#resumed?.previous ?? null) : this.#previous(head, "failed"));
    this.#resumed = undefined;
    return finding;
  }

  /** Records as many of the entries as one batch holds, and returns how many. They are durable when it resolves. */
  async commit(entries: readonly ChainEntry[]): Promise<number> {
    const endsAt = this.#options.clock.monotonic() + this.#options.writeDeadline;
    const head = await this.#writableHead(endsAt);
    let { prev } = head;
    const leaves: string[] = [];
    this.#buffer.clear();
    const room = this.#options.maximumBytes - this.#bytes;
    for (const { event, at } of entries) {
      if (!this.#buffer.hasRoom) break;
      const line = this.#line(event, at, head.seq + leaves.length, prev);
      // What no longer fits waits; a batch that is too long as a whole must not keep all of it out.
      if (this.#buffer.length + MAXIMUM_LINE_BYTES > room && this.#buffer.length + Buffer.byteLength(line) >= room)
        break;
      prev = this.#buffer.add(line);
      leaves.push(prev);
    }
    if (leaves.length === 0) throw this.#logFull();
    const { length, lines } = this.#buffer;
    await this.#inTime(this.#write(head, lines), endsAt);
    this.#head = { ...head, bytes: head.bytes + length, seq: head.seq + leaves.length, prev };
    this.#bytes += length;
    this.tree.append(leaves);
    return leaves.length;
  }

  async close(): Promise<void> {
    this.#closed = true;
    // A file with work still under way must not be closed, since its descriptor could be given to another file, and the
    // directory must not be another's yet. The end of the process sees to both.
    if (this.#late !== undefined || this.#beginning) return;
    await this.#head?.handle.close();
    this.#lock?.release();
    this.#lock = undefined;
  }

  #line(event: AuditEvent, at: Millis, seq: number, prev: string): string {
    const uptime = millis(at - this.#openedAt);
    return this.#render(event, { seq, prev, uptime, time: this.#timeText(event.time) });
  }

  async #write(head: Head, lines: Buffer): Promise<void> {
    await appendAll(head.handle, lines);
    const now = this.#options.clock.monotonic();
    if (now - this.#standingAt < STANDING_CHECK) return;
    this.#standingAt = now;
    const name = segmentName(head.segment, this.stream);
    const standing = await head.handle.standing(join(this.#options.directory, name), head.bytes + lines.length);
    // A log rotation that renames takes no record away; the next batch goes to a segment that has its own name.
    this.#moved = standing === "moved";
    if (standing === "gone") throw new AuditFailure("missing", `${name} was deleted while it was written.`);
    if (standing === "altered") throw new AuditFailure("altered", `${name} was cut or written to by somebody else.`);
  }

  /** The head to write to: in a new segment where the present one is long or old enough. */
  async #writableHead(endsAt: number): Promise<Head> {
    const { clock, segmentBytes, segmentAge } = this.#options;
    const head = this.#head;
    if (head === undefined) throw new Error("commit before begin");
    const moved = this.#moved;
    if (!moved && head.bytes < segmentBytes && clock.monotonic() - head.openedAt < segmentAge) return head;
    const rotate = async (): Promise<void> => {
      await this.#beginSegment(this.#previous(head, moved ? "moved" : "rotated"));
      await head.handle.close();
    };
    await this.#inTime(rotate(), endsAt);
    return this.#head ?? head;
  }

  #previous(head: Head, ended: SegmentEnding): PreviousSegment {
    const { segment, bytes, prev: leaf } = head;
    return {
      file: segmentName(segment, this.stream),
      segment,
      stream: this.stream,
      seq: head.seq - 1,
      leaf,
      bytes,
      ended,
    };
  }

  /** Where this comes to its end late, its segment is the head all the same: what is durable is not undone. */
  async #beginSegment(previous: PreviousSegment | null): Promise<void> {
    const { clock, directory } = this.#options;
    const segment = (previous?.segment ?? 0) + 1;
    if (segment > MAXIMUM_SEGMENT) {
      throw new AuditFailure(
        "altered",
        `${previous?.file ?? ""} has the largest number there is: somebody put it there.`,
      );
    }
    const name = segmentName(segment, this.stream);
    const openedAt = clock.monotonic();
    const tree = this.tree.whole().hashes;
    const event = ownEvent(clock.now(), "segment", "begin", name, segmentDetail({ segment, previous, tree }));
    const seq = this.#head?.seq ?? 0;
    this.#buffer.clear();
    const prev = this.#buffer.add(this.#line(event, openedAt, seq, previous?.leaf ?? NO_LEAF));
    const { length, lines } = this.#buffer;
    if (this.#bytes + length > this.#options.maximumBytes) throw this.#logFull();
    const handle = await createSegment(this.#files, directory, name, lines);
    this.#bytes += length;
    this.#head = { handle, segment, openedAt, bytes: length, seq: seq + 1, prev };
    this.#moved = false;
    this.tree.append([prev]);
  }

  async #inTime(work: Promise<void>, endsAt: number): Promise<void> {
    const { clock, writeDeadline } = this.#options;
    if (await inTime(work, millis(endsAt - clock.monotonic()))) return;
    this.#late = work;
    throw new AuditFailure("deadline", `The disk did not answer within ${writeDeadline} ms.`);
  }

  /** Waits until nothing can write to the old segment any more. */
  async #abandon(): Promise<void> {
    // What comes of either is no news: the file is about to be cut back to what is known to be durable.
    await Promise.allSettled([this.#late]);
    this.#late = undefined;
    await Promise.allSettled([this.#head?.handle.close()]);
  }

  #logFull(): AuditFailure {
    const { maximumBytes } = this.#options;
    return new AuditFailure("log_full", `The audit log may hold ${maximumBytes} octets, and has ${this.#bytes}.`);
  }
}
