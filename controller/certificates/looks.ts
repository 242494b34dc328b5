import type { Millis } from "../../router/core/base/quantity.ts";

/**
 * Looks at something again and again: at once, then an interval after each look, and when asked. One at a time; who asks
 * while one is under way gets the next, since that one may have read already.
 */
export class Looks {
  readonly #interval: Millis;
  readonly #look: () => Promise<void>;
  #running: Promise<void>;
  #next: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  readonly #stop = new AbortController();

  /** `look` must not reject: that is a bug, and becomes an unhandled rejection. */
  constructor(interval: Millis, look: () => Promise<void>) {
    this.#interval = interval;
    this.#look = look;
    this.#running = this.#run();
  }

  now(): Promise<void> {
    this.#next ??= this.#running.then(() => {
      this.#next = undefined;
      this.#running = this.#run();
      return this.#running;
    });
    return this.#next;
  }

  async end(): Promise<void> {
    this.#stop.abort();
    clearTimeout(this.#timer);
    await this.#running;
    await this.#next;
  }

  async #run(): Promise<void> {
    clearTimeout(this.#timer);
    if (this.#stop.signal.aborted) return;
    await Promise.resolve();
    await this.#look();
    this.#schedule();
  }

  #schedule(): void {
    if (this.#stop.signal.aborted) return;
    this.#timer = setTimeout(() => {
      this.#running = this.#run();
    }, this.#interval);
    this.#timer.unref();
  }
}
