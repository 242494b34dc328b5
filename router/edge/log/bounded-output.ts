import type { Writable } from "node:stream";

const GATHER_MILLIS = 10;

/**
 * Lines to a stream that may be slow, full or gone, without ever waiting for it. What it does not take is kept up to
 * a bound, then dropped and counted: whoever reads the log must not be able to stop the router.
 *
 * (`pino.destination` writes descriptor 1 from the thread pool: with a full pipe one of its threads hangs, and the
 * process cannot exit any more, as measured. A pipe as `process.stdout` is written without blocking.)
 */
export class BoundedOutput {
  readonly #stream: Writable;
  readonly #maximumLength: number;
  readonly #resumed: (lost: number) => void;
  #pending = "";
  #pendingLines = 0;
  #flyingLength = 0;
  #flyingLines = 0;
  /** Something is pending or with the stream. */
  #busy = false;
  #gone = false;
  #lost = 0;
  #lostBefore = 0;
  readonly #waiting = new Set<() => void>();

  /**
   * `maximumLength` is in UTF-16 units, of everything not yet taken by the stream. `resumed` is told, once the stream
   * takes lines again, how many were lost meanwhile.
   */
  constructor(stream: Writable, maximumLength: number, resumed: (lost: number) => void) {
    this.#stream = stream;
    this.#maximumLength = maximumLength;
    this.#resumed = resumed;
    // Without a listener this would end the process. A stream that failed once takes nothing any more.
    stream.on("error", () => this.#leave());
  }

  /** Lines lost since the beginning. */
  get lost(): number {
    return this.#lost;
  }

  /** One line, with its line end. */
  write(line: string): void {
    if (this.#gone || this.#flyingLength + this.#pending.length + line.length > this.#maximumLength) {
      this.#lost += 1;
      return;
    }
    this.#pending += line;
    this.#pendingLines += 1;
    // Lines that come close together share one write: at thousands a second, a write for each would cost more than they do.
    if (!this.#busy) {
      this.#busy = true;
      setTimeout(() => this.#send(), GATHER_MILLIS);
    }
  }

  /** Resolves when the stream has taken every line, or after `milliseconds`. */
  async flush(milliseconds: number): Promise<void> {
    if (!this.#busy) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, milliseconds);
    this.#waiting.add(resolve);
    await promise;
    clearTimeout(timer);
    this.#waiting.delete(resolve);
  }

  #send(): void {
    if (this.#gone) return;
    const batch = this.#pending;
    this.#flyingLines = this.#pendingLines;
    this.#flyingLength = batch.length;
    this.#pending = "";
    this.#pendingLines = 0;
    this.#stream.write(batch, (error) => {
      if (error === null || error === undefined) this.#taken();
      else this.#leave();
    });
  }

  #taken(): void {
    this.#flyingLength = 0;
    this.#flyingLines = 0;
    if (this.#lost > this.#lostBefore) {
      const lost = this.#lost - this.#lostBefore;
      this.#lostBefore = this.#lost;
      this.#resumed(lost);
    }
    if (this.#pending === "") this.#rest();
    else setTimeout(() => this.#send(), GATHER_MILLIS);
  }

  #leave(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#lost += this.#flyingLines + this.#pendingLines;
    this.#pending = "";
    this.#rest();
  }

  #rest(): void {
    this.#busy = false;
    for (const resolve of this.#waiting) resolve();
  }
}
