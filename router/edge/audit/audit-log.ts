import { setImmediate as nextTurn, setTimeout as delay } from "node:timers/promises";
import type { AuditEvent, AuditKind, AuditValue } from "../../core/audit/audit-event.ts";
import { bytes, type Millis } from "../../core/base/quantity.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";
import type { AuditMode } from "../../core/config/router-config.ts";
import { type AuditFiles, nodeFiles } from "./audit-files.ts";
import type { AuditHealth, LogIdentity } from "./audit-health.ts";
import { type AuditProblem, problemOf } from "./audit-problem.ts";
import { type CheckpointOptions, Checkpoints } from "./checkpoints.ts";
import { logOrigin } from "../../core/audit/log-origin.ts";
import { formatVerifierKey } from "../../core/tlog/verifier-key.ts";
import { type ChainEntry, ChainWriter, type ChainWriterOptions, type DurableEnd } from "./chain-writer.ts";
import { inTime } from "./in-time.ts";
import { type AuditOutcome, Losses } from "./losses.ts";
import type { Redactor } from "./redactor.ts";
import { ownEvent } from "../../core/audit/own-event.ts";
import { writableClock } from "./writable-clock.ts";

/** Events that wait at most, each about a kilobyte; one that comes beyond is lost at once. */
const QUEUE_LIMIT = 8_192;
/** A step of the wall clock against the monotonic one, in milliseconds, that is an event of its own. */
const CLOCK_STEP = 1_000;
const NEARLY_FULL = 0.8;
/** How long, and with how many others, a record that nobody waits for may wait for a batch. */
const SOON_MILLIS = 20;
const SOON_COUNT = 256;
/** The least time from the end of one batch that several waited for to the beginning of the next, unless so many wait. */
const BATCH_MILLIS = 1;
const FULL_BATCH = 8;

export interface AuditObserver {
  recorded(outcome: AuditOutcome, count: number): void;
  /** What one batch took to become durable. */
  synced(seconds: number): void;
}

export interface AuditLogOptions extends ChainWriterOptions {
  readonly mode: AuditMode;
  /** Told at each change of `writable`, of the problem's code, and of `nearlyFull`. */
  readonly onHealth: (health: AuditHealth) => void;
  readonly observer: AuditObserver;
  /** Between two attempts to write again. */
  readonly retryAfter: Millis;
  readonly checkpoints: CheckpointOptions;
  /** Where nothing else was recorded for so long, that is recorded: silence is told from suppression. */
  readonly heartbeat: Millis;
  /** Hides fields of each event before it is kept. */
  readonly redact?: Redactor;
  /** Shown each event as it is given, before anything becomes of it. */
  readonly seen?: (event: AuditEvent) => void;
  readonly files?: AuditFiles;
}

type Recorded = Result<void, "audit_unavailable">;

const RECORDED: Promise<Recorded> = Promise.resolve(ok(undefined));
const REFUSED: Promise<Recorded> = Promise.resolve(fail("audit_unavailable"));

interface Entry extends ChainEntry {
  /** Answers whoever waits. */
  readonly settle: ((recorded: Recorded) => void) | undefined;
  /** It may wait for a batch that is written anyway. */
  readonly soon: boolean;
}

export interface AuditLog {
  /**
   * Records what must be on record before it happens. `strict`: resolves once the record is durable, or with
   * `audit_unavailable`, and then it must not happen. `blocking`: waits as `strict` does, and never refuses.
   * `best_effort`: does not wait. What the last two lose is counted, and the count recorded. Nobody waits for longer
   * than two write deadlines.
   */
  append(event: AuditEvent): Promise<Recorded>;
  /** Records what has happened, after every event given before. Kept over an outage as long as there is room. */
  appendSoon(event: AuditEvent): void;
  health(): AuditHealth;
  readonly identity: LogIdentity;
  /** Where the durable log ends: readers may read up to there. Undefined before the first segment. */
  durableEnd(): DurableEnd | undefined;
  /** Writes what waits and a stop record; each step has the write deadline. Later events are lost. */
  close(): Promise<void>;
}

/**
 * Opens a directory for its only writer: reads where the last one ended, and begins a new stream in a new segment, whose
 * first record names the one before. The caller writes the `start` record. A problem only where another writer holds the
 * directory. Where it cannot be written, the log is there and not writable, and tries again as after any failure.
 */
export async function openAuditLog(options: AuditLogOptions): Promise<Result<AuditLog, AuditProblem>> {
  const log = new GroupCommitLog(options);
  const problem = await log.open();
  if (problem?.code !== "locked") return ok(log);
  await log.close();
  return fail(problem);
}

/**
 * Events queue; one batch at a time becomes durable, and then everyone who waits for it is answered. After a failure
 * everyone is answered at once, what nobody waits for stays in the queue, and a new segment is tried until one begins.
 */
class GroupCommitLog implements AuditLog {
  readonly #options: AuditLogOptions;
  readonly #chain: ChainWriter;
  readonly #checkpoints: Checkpoints;
  readonly identity: LogIdentity;
  readonly #losses = new Losses();
  #queue: Entry[] = [];
  #problem: AuditProblem | undefined;
  /** What began the present outage, and when. */
  #outage: { readonly problem: AuditProblem; readonly since: Millis } | undefined;
  #draining: Promise<void> | undefined;
  #beginning: Promise<void> | undefined;
  #retry: NodeJS.Timeout | undefined;
  #soon: NodeJS.Timeout | undefined;
  #committedAt = -Infinity;
  /** How many waited for the last batch: one that comes alone does not wait for company. */
  #answered = 0;
  #begunAt = -Infinity;
  #closing = false;
  #records = 0;
  /** The health that `onHealth` was told last. */
  #told = "writable, with room";
  /** Wall clock less monotonic clock. */
  #clockOffset: number;
  #heartbeat: NodeJS.Timeout | undefined;
  /** Durable records at the last heartbeat. */
  #beatAt = 0;
  /** The segment that the last checkpoint was signed in. */
  #signedIn = 0;

  constructor(options: AuditLogOptions) {
    const clock = writableClock(options.clock);
    this.#options = { ...options, clock };
    this.#chain = new ChainWriter(this.#options, options.files ?? nodeFiles);
    const { stream, tree } = this.#chain;
    const origin = logOrigin(options.identity, stream);
    this.#checkpoints = new Checkpoints(options.checkpoints, clock, tree, origin);
    const { key } = this.#checkpoints.signer;
    this.identity = { stream, origin, key: formatVerifierKey(key), keyId: key.keyId };
    this.#clockOffset = clock.now() - clock.monotonic();
  }

  async open(): Promise<AuditProblem | undefined> {
    await this.#begin();
    this.#heartbeat = setInterval(() => this.#beat(), this.#options.heartbeat).unref();
    return this.#problem;
  }

  durableEnd(): DurableEnd | undefined {
    return this.#chain.end;
  }

  append(event: AuditEvent): Promise<Recorded> {
    const { mode } = this.#options;
    this.#options.seen?.(event);
    const isDown = this.#problem !== undefined;
    if (this.#isFull() || (isDown && mode === "strict")) {
      this.#lose(mode === "strict" ? "refused" : "unrecorded");
      return mode === "strict" ? REFUSED : RECORDED;
    }
    if (isDown || mode === "best_effort") {
      this.#push(event, undefined, false);
      this.#wake();
      return RECORDED;
    }
    return new Promise((resolve) => {
      this.#push(event, resolve, false);
      this.#wake();
    });
  }

  appendSoon(event: AuditEvent): void {
    this.#options.seen?.(event);
    if (this.#isFull()) {
      this.#lose("dropped");
      return;
    }
    this.#push(event, undefined, true);
    // Nobody waits: the next batch that somebody waits for takes it along, and a sync of its own is spared.
    if (this.#queue.length >= SOON_COUNT) this.#wake();
    else this.#soon ??= setTimeout(this.#flushSoon, SOON_MILLIS).unref();
  }

  readonly #flushSoon = (): void => {
    this.#soon = undefined;
    this.#wakeWhenDue();
  };

  /** Begins a batch where what waits must wait no longer, and otherwise plans it for then. */
  #wakeWhenDue(): void {
    const [oldest] = this.#queue;
    if (oldest === undefined) return;
    // A batch may have taken along what this was planned for: what came after that still has time.
    const left = oldest.at + SOON_MILLIS - this.#options.clock.monotonic();
    if (left <= 0 || this.#isPressing()) this.#wake();
    else this.#soon ??= setTimeout(this.#flushSoon, left).unref();
  }

  /** Whether something waits that must not wait for another batch. */
  #isPressing(): boolean {
    const queue = this.#queue;
    if (queue.length >= SOON_COUNT || this.#closing) return queue.length > 0;
    return queue.some((entry) => !entry.soon);
  }

  health(): AuditHealth {
    const writable = this.#problem === undefined;
    return {
      writable,
      refusing: !writable && this.#options.mode === "strict",
      problem: this.#problem,
      nearlyFull: this.#chain.bytes >= NEARLY_FULL * this.#options.maximumBytes,
      records: this.#records,
      bytes: bytes(this.#chain.bytes),
      stream: this.#chain.stream,
      segment: this.#chain.segment,
      checkpoint: this.#checkpoints.last,
    };
  }

  async close(): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    clearTimeout(this.#retry);
    clearTimeout(this.#soon);
    clearInterval(this.#heartbeat);
    const { writeDeadline } = this.#options;
    if (this.#beginning !== undefined) await inTime(this.#beginning, writeDeadline);
    if (this.#problem === undefined) {
      this.#queue.push(this.#ownEntry("stop", "stop", {}));
      this.#wake();
      while (this.#draining !== undefined) await this.#draining;
    }
    this.#checkpoints.sign();
    await inTime(this.#chain.close(), writeDeadline);
  }

  #beat(): void {
    if (this.#records === this.#beatAt) this.appendSoon(this.#ownEntry("heartbeat", "idle", {}).event);
    this.#beatAt = this.#records;
  }

  #isFull(): boolean {
    return this.#closing || this.#queue.length >= QUEUE_LIMIT;
  }

  #lose(outcome: Exclude<AuditOutcome, "written">): void {
    this.#losses.add(outcome, this.#options.clock.now());
    this.#options.observer.recorded(outcome, 1);
  }

  #push(event: AuditEvent, settle: Entry["settle"], soon: boolean): void {
    const { redact, clock } = this.#options;
    this.#queue.push({ event: redact === undefined ? event : redact(event), at: clock.monotonic(), settle, soon });
  }

  #wake(): void {
    if (this.#draining !== undefined || this.#problem !== undefined || this.#queue.length === 0) return;
    this.#draining = this.#drain().finally(() => {
      this.#draining = undefined;
      this.#wakeWhenDue();
    });
  }

  /** Writes what waits, and goes on as long as something presses. */
  async #drain(): Promise<void> {
    do {
      // Whoever was answered just now, and whatever else this turn brings, comes into the same batch. Under load a
      // batch also waits for company: a sync costs as much for one record as for fifty.
      await nextTurn();
      const early = this.#committedAt + BATCH_MILLIS - this.#options.clock.monotonic();
      if (early > 0 && this.#answered > 1 && this.#queue.length < FULL_BATCH) await delay(early);
      if (this.#problem !== undefined || this.#queue.length === 0) return;
      await this.#commit();
    } while (this.#isPressing());
  }

  async #commit(): Promise<void> {
    const { clock, observer } = this.#options;
    const began = clock.monotonic();
    this.#queue.unshift(...this.#clockEntries(), ...this.#lossEntries());
    let count: number;
    try {
      count = await this.#chain.commit(this.#queue);
    } catch (error) {
      this.#fail(problemOf(error));
      return;
    }
    this.#committedAt = clock.monotonic();
    this.#answered = 0;
    for (const entry of this.#queue.splice(0, count)) {
      if (entry.settle === undefined) continue;
      this.#answered += 1;
      entry.settle(ok(undefined));
    }
    this.#records += count;
    observer.recorded("written", count);
    observer.synced((clock.monotonic() - began) / 1_000);
    this.#checkpoints.committed(this.#chain.segment !== this.#signedIn);
    this.#signedIn = this.#chain.segment;
    this.#tell();
  }

  /** Answers everyone who waits, keeps what can be recorded later, and goes to work on the next segment. */
  #fail(problem: AuditProblem): void {
    const strict = this.#options.mode === "strict";
    const queue = this.#queue;
    this.#problem = problem;
    this.#outage = { problem, since: this.#options.clock.monotonic() };
    this.#queue = [];
    for (const entry of queue) {
      if (strict && entry.settle !== undefined) {
        this.#lose("refused");
        entry.settle(fail("audit_unavailable"));
      } else {
        this.#queue.push({ ...entry, settle: undefined });
        entry.settle?.(ok(undefined));
      }
    }
    this.#tell();
    if (this.#closing) return;
    // A segment that failed as soon as it was begun is not followed by another at once.
    const wait = this.#begunAt + this.#options.retryAfter - this.#options.clock.monotonic();
    if (wait > 0) this.#retry = setTimeout(() => this.#tryBegin(), wait).unref();
    else this.#tryBegin();
  }

  #tryBegin(): void {
    this.#beginning = this.#begin().finally(() => {
      this.#beginning = undefined;
    });
  }

  /** One attempt to begin a segment; where it fails, another is planned. */
  async #begin(): Promise<void> {
    const { clock, retryAfter } = this.#options;
    try {
      const finding = await this.#chain.begin();
      this.#begunAt = clock.monotonic();
      this.#problem = undefined;
      this.#queue.unshift(...this.#recoveryEntries(finding), ...this.#lossEntries());
      this.#wake();
    } catch (error) {
      this.#problem = problemOf(error);
      this.#outage ??= { problem: this.#problem, since: clock.monotonic() };
      if (!this.#closing) this.#retry = setTimeout(() => this.#tryBegin(), retryAfter).unref();
    }
    this.#tell();
  }

  #tell(): void {
    const health = this.health();
    const news = `${health.problem?.code ?? "writable"}, ${health.nearlyFull ? "nearly full" : "with room"}`;
    if (news === this.#told) return;
    this.#told = news;
    this.#options.onHealth(health);
  }

  #ownEntry(kind: AuditKind, action: string, detail: { readonly [key: string]: AuditValue }): Entry {
    const { clock } = this.#options;
    return {
      event: ownEvent(clock.now(), kind, action, "", detail),
      at: clock.monotonic(),
      settle: undefined,
      soon: true,
    };
  }

  #recoveryEntries(finding: { readonly [key: string]: AuditValue } | undefined): Entry[] {
    const entries = finding === undefined ? [] : [this.#ownEntry("recovery", "resume", finding)];
    const outage = this.#outage;
    this.#outage = undefined;
    if (outage === undefined) return entries;
    const milliseconds = Math.round(this.#options.clock.monotonic() - outage.since);
    return [...entries, this.#ownEntry("recovery", "begin", { problem: outage.problem.code, milliseconds })];
  }

  #lossEntries(): Entry[] {
    const lost = this.#losses.take();
    return lost === undefined ? [] : [this.#ownEntry("gap", "record", lost)];
  }

  #clockEntries(): Entry[] {
    const { clock } = this.#options;
    const offset = clock.now() - clock.monotonic();
    const milliseconds = Math.round(offset - this.#clockOffset);
    this.#clockOffset = offset;
    return Math.abs(milliseconds) < CLOCK_STEP ? [] : [this.#ownEntry("clock", "step", { milliseconds })];
  }
}
