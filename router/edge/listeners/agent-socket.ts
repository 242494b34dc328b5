import type { Socket } from "node:net";

/** What a read may find: bytes, the agent's FIN, a broken connection, or a deadline that passed. */
export type ReadOutcome = Buffer | "end" | "closed" | "timeout";

/** Unread bytes we hold for one agent before its socket is paused: one of Node's largest reads. */
const HELD_BYTES = 64 * 1024;
/** What a read of one octet costs us in memory besides that octet. */
const READ_BYTES = 256;
/** How long an agent that was told the last word may take to read it, and then to close, before we do. */
const LINGER_MILLIS = 1_000;

/**
 * One accepted connection, read by asking. Bytes wait here until someone asks, with back-pressure; every ask
 * has a deadline. The socket is created with `allowHalfOpen`, so the agent's FIN does not end our answer.
 */
export class AgentSocket {
  seat = 0;
  readonly #socket: Socket;
  readonly #held: Buffer[] = [];
  #heldBytes = 0;
  #ended = false;
  #closed = false;
  #waiting: ((outcome: ReadOutcome) => void) | undefined;
  /** When the read that waits has waited long enough, on the monotonic clock. */
  #deadline = 0;
  /** Set once for many reads: where it finds the deadline moved on, it is set for the rest. */
  #timer: NodeJS.Timeout | undefined;
  #timerAt = 0;
  #onClosed: (() => void) | undefined;
  #onLeft: (() => void) | undefined;
  #corked = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", this.#data);
    socket.on("end", this.#end);
    socket.on("error", ignoreError);
    socket.on("close", this.#close);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Calls back once when the connection is gone; one listener at a time. */
  onClosed(callback: (() => void) | undefined): void {
    this.#onClosed = callback;
  }

  /** Calls back when the agent has closed its end, or the connection is gone: it waits for no answer. One listener at a time. */
  onLeft(callback: (() => void) | undefined): void {
    this.#onLeft = callback;
    if (this.#ended || this.#closed) callback?.();
  }

  /** What is written until the end of this turn goes out in one piece. */
  cork(): void {
    if (this.#corked || this.#closed) return;
    this.#corked = true;
    this.#socket.cork();
    process.nextTick(this.#uncork);
  }

  readonly #uncork = (): void => {
    this.#corked = false;
    this.#socket.uncork();
  };

  /** Bytes have come that nobody has asked for yet. */
  get holds(): boolean {
    return this.#held.length > 0;
  }

  /**
   * The next bytes, whatever their number; a promise where none have come yet. One read at a time. Of an agent that is gone
   * nothing more is read.
   */
  read(timeoutMillis: number): ReadOutcome | Promise<ReadOutcome> {
    if (this.#closed) return "closed";
    const next = this.#held.shift();
    if (next !== undefined) {
      this.#heldBytes -= next.length + READ_BYTES;
      if (this.#heldBytes < HELD_BYTES && this.#socket.isPaused()) this.#socket.resume();
      return next;
    }
    if (this.#ended) return "end";
    return new Promise((resolve) => {
      this.#waiting = resolve;
      this.#deadline = performance.now() + timeoutMillis;
      if (this.#timer === undefined || this.#timerAt > this.#deadline) this.#setTimer(timeoutMillis);
    });
  }

  /** Gives bytes back: they are the next to be read. */
  unread(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#held.unshift(bytes);
    this.#heldBytes += bytes.length + READ_BYTES;
  }

  /** True when the bytes are on their way; false asks the caller to await `drained`. */
  write(bytes: Uint8Array | string): boolean {
    return this.#closed || this.#socket.write(bytes, "latin1");
  }

  /**
   * Resolves when the agent has taken what was written, or is gone; undefined where that is so already. Where it takes longer
   * than the deadline, the agent goes.
   */
  drained(timeoutMillis?: number): Promise<void> | undefined {
    return this.#closed || !this.#socket.writableNeedDrain ? undefined : this.#taken(timeoutMillis);
  }

  async #taken(timeoutMillis: number | undefined): Promise<void> {
    const timer = timeoutMillis === undefined ? undefined : setTimeout(() => this.abort(), timeoutMillis);
    await new Promise<void>((resolve) => {
      const done = (): void => {
        this.#socket.off("drain", done);
        this.#socket.off("close", done);
        resolve();
      };
      this.#socket.on("drain", done);
      this.#socket.on("close", done);
    });
    clearTimeout(timer);
  }

  /**
   * Says the last word and closes. What the agent still sends is read and thrown away for a moment: closing
   * with unread bytes would send RST, and RST may destroy the answer before the agent has read it. An agent that has
   * not taken everything after `takeMillis` is sent RST: it must not take what it has for the whole.
   */
  finish(lastBytes?: Uint8Array | string, takeMillis = LINGER_MILLIS): void {
    if (this.#closed) return;
    this.#held.length = 0;
    this.#socket.off("data", this.#data);
    this.#socket.resume();
    let timer = setTimeout(() => this.abort(), takeMillis);
    this.#socket.once("finish", () => {
      clearTimeout(timer);
      if (this.#ended) this.#socket.destroy();
      else timer = setTimeout(() => this.#socket.destroy(), LINGER_MILLIS);
    });
    this.#socket.once("end", () => this.#socket.destroySoon());
    this.#socket.once("close", () => clearTimeout(timer));
    if (lastBytes === undefined) this.#socket.end();
    else this.#socket.end(lastBytes, "latin1");
  }

  /** Ends at once with RST: the agent must not take what it has for the whole. */
  abort(): void {
    if (this.#closed) return;
    const { writableEnded, writableFinished, writableLength } = this.#socket;
    // While FIN is on its way libuv cannot send RST (EINVAL), and everything before it has been handed to the kernel.
    if (writableEnded && !writableFinished && writableLength === 0) this.#socket.destroy();
    else this.#socket.resetAndDestroy();
  }

  /** Hands the bare socket on, paused, with the bytes that were read and not used. Nothing here touches it afterwards. */
  release(): { readonly socket: Socket; readonly early: readonly Buffer[]; readonly ended: boolean } {
    this.#socket.pause();
    this.#socket.off("data", this.#data);
    this.#socket.off("end", this.#end);
    this.#socket.off("close", this.#close);
    clearTimeout(this.#timer);
    const early = this.#held.splice(0);
    this.#heldBytes = 0;
    return { socket: this.#socket, early, ended: this.#ended };
  }

  readonly #data = (chunk: Buffer): void => {
    if (this.#waiting !== undefined) {
      this.#settle(chunk);
      return;
    }
    this.#held.push(chunk);
    this.#heldBytes += chunk.length + READ_BYTES;
    if (this.#heldBytes >= HELD_BYTES) this.#socket.pause();
  };

  readonly #end = (): void => {
    this.#ended = true;
    this.#settle("end");
    this.#onLeft?.();
  };

  readonly #close = (): void => {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#settle("closed");
    this.#onClosed?.();
    this.#onLeft?.();
  };

  #setTimer(millis: number): void {
    clearTimeout(this.#timer);
    this.#timerAt = performance.now() + millis;
    this.#timer = setTimeout(this.#expire, millis);
  }

  readonly #expire = (): void => {
    this.#timer = undefined;
    if (this.#waiting === undefined) return;
    const left = this.#deadline - performance.now();
    if (left > 0) this.#setTimer(left);
    else this.#settle("timeout");
  };

  #settle(outcome: ReadOutcome): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    this.#waiting = undefined;
    waiting(outcome);
  }
}

/** Resets and broken pipes are ordinary; `close` follows and carries the news. */
function ignoreError(): void {
  // The socket's "close" event does the work.
}
