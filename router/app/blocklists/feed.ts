import type { Clock } from "../../core/base/clock.ts";
import { epochMillis, type EpochMillis } from "../../core/base/quantity.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";
import { type FeedCounts, judgeFeed } from "../../core/blocklist/feed-problem.ts";
import type { HashSeed } from "../../core/blocklist/name-hash.ts";
import type { BlocklistConfig } from "../../core/config/router-config.ts";
import { endpointOrigin } from "../../core/config/endpoint-shape.ts";
import type { Log } from "../../edge/log/log.ts";
import type { CurrentBlocklist } from "./current-blocklist.ts";
import { type FeedContent, FeedIntake } from "./feed-intake.ts";
import { fileSentence, readFeedSource, type SourceRooms } from "./feed-source.ts";
import type { FeedStatus } from "./feed-status.ts";
import type { CopyFacts, KeptCopy } from "./kept-copy.ts";
import type { Pace } from "./pace.ts";

export interface FeedRooms extends SourceRooms {
  readonly clock: Clock;
  readonly log: Log;
  readonly seed: HashSeed;
  readonly pace: Pace;
  readonly current: CurrentBlocklist;
  /** When the process began to follow its feeds. */
  readonly startedAt: EpochMillis;
}

interface Loaded extends CopyFacts {
  readonly counts: FeedCounts;
  readonly from: "source" | "copy";
}

/** How often the copy's facts follow what is confirmed again and again. */
const NOTE_MILLIS = 10 * 60_000;

/** One feed: what of it is in force, replaced as a whole or not at all. A failing feed keeps what it has. */
export class Feed {
  readonly config: BlocklistConfig;
  readonly #rooms: FeedRooms;
  readonly #index: number;
  readonly #copy: KeptCopy;
  #loaded: Loaded | undefined;
  #problem: string | undefined = "It was not read yet.";
  #failures = 0;
  #notedAt = -Infinity;
  #keeping: Promise<void> = Promise.resolve();

  constructor(rooms: FeedRooms, config: BlocklistConfig, index: number, copy: KeptCopy) {
    this.config = config;
    this.#rooms = rooms;
    this.#index = index;
    this.#copy = copy;
  }

  /** In a row. */
  get failures(): number {
    return this.#failures;
  }

  get isLoaded(): boolean {
    return this.#loaded !== undefined;
  }

  /** Milliseconds: see `FeedStatus.ageSeconds`. */
  get age(): number {
    return Math.max(0, this.#rooms.clock.now() - (this.#loaded?.confirmedAt ?? this.#rooms.startedAt));
  }

  /** Takes the copy that an earlier process kept; it counts from the next `build` of the list on. */
  async loadCopy(): Promise<void> {
    const taken = await this.#takeCopy();
    if (taken.ok) return;
    this.#rooms.log.event("warn", "blocklist copy refused", { feed: this.config.name, problem: taken.problem });
  }

  /** Asks the source once. True: what is in force is what there is. What is new counts from the next `build` on. */
  async refresh(): Promise<boolean> {
    await this.#keeping;
    const taken = await this.#takeSource().catch((error: unknown) => {
      // A bug costs this attempt: what is in force stands.
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.#rooms.log.event("error", "a blocklist failed inside the router", { feed: this.config.name, error: text });
      return fail("The router failed.");
    });
    if (!taken.ok && !this.#rooms.signal.aborted) this.failed(taken.problem);
    return taken.ok;
  }

  /** The source holds what is in force. */
  confirm(): void {
    if (this.#loaded === undefined) return;
    this.#problem = undefined;
    this.#failures = 0;
    const { clock } = this.#rooms;
    this.#loaded = { ...this.#loaded, confirmedAt: clock.now() };
    if (!this.#copy.has(this.#loaded.digest) || clock.monotonic() - this.#notedAt < NOTE_MILLIS) return;
    this.#notedAt = clock.monotonic();
    const facts = factsOf(this.#loaded);
    this.#keeping = this.#keeping.then(() => this.#copy.note(facts));
  }

  failed(problem: string): void {
    this.#failures += 1;
    this.#problem = problem;
    const facts = { feed: this.config.name, problem, entries: this.#loaded?.counts.entries ?? 0 };
    this.#rooms.log.event("warn", "blocklist not updated", facts);
  }

  /** Resolves when nothing is being written any more. */
  async settled(): Promise<void> {
    await this.#keeping;
  }

  status(): FeedStatus {
    const { name, url, file } = this.config;
    const loaded = this.#loaded;
    return {
      name,
      source: url === undefined ? (file ?? "") : endpointOrigin(url),
      state: loaded === undefined ? "missing" : this.#problem === undefined ? "current" : "failing",
      entries: loaded?.counts.entries ?? 0,
      ignored: loaded?.counts.ignored ?? 0,
      bad: loaded?.counts.bad ?? 0,
      digest: loaded?.digest,
      from: loaded?.from,
      ageSeconds: Math.round(this.age / 1_000),
      problem: this.#problem,
      copyProblem: this.#copy.problem,
    };
  }

  async #takeCopy(): Promise<Result<void, string>> {
    const { clock } = this.#rooms;
    const { maximumBytes, sha256 } = this.config;
    const known = await this.#copy.facts();
    if (!known.ok || known.value === undefined) return known.ok ? ok(undefined) : known;
    const facts = known.value;
    if (sha256 !== undefined && sha256 !== facts.digest) return fail("It is not what sha256 asks for.");
    if (facts.octets > maximumBytes) return fail("It is larger than maximumBytes.");
    const intake = this.#intake();
    const read = await this.#copy.read(facts, (chunk) => intake.take(chunk));
    if (!read.ok) return fail(fileSentence(read.problem));
    const content = intake.end();
    if (!content.ok) return content;
    if (content.value.digest !== facts.digest) return fail("Its SHA-256 is not the one that was written down.");
    const judged = judgeFeed(content.value.counts, undefined);
    if (!judged.ok) return fail(judged.problem.message);
    const confirmedAt = epochMillis(Math.min(facts.confirmedAt, clock.now()));
    const adopted = this.#adopt(content.value, { ...facts, confirmedAt }, "copy");
    if (adopted.ok) this.#copy.stands(facts);
    return adopted;
  }

  async #takeSource(): Promise<Result<void, string>> {
    // What is not on the disk is read once more, so that it comes there.
    const standing = this.#loaded !== undefined && this.#copy.has(this.#loaded.digest) ? this.#loaded : undefined;
    const intake = this.#intake(await this.#copy.draft());
    let kept = false;
    try {
      const reading = await readFeedSource(this.#rooms, this.config, standing, intake);
      if (!reading.ok) return reading;
      if (reading.value.kind === "whole") {
        const { content, etag, isVouched } = reading.value;
        const judged = judgeFeed(content.counts, isVouched ? undefined : this.#loaded?.counts.entries);
        if (!judged.ok) return fail(judged.problem.message);
        const facts = { digest: content.digest, octets: content.octets, etag, confirmedAt: this.#rooms.clock.now() };
        if (this.#loaded?.digest === content.digest) this.#loaded = { ...this.#loaded, etag };
        else {
          const adopted = this.#adopt(content, facts, "source");
          if (!adopted.ok) return adopted;
        }
        const { draft } = intake;
        if (draft !== undefined && !this.#copy.has(content.digest)) {
          kept = true;
          // Beside everything else: what is in force does not wait for the disk.
          this.#keeping = this.#copy.keep(draft, facts);
        }
      }
      this.confirm();
      return ok(undefined);
    } finally {
      if (!kept) await intake.draft?.discard();
    }
  }

  #adopt(content: FeedContent, facts: CopyFacts, from: Loaded["from"]): Result<void, string> {
    const { digest, counts, entries } = content;
    const put = this.#rooms.current.put(this.#index, entries);
    if (!put.ok) return fail(put.problem.message);
    this.#loaded = { ...facts, counts, from };
    this.#rooms.log.event("info", "blocklist loaded", { feed: this.config.name, from, digest, ...counts });
    return ok(undefined);
  }

  #intake(draft?: FeedIntake["draft"]): FeedIntake {
    const { seed, pace } = this.#rooms;
    return new FeedIntake(this.config.format, seed, pace, draft, (error) => this.#copy.failed(error));
  }
}

function factsOf({ digest, octets, etag, confirmedAt }: CopyFacts): CopyFacts {
  return { digest, octets, etag, confirmedAt };
}
