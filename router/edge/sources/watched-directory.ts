import { stat } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import type { DocumentProblem } from "../../core/base/problem.ts";
import type { Millis } from "../../core/base/quantity.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";
import { type ChangeHints, fileSystemHints } from "./change-hints.ts";
import type { DirectoryListing, SourceFile } from "./directory-listing.ts";
import { type DocumentSet, type DocumentSetOptions, readDocumentSet } from "./document-set.ts";

export interface WatchOptions extends DocumentSetOptions {
  /** How often the content is compared where no event came: events are only a hint. */
  readonly pollInterval: Millis;
  /** How long a set must stay the same before it counts, unless it was swapped at once (`..data`). */
  readonly settle: Millis;
  /**
   * A set that differs from the one delivered before, whole. Calls never overlap: while one is under way, changes
   * gather, and the newest state follows. A throw here is a bug and becomes an unhandled rejection.
   */
  onChange(listing: DirectoryListing): void | Promise<void>;
  /** Everything that keeps the set from being read; empty: nothing any more. Until then the last listing stands. */
  onProblem(problems: readonly DocumentProblem[]): void;
  /** Why changes are found by polling only; undefined: events come again. This costs speed and nothing else. */
  onEvents(problem: DocumentProblem | undefined): void;
}

/** A directory as a source of content, not of events. Dispose to stop; nothing is called afterwards. */
export interface WatchedDirectory extends AsyncDisposable {
  /** The first reading, whatever it was. It is not repeated through `onChange` or `onProblem`. */
  initial(): Promise<Result<DirectoryListing, readonly DocumentProblem[]>>;
}

type Reading = Result<DocumentSet, readonly DocumentProblem[]>;

export function watchDirectory(
  directory: string,
  options: WatchOptions,
  hints: ChangeHints = fileSystemHints,
): WatchedDirectory {
  const watch = new DirectoryWatch(directory, options, hints);
  return { initial: () => watch.initial, [Symbol.asyncDispose]: () => watch.close() };
}

const nothing: ReadonlyMap<string, SourceFile> = new Map();

class DirectoryWatch {
  readonly initial: Promise<Result<DirectoryListing, readonly DocumentProblem[]>>;
  readonly #directory: string;
  readonly #options: WatchOptions;
  readonly #hints: ChangeHints;
  readonly #stop = new AbortController();
  readonly #poll: NodeJS.Timeout;
  #working: Promise<void>;
  #idle = false;
  /** Counts what called for a look; `#looked` is how far looks have caught up. */
  #wakes = 0;
  #looked = 0;

  #delivered: DirectoryListing | undefined;
  /** What was acted on last, and what was seen once since then and must be seen again to count. */
  #acted = "";
  #candidate: string | undefined;
  #problems: readonly DocumentProblem[] = [];
  #eventsProblem: DocumentProblem | undefined;

  #attached: { readonly identity: string; readonly hints: AsyncDisposable } | undefined;
  #attaching = false;
  /** One attempt to attach per poll: a watcher that dies at once must not spin. */
  #mayAttach = true;

  constructor(directory: string, options: WatchOptions, hints: ChangeHints) {
    this.#directory = directory;
    this.#options = options;
    this.#hints = hints;
    const first = Promise.withResolvers<Result<DirectoryListing, readonly DocumentProblem[]>>();
    this.initial = first.promise;
    this.#working = this.#begin(first.resolve);
    this.#poll = setInterval(() => {
      this.#mayAttach = true;
      this.#wake();
    }, options.pollInterval);
    this.#poll.unref();
  }

  async close(): Promise<void> {
    clearInterval(this.#poll);
    this.#stop.abort();
    await this.#working;
    // An attachment still under way is not waited for: it lets go by itself when it is through.
    await this.#detach();
  }

  async #begin(resolve: (first: Result<DirectoryListing, readonly DocumentProblem[]>) => void): Promise<void> {
    const reading = await this.#read();
    this.#acted = stateOf(reading);
    if (reading.ok) {
      this.#delivered = reading.value.listing;
      resolve(ok(reading.value.listing));
    } else {
      this.#problems = reading.problem;
      resolve(fail(reading.problem));
    }
    await this.#follow();
    await this.#work();
  }

  #wake(): void {
    this.#wakes += 1;
    if (this.#idle && !this.#stop.signal.aborted) this.#working = this.#work();
  }

  /** Looks until nothing calls for another look; only one runs at a time. */
  async #work(): Promise<void> {
    this.#idle = false;
    try {
      while (this.#pending() && !this.#stop.signal.aborted) {
        this.#looked = this.#wakes;
        await this.#look();
        // Also bounds the work that a storm of events can cause.
        if (this.#pending()) await this.#pause();
      }
    } finally {
      this.#idle = true;
    }
  }

  #pending(): boolean {
    return this.#wakes !== this.#looked || this.#candidate !== undefined;
  }

  async #look(): Promise<void> {
    const reading = await this.#read();
    await this.#follow();
    if (this.#stop.signal.aborted) return;
    const state = stateOf(reading);
    const settled = this.#candidate === state || (reading.ok && reading.value.atomic);
    this.#candidate = settled || state === this.#acted ? undefined : state;
    if (!settled || state === this.#acted) return;
    this.#acted = state;
    const problems = reading.ok ? [] : reading.problem;
    if (problems.length > 0 || this.#problems.length > 0) {
      this.#problems = problems;
      this.#options.onProblem(problems);
    }
    if (!reading.ok || reading.value.listing.digest === this.#delivered?.digest) return;
    this.#delivered = reading.value.listing;
    await this.#options.onChange(reading.value.listing);
  }

  #read(): Promise<Reading> {
    return readDocumentSet(this.#directory, this.#options, this.#delivered?.files ?? nothing);
  }

  async #pause(): Promise<void> {
    try {
      await delay(this.#options.settle, undefined, { signal: this.#stop.signal });
    } catch {
      return; // Closed meanwhile: the loop sees it.
    }
  }

  /** Keeps the hints on the directory that the path names now: a new one under the old name needs new hints. */
  async #follow(): Promise<void> {
    const identity = await directoryIdentity(this.#directory);
    if (this.#attaching || this.#stop.signal.aborted) return;
    if (this.#attached !== undefined && this.#attached.identity !== identity) await this.#detach();
    if (this.#attached !== undefined || identity === undefined || !this.#mayAttach) return;
    this.#mayAttach = false;
    // Not awaited: reading goes on by polling however long this takes.
    void this.#attach(identity);
  }

  async #attach(identity: string): Promise<void> {
    const lost = new AbortController();
    this.#attaching = true;
    try {
      const hints = await this.#hints(
        this.#directory,
        () => this.#wake(),
        (message) => {
          lost.abort();
          void this.#lose(identity, message);
        },
      );
      this.#attached = { identity, hints };
      if (lost.signal.aborted || this.#stop.signal.aborted) await this.#detach();
      else this.#tellEvents(undefined);
    } catch (thrown) {
      this.#tellEvents(thrown instanceof Error ? thrown.message : String(thrown));
    }
    this.#attaching = false;
    // Whatever changed between the last reading and now has raised no event.
    this.#wake();
  }

  async #lose(identity: string, message: string): Promise<void> {
    this.#tellEvents(message);
    if (this.#attached?.identity === identity) await this.#detach();
  }

  async #detach(): Promise<void> {
    const attached = this.#attached;
    this.#attached = undefined;
    try {
      await attached?.hints[Symbol.asyncDispose]();
    } catch (thrown) {
      this.#tellEvents(thrown instanceof Error ? thrown.message : String(thrown));
    }
  }

  #tellEvents(why: string | undefined): void {
    const message = why === undefined ? undefined : `Changes are found by polling only: ${why}`;
    if (this.#eventsProblem?.message === message || this.#stop.signal.aborted) return;
    this.#eventsProblem =
      message === undefined
        ? undefined
        : { file: this.#directory, line: 0, column: 0, code: "events_unavailable", message };
    this.#options.onEvents(this.#eventsProblem);
  }
}

function stateOf(reading: Reading): string {
  return reading.ok ? reading.value.listing.digest : JSON.stringify(reading.problem);
}

async function directoryIdentity(directory: string): Promise<string | undefined> {
  try {
    const stats = await stat(directory, { bigint: true });
    return `${stats.dev}:${stats.ino}`;
  } catch {
    return undefined; // Missing or unreachable: the reading says so.
  }
}
