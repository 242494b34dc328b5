import type { Clock } from "../core/base/clock.ts";
import { assertNever } from "../core/base/assert-never.ts";
import { type Millis, millis } from "../core/base/quantity.ts";
import type { BatchLimit, CursorLine, SegmentBatch, SegmentCursor } from "../edge/audit/segment-cursor.ts";
import { CursorKeeper } from "./cursor-keeper.ts";
import type { Delivery, ExportPayload, Sink } from "./export-delivery.ts";
import { RefusalSearch } from "./refusal-search.ts";

export interface ExportStatus {
  readonly name: string;
  /** `failing`: the last attempt did not succeed. `lagging`: attempts do, and the oldest record waits for long. */
  readonly state: "ok" | "lagging" | "failing";
  /** Records, since the start. */
  readonly delivered: number;
  /** Records that the receiver does not want, and that are not sent again. They stand in the segments all the same. */
  readonly rejected: number;
  readonly skippedSegments: number;
  readonly skippedLines: number;
  /** Age of the oldest record that is known to wait, by its own time; 0 where none is. */
  readonly lagSeconds: number;
  readonly lastProblem: string | undefined;
}

export interface ExportObserver {
  rejected(count: number, problem: string): void;
  skipped(segments: number, lines: number, problem: string): void;
  /** Told at each change of `state` and of the problem of a state that is not `ok`. */
  changed(status: ExportStatus): void;
}

export interface AuditExportOptions {
  readonly name: string;
  readonly clock: Clock;
  /** Where an earlier process stood; undefined: at the beginning of the log. */
  readonly from: SegmentCursor | undefined;
  readonly limit: BatchLimit;
  readonly read: (cursor: SegmentCursor | undefined, limit: BatchLimit) => Promise<SegmentBatch>;
  /** May throw for records that it cannot say; they are then treated as records that the receiver refuses. */
  readonly encode: (lines: readonly CursorLine[]) => ExportPayload;
  readonly deliver: Sink["deliver"];
  readonly persist: (cursor: SegmentCursor) => Promise<void>;
  /** Runs something later; returns what takes it back. */
  readonly after: (delay: Millis, run: () => void) => () => void;
  /** 0 up to 1. */
  readonly random: () => number;
  readonly observer: ExportObserver;
}

/** What waits for its delivery: read and encoded. */
interface Attempt {
  readonly batch: SegmentBatch;
  readonly records: number;
  readonly payload: ExportPayload | undefined;
  /** Of the oldest record, in milliseconds since 1970; undefined where it does not say. */
  readonly oldest: number | undefined;
}

/** Looked for news at least so often. */
const IDLE = millis(1_000);
/** Between two batches that were not full: a busy log is sent five times a second, not a record at a time. */
const GATHER = millis(200);
/** Between two full ones: catching up leaves the thread to the traffic. */
const BREATH = millis(10);
const SHORTEST_BACKOFF = 500;
const LONGEST_BACKOFF = 30_000;
/** At the end, for the cursor. */
const PERSIST_DEADLINE = millis(500);
const LAGGING_SECONDS = 30;
/**
 * One sink: reads the log behind its cursor and has it delivered, batch after batch, in order, at least once. It holds
 * one batch and no queue, nobody waits for it, and whatever it meets costs nothing but its own time.
 *
 * A record that the receiver refuses stands in nobody's way for ever (`RefusalSearch`). Records that only showed that
 * others are accepted are sent again in their order.
 */
export class AuditExport {
  readonly #options: AuditExportOptions;
  readonly #abort = new AbortController();
  readonly #keeper: CursorKeeper;
  readonly #search: RefusalSearch;
  #running: Promise<void> | undefined;
  #stopping = false;
  #finished = false;
  #news = false;
  #pausing: { readonly end: () => void; readonly wakeable: boolean } | undefined;
  /** Failed, and to be sent again as it is. */
  #held: Attempt | undefined;
  /** Attempts in a row without success. */
  #failures = 0;
  #delivered = 0;
  #rejected = 0;
  #skippedSegments = 0;
  #skippedLines = 0;
  #oldest: number | undefined;
  #lastProblem: string | undefined;
  #told = "ok";

  constructor(options: AuditExportOptions) {
    this.#options = options;
    const onProblem = (sentence: string): void => {
      this.#lastProblem = sentence;
    };
    this.#keeper = new CursorKeeper({ ...options, onProblem });
    this.#search = new RefusalSearch(options.limit.records);
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** There may be more to read. Costs nothing, waits for nothing; to be called after each commit. */
  wake(): void {
    this.#news = true;
    if (this.#pausing?.wakeable === true) this.#pausing.end();
  }

  get status(): ExportStatus {
    const { name, clock } = this.#options;
    const waited = this.#oldest === undefined ? 0 : clock.now() - this.#oldest;
    const lagSeconds = Math.max(0, Math.round(waited) / 1_000);
    return {
      name,
      state: this.#failures > 0 ? "failing" : lagSeconds > LAGGING_SECONDS ? "lagging" : "ok",
      delivered: this.#delivered,
      rejected: this.#rejected,
      skippedSegments: this.#skippedSegments,
      skippedLines: this.#skippedLines,
      lagSeconds,
      lastProblem: this.#lastProblem,
    };
  }

  /** Sends what there is, until it fails once or the deadline comes; then keeps the cursor, for half a second at most. */
  async stop(deadline: Millis): Promise<void> {
    const { after } = this.#options;
    this.#stopping = true;
    this.#pausing?.end();
    const { promise: expired, resolve: expire } = Promise.withResolvers<void>();
    const cancel = after(deadline, expire);
    await Promise.race([this.#running, expired]);
    cancel();
    this.#finished = true;
    this.#abort.abort();
    const { promise: late, resolve: giveUp } = Promise.withResolvers<void>();
    const cancelLate = after(PERSIST_DEADLINE, giveUp);
    await Promise.race([this.#keeper.keepNow(), late]);
    cancelLate();
  }

  async #run(): Promise<void> {
    while (!this.#finished) {
      try {
        await this.#round();
      } catch (error) {
        // The disk, or a bug: neither may end the loop, and nothing is passed over for it.
        this.#held = undefined;
        await this.#backOff(`The log cannot be read: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }

  async #round(): Promise<void> {
    this.#keeper.keepSoon();
    this.#news = false;
    const attempt = this.#held ?? (await this.#next());
    if (attempt === undefined) {
      if (this.#stopping) this.#finished = true;
      else await this.#pause(IDLE, true);
      return;
    }
    this.#oldest = attempt.oldest ?? this.#oldest;
    const delivery = await this.#deliver(attempt);
    // What came after the end of stop is not news any more: the cursor is kept as it was.
    if (this.#finished) return;
    switch (delivery.kind) {
      case "delivered":
        await this.#accepted(attempt, delivery.rejected, delivery.problem);
        break;
      case "refused":
        this.#held = undefined;
        await this.#refused(attempt, delivery.problem);
        break;
      case "failed":
        this.#held = attempt;
        this.#search.failed();
        await this.#backOff(delivery.problem, delivery.retryAfter);
        break;
      default:
        assertNever(delivery);
    }
  }

  /** Undefined where nothing waits. */
  async #next(): Promise<Attempt | undefined> {
    const { limit, read, encode } = this.#options;
    const { passed, width } = this.#search;
    const batch = await read(this.#keeper.cursor, { records: passed + width, bytes: limit.bytes });
    const lines = batch.lines.slice(passed);
    const first = lines[0];
    if (first === undefined && passed > 0) {
      this.#search.exhausted();
      return this.#next();
    }
    if (first === undefined) {
      this.#moveBehind(batch);
      this.#failures = 0;
      this.#oldest = undefined;
      this.#tell();
      return undefined;
    }
    const attempt = { batch, records: lines.length, oldest: timeOf(first.line) };
    try {
      return { ...attempt, payload: encode(lines) };
    } catch {
      // A bug of an encoder: what it cannot say must not stand in the way of the rest.
      return { ...attempt, payload: undefined };
    }
  }

  async #deliver({ payload, records }: Attempt): Promise<Delivery> {
    if (payload === undefined) return { kind: "refused", problem: "The records cannot be encoded." };
    if (payload.unreadable >= records) {
      // Nothing to send; and it shows nothing of what the receiver would accept.
      const problem = "The log holds lines that are no records of this version.";
      return this.#search.passed > 0 ? { kind: "refused", problem } : { kind: "delivered", rejected: records, problem };
    }
    try {
      return await this.#options.deliver(payload, records, this.#abort.signal);
    } catch (error) {
      const problem = `The delivery failed: ${error instanceof Error ? error.message : String(error)}`;
      return { kind: "failed", problem, retryAfter: undefined };
    }
  }

  async #accepted(attempt: Attempt, refused: number, problem: string | undefined): Promise<void> {
    const { batch, records, payload } = attempt;
    this.#held = undefined;
    this.#failures = 0;
    // What comes again in its place is counted then.
    if (this.#search.accepted() === "proof") return;
    const rejected = Math.min(records, refused + (payload?.unreadable ?? 0));
    this.#delivered += records - rejected;
    if (rejected > 0) this.#reject(rejected, problem ?? "The log holds lines that are no records of this version.");
    this.#moveBehind(batch);
    if (!batch.full) this.#oldest = undefined;
    this.#tell();
    await this.#pauseFor(batch.full ? BREATH : GATHER);
  }

  async #refused({ batch, records }: Attempt, problem: string): Promise<void> {
    this.#lastProblem = problem;
    switch (this.#search.refused(records)) {
      case "smaller":
        break;
      case "reject":
        this.#moveBehind(batch);
        this.#reject(1, problem);
        break;
      case "wait":
        await this.#backOff(problem);
        break;
    }
  }

  #reject(count: number, problem: string): void {
    this.#rejected += count;
    this.#lastProblem = problem;
    this.#options.observer.rejected(count, problem);
  }

  /** What the batch passed over is counted here, once, and not when it is read, which can be more often. */
  #moveBehind({ cursor, skippedSegments, skippedLines, problem }: SegmentBatch): void {
    if (cursor === undefined || !this.#keeper.moveTo(cursor) || problem === undefined) return;
    this.#skippedSegments += skippedSegments;
    this.#skippedLines += skippedLines;
    this.#lastProblem = problem;
    this.#options.observer.skipped(skippedSegments, skippedLines, problem);
  }

  async #backOff(problem: string, retryAfter: Millis = millis(0)): Promise<void> {
    this.#lastProblem = problem;
    const delay = millis(Math.max(this.#backoff(), retryAfter));
    this.#failures += 1;
    this.#tell();
    if (this.#stopping) this.#finished = true;
    else await this.#pauseFor(delay);
  }

  /** Half a second, doubled with each failure up to half a minute, and of that a half to the whole by chance. */
  #backoff(): Millis {
    const whole = Math.min(LONGEST_BACKOFF, SHORTEST_BACKOFF * 2 ** Math.min(this.#failures, 10));
    return millis((whole * (1 + this.#options.random())) / 2);
  }

  #tell(): void {
    const { status } = this;
    const news = status.state === "ok" ? "ok" : `${status.state}: ${status.lastProblem ?? ""}`;
    if (news === this.#told) return;
    this.#told = news;
    this.#options.observer.changed(status);
  }

  #pauseFor(delay: Millis): Promise<void> {
    return this.#pause(delay, false);
  }

  #pause(delay: Millis, wakeable: boolean): Promise<void> {
    if (this.#stopping || (wakeable && this.#news)) return Promise.resolve();
    return new Promise((resolve) => {
      const end = (): void => {
        cancel();
        this.#pausing = undefined;
        resolve();
      };
      const cancel = this.#options.after(delay, end);
      this.#pausing = { end, wakeable };
    });
  }
}

/** When a record says that it was made; records are read in a fixed form, and whoever edits one makes the lag wrong. */
function timeOf(line: string): number | undefined {
  const time = /"time":"(?<time>[0-9T:.Z-]{20,30})","uptime":[0-9]+,"v":[0-9]+\}$/.exec(line)?.groups?.["time"];
  const at = Date.parse(time ?? "");
  return Number.isNaN(at) ? undefined : at;
}
