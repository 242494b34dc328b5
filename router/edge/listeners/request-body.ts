import { setImmediate as nextTurn } from "node:timers/promises";
import { ChunkedBody } from "../../core/wire/chunked-body.ts";
import type { RequestFraming } from "../../core/wire/request-framing.ts";
import type { AgentSocket, ReadOutcome } from "./agent-socket.ts";

/** The agent broke its own request body off: `detail` says how, in our words. */
export class RequestBodyError extends Error {
  readonly detail: string;

  constructor(detail: string) {
    super(detail);
    this.detail = detail;
  }
}

/** Chunks in one read above which a body waits its turn: their framing is all work and no payload. */
const MANY_CHUNKS = 256;

type Piece = Uint8Array | undefined;

/**
 * The body of one request, read from its connection as it is asked for and never past its end: what follows is
 * the next request. Reading throws `RequestBodyError` where the agent leaves, stalls or breaks the framing.
 */
export class RequestBody {
  /** Everything was read: the connection may carry another request. */
  complete: boolean;
  readonly #agent: AgentSocket;
  readonly #idleMillis: number;
  /** Undefined: the body has a length, of which so much is to come. */
  readonly #decoder: ChunkedBody | undefined;
  #left: number;
  /** The last read was nearly all framing: other connections come first. */
  #crowded = false;

  constructor(agent: AgentSocket, framing: RequestFraming, idleMillis: number) {
    this.#agent = agent;
    this.#idleMillis = idleMillis;
    this.#decoder = framing.kind === "chunked" ? new ChunkedBody() : undefined;
    this.#left = framing.kind === "length" ? framing.length : 0;
    this.complete = this.#decoder === undefined && this.#left === 0;
  }

  async *chunks(): AsyncGenerator<Uint8Array, void> {
    for (let piece = await this.next(); piece !== undefined; piece = await this.next()) yield piece;
  }

  /**
   * The next piece, at once where the agent has sent it already; undefined after the last. Throws `RequestBodyError`, or rejects
   * with it.
   */
  next(): Piece | Promise<Piece> {
    if (this.#crowded) return this.#atItsTurn();
    while (!this.complete) {
      const read = this.#agent.read(this.#idleMillis);
      if (read instanceof Promise) return this.#awaited(read);
      const piece = this.#take(read);
      if (piece !== undefined) return piece;
    }
    return undefined;
  }

  async #awaited(read: Promise<ReadOutcome>): Promise<Piece> {
    // Of an awaited read only framing may have come, and then there is more.
    return this.#take(await read) ?? this.next();
  }

  async #atItsTurn(): Promise<Piece> {
    this.#crowded = false;
    await nextTurn();
    return this.next();
  }

  /** What of a read is content; undefined: none of it. */
  #take(read: ReadOutcome): Piece {
    if (typeof read !== "string") {
      return this.#decoder === undefined ? this.#counted(read) : this.#decoded(this.#decoder, read);
    }
    throw new RequestBodyError(
      read === "timeout" ? "The request body stopped coming." : "The request body is cut short.",
    );
  }

  #counted(bytes: Buffer): Uint8Array {
    const mine = bytes.length > this.#left ? bytes.subarray(0, this.#left) : bytes;
    if (mine !== bytes) this.#agent.unread(bytes.subarray(this.#left));
    this.#left -= mine.length;
    this.complete = this.#left === 0;
    return mine;
  }

  /** One piece for each read, however small the chunks are: passing on single octets costs a hundred times as much. */
  #decoded(decoder: ChunkedBody, bytes: Buffer): Piece {
    const step = decoder.read(bytes);
    if (step.state === "malformed") throw new RequestBodyError(step.problem);
    if (step.state === "end") {
      this.#agent.unread(Buffer.from(step.leftover.buffer, step.leftover.byteOffset, step.leftover.byteLength));
      this.complete = true;
    }
    const { payload } = step;
    this.#crowded = !this.complete && payload.length > MANY_CHUNKS;
    return payload.length > 1 ? Buffer.concat(payload) : payload[0];
  }
}
