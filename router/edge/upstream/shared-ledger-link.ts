import type { Socket } from "node:net";
import type { Clock } from "../../core/base/clock.ts";
import { type Millis, millis } from "../../core/base/quantity.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";
import { respCommand } from "./resp-command.ts";
import { RespReader, type RespReply, type RespValue } from "./resp-reader.ts";

/** Why there is no value. Sentences hold nothing of the command, and of the server's words the code only. */
export type LedgerFault =
  /** Nothing was sent. */
  | { readonly kind: "down"; readonly sentence: string }
  /** It was sent, and nobody knows whether it was carried out. */
  | { readonly kind: "unanswered"; readonly sentence: string }
  /** The server said no; it did nothing. */
  | { readonly kind: "refused"; readonly code: string; readonly sentence: string };

export type LedgerReply = Result<RespValue, LedgerFault>;

interface Waiting {
  readonly resolve: (reply: LedgerReply) => void;
  readonly since: Millis;
}

/**
 * One connection to a Valkey or Redis. Commands are sent as they come and answered in order; so the first that is not
 * answered in time, or an octet that is no answer, ends the connection: on what would come after nothing could be relied.
 */
export class SharedLedgerLink {
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #deadline: Millis;
  readonly #reader = new RespReader();
  readonly #waiting: Waiting[] = [];
  readonly #closed = Promise.withResolvers<string>();
  /** How many of `#waiting` are answered; they are cut off together. */
  #answered = 0;
  #timer: NodeJS.Timeout | undefined;
  #over: string | undefined;
  #corked = false;

  /** The socket is connected, and nobody else's. */
  constructor(socket: Socket, clock: Clock, deadline: Millis) {
    this.#socket = socket;
    this.#clock = clock;
    this.#deadline = deadline;
    socket.on("data", (piece: Buffer) => this.#onData(piece));
    socket.on("error", (error) => this.destroy(`the connection failed (${errorCode(error)})`));
    socket.on("close", () => this.destroy("the server closed the connection"));
  }

  /** Resolves, when the connection has ended, to why: a phrase. */
  get closed(): Promise<string> {
    return this.#closed.promise;
  }

  send(parts: readonly string[]): Promise<LedgerReply> {
    if (this.#over !== undefined) return Promise.resolve(fail({ kind: "down", sentence: this.#over }));
    const { promise, resolve } = Promise.withResolvers<LedgerReply>();
    this.#waiting.push({ resolve, since: this.#clock.monotonic() });
    this.#timer ??= setTimeout(this.#onTimer, this.#deadline);
    // What one turn of the event loop sends leaves in one packet.
    if (!this.#corked) {
      this.#corked = true;
      this.#socket.cork();
      process.nextTick(() => {
        this.#corked = false;
        this.#socket.uncork();
      });
    }
    this.#socket.write(respCommand(parts));
    return promise;
  }

  /** Cuts the connection; what waits was sent. */
  destroy(why: string): void {
    if (this.#over !== undefined) return;
    this.#over = why;
    clearTimeout(this.#timer);
    this.#socket.destroy();
    for (const { resolve } of this.#waiting.splice(0).slice(this.#answered)) {
      resolve(fail({ kind: "unanswered", sentence: why }));
    }
    this.#closed.resolve(why);
  }

  #onData(piece: Buffer): void {
    const replies = this.#reader.read(piece);
    for (const reply of replies ?? []) if (!this.#onReply(reply)) return;
    if (replies === undefined) this.destroy("what answers is no Valkey or Redis");
  }

  #onReply(reply: RespReply): boolean {
    const waiting = this.#waiting[this.#answered];
    if (waiting === undefined) {
      this.destroy(reply.ok ? "the server sent what nobody asked for" : `the server said ${codeOf(reply.problem)}`);
      return false;
    }
    this.#answered += 1;
    if (this.#answered === this.#waiting.length || this.#answered >= 1024) {
      this.#waiting.splice(0, this.#answered);
      this.#answered = 0;
    }
    waiting.resolve(reply.ok ? ok(reply.value) : fail(refusedBy(reply.problem)));
    return true;
  }

  readonly #onTimer = (): void => {
    this.#timer = undefined;
    // What has come while this thread was busy is still to be read: poll comes after timers, and then this.
    setImmediate(() => {
      const oldest = this.#waiting[this.#answered];
      if (oldest === undefined || this.#over !== undefined || this.#timer !== undefined) return;
      const left = oldest.since + this.#deadline - this.#clock.monotonic();
      if (left > 0) this.#timer = setTimeout(this.#onTimer, millis(Math.ceil(left)));
      else this.destroy(`the server did not answer within ${this.#deadline} ms`);
    });
  };
}

function refusedBy(problem: string): LedgerFault {
  const code = codeOf(problem);
  return { kind: "refused", code, sentence: `the server said ${code}` };
}

/** The first word of an error reply; servers repeat commands in what comes after it. */
function codeOf(problem: string): string {
  return /^[A-Z]{2,32}(?= |$)/.exec(problem)?.[0] ?? "an error";
}

/** The code only: messages of OpenSSL may hold what the peer chose. */
export function errorCode(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return /^[A-Z][A-Z0-9_]{1,63}$/.test(code) ? code : "no code";
}
