import { fail, ok, type Result } from "../../core/base/result.ts";
import { type Blocklist, buildBlocklist, EMPTY_BLOCKLIST } from "../../core/blocklist/blocklist.ts";
import type { FeedEntries } from "../../core/blocklist/feed-entries.ts";
import { type FeedProblem, MOST_ENTRIES } from "../../core/blocklist/feed-problem.ts";
import type { HashSeed } from "../../core/blocklist/name-hash.ts";
import type { Pace } from "./pace.ts";

/** Entries. */
const KEPT_FOR_EACH = 100_000;
const NO_ENTRIES: FeedEntries = { count: 0, blocks: [] };

/** What all feeds list together, swapped as a whole. While the next is made, the last one stands: both take memory. */
export class CurrentBlocklist {
  readonly #seed: HashSeed;
  readonly #pace: Pace;
  readonly #names: readonly string[];
  readonly #feeds: FeedEntries[];
  #list: Blocklist = EMPTY_BLOCKLIST;
  #changed: () => void = () => undefined;
  #put = 0;
  #built = 0;
  #building: Promise<void> | undefined;

  /** `names`: of the feeds, in the order in which one of several is named. */
  constructor(seed: HashSeed, pace: Pace, names: readonly string[]) {
    this.#seed = seed;
    this.#pace = pace;
    this.#names = names;
    this.#feeds = names.map(() => NO_ENTRIES);
  }

  get list(): Blocklist {
    return this.#list;
  }

  onChange(changed: () => void): void {
    this.#changed = changed;
  }

  /** A feed's new entries: they count from the next `build` on. */
  put(index: number, entries: FeedEntries): Result<void, FeedProblem> {
    // A publisher that lists as much as it can leaves the others this much room, whoever comes first.
    const share = Math.min(KEPT_FOR_EACH, Math.floor(MOST_ENTRIES / this.#feeds.length));
    const others = this.#feeds.reduce((sum, { count }, at) => (at === index ? sum : sum + Math.max(count, share)), 0);
    if (others + entries.count > MOST_ENTRIES) {
      const message = `All feeds together would list more than ${MOST_ENTRIES} entries.`;
      return fail({ code: "too_many_entries", message });
    }
    this.#feeds[index] = entries;
    this.#put += 1;
    return ok(undefined);
  }

  /** Resolves once everything that was put is in force; a sentence where memory does not suffice: the last list stands. */
  async build(): Promise<Result<void, string>> {
    this.#building ??= this.#buildAll().finally(() => {
      this.#building = undefined;
    });
    try {
      await this.#building;
      return ok(undefined);
    } catch (error) {
      // Typed arrays that cannot be had are a RangeError.
      if (error instanceof RangeError) return fail("There is not enough memory for the list.");
      throw error;
    }
  }

  async #buildAll(): Promise<void> {
    while (this.#built !== this.#put) {
      const put = this.#put;
      const feeds = this.#feeds.map((entries, at) => ({ name: this.#names[at] ?? "", entries }));
      const steps = buildBlocklist(this.#seed, feeds);
      let step = steps.next();
      while (step.done !== true) {
        await this.#pace.breathe();
        step = steps.next();
      }
      this.#list = step.value;
      this.#built = put;
      this.#changed();
    }
  }
}
