import { type Millis, millis } from "../../router/core/base/quantity.ts";
import { backoffDelay } from "../../router/edge/kubernetes/retry-delay.ts";

/** `again`: it failed, try later and later. A length of time: look at it once more then. */
export type WorkOutcome = "done" | "again" | Millis;

export interface WorkQueueOptions {
  readonly work: (key: string, signal: AbortSignal) => Promise<WorkOutcome>;
  /** 0 to 1. */
  readonly random: () => number;
  /** At the same time. */
  readonly workers: number;
  /** Keys that wait, timers included; one more is refused until the next full pass. */
  readonly maximumKeys?: number;
  /** Failures in a row after which a key rests until somebody names it again. */
  readonly maximumTries?: number;
  readonly firstRetry?: Millis;
  readonly longestRetry?: Millis;
}

export interface WorkQueue {
  /** As soon as a worker is free; a key that waits already is not queued twice, one that is worked on comes once more. */
  add(key: string): void;
  /** Not before so long; the earliest wish for a key counts. */
  after(key: string, wait: Millis): void;
  /** Queued, worked on or resting. */
  readonly size: number;
  /** Aborts what is under way and waits for it. */
  close(): Promise<void>;
}

const LONGEST_TIMER = 2 ** 31 - 1;

/** Keys that want work: each at most once at a time, in the order in which they came. */
export function openWorkQueue(options: WorkQueueOptions): WorkQueue {
  return new Queue(options);
}

class Queue implements WorkQueue {
  readonly #options: WorkQueueOptions;
  readonly #maximumKeys: number;
  readonly #maximumTries: number;
  readonly #backoff: { readonly first: Millis; readonly longest: Millis };
  readonly #closing = new AbortController();
  readonly #ready = new Set<string>();
  readonly #again = new Set<string>();
  readonly #active = new Map<string, Promise<void>>();
  readonly #timers = new Map<string, { readonly timer: NodeJS.Timeout; readonly at: number }>();
  readonly #tries = new Map<string, number>();

  constructor(options: WorkQueueOptions) {
    this.#options = options;
    this.#maximumKeys = options.maximumKeys ?? 50_000;
    this.#maximumTries = options.maximumTries ?? 15;
    this.#backoff = { first: options.firstRetry ?? millis(250), longest: options.longestRetry ?? millis(60_000) };
  }

  get size(): number {
    return this.#ready.size + this.#active.size + this.#timers.size;
  }

  add(key: string): void {
    if (this.#closing.signal.aborted) return;
    this.#unset(key);
    if (this.#active.has(key)) this.#again.add(key);
    else if (this.size < this.#maximumKeys) this.#ready.add(key);
    this.#pump();
  }

  after(key: string, wait: Millis): void {
    if (this.#closing.signal.aborted || this.#ready.has(key)) return;
    const at = performance.now() + wait;
    const known = this.#timers.get(key);
    if (known !== undefined && known.at <= at) return;
    if (known === undefined && this.size >= this.#maximumKeys) return;
    this.#unset(key);
    const timer = setTimeout(() => this.add(key), Math.min(Math.max(1, wait), LONGEST_TIMER));
    timer.unref();
    this.#timers.set(key, { timer, at });
  }

  async close(): Promise<void> {
    this.#closing.abort();
    for (const { timer } of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    this.#ready.clear();
    this.#again.clear();
    await Promise.all(this.#active.values());
  }

  #unset(key: string): void {
    clearTimeout(this.#timers.get(key)?.timer);
    this.#timers.delete(key);
  }

  #pump(): void {
    for (const key of this.#ready) {
      if (this.#active.size >= this.#options.workers) return;
      this.#ready.delete(key);
      this.#active.set(key, this.#run(key));
    }
  }

  async #run(key: string): Promise<void> {
    const outcome = await this.#options.work(key, this.#closing.signal);
    this.#active.delete(key);
    if (this.#closing.signal.aborted) return;
    const isNamed = this.#again.delete(key);
    if (outcome === "again") this.#retry(key);
    else {
      this.#tries.delete(key);
      if (outcome !== "done") this.after(key, outcome);
    }
    if (isNamed && outcome !== "again") this.#ready.add(key);
    this.#pump();
  }

  #retry(key: string): void {
    const tries = (this.#tries.get(key) ?? 0) + 1;
    if (tries >= this.#maximumTries) {
      this.#tries.delete(key);
      return;
    }
    this.#tries.set(key, tries);
    this.after(key, backoffDelay(tries, this.#backoff, this.#options.random()));
  }
}
