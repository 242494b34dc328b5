import { setImmediate as nextTurn } from "node:timers/promises";
import { ChunkedBody } from "../../core/wire/chunked-body.ts";
import type { RequestFraming } from "../../core/wire/request-framing.ts";
import type { AgentSocket } from "./agent-socket.ts";

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

/**
 * The body of one request, read from its connection as it is asked for and never past its end: what follows is
 * the next request. Iterating throws `RequestBodyError` where the agent leaves, stalls or breaks the framing.
 */
export class RequestBody {
  /** Everything was read: the connection may carry another request. */
  complete: boolean;
  readonly #agent: AgentSocket;
  readonly #framing: RequestFraming;
  readonly #idleMillis: number;

  constructor(agent: AgentSocket, framing: RequestFraming, idleMillis: number) {
    this.#agent = agent;
    this.#framing = framing;
    this.#idleMillis = idleMillis;
    this.complete = framing.kind === "none" || (framing.kind === "length" && framing.length === 0);
  }

  async *chunks(): AsyncGenerator<Uint8Array, void> {
    switch (this.#framing.kind) {
      case "none":
        return;
      case "length":
        yield* this.#counted(this.#framing.length);
        return;
      case "chunked":
        yield* this.#chunked();
    }
  }

  async *#counted(length: number): AsyncGenerator<Uint8Array, void> {
    let left = length;
    while (left > 0) {
      const bytes = await this.#more();
      if (bytes.length > left) this.#agent.unread(bytes.subarray(left));
      const mine = bytes.subarray(0, left);
      left -= mine.length;
      if (left === 0) this.complete = true;
      yield mine;
    }
  }

  async *#chunked(): AsyncGenerator<Uint8Array, void> {
    const decoder = new ChunkedBody();
    for (;;) {
      const bytes = await this.#more();
      const step = decoder.read(bytes);
      if (step.state === "malformed") throw new RequestBodyError(step.problem);
      if (step.state === "end") {
        this.#agent.unread(Buffer.from(step.leftover.buffer, step.leftover.byteOffset, step.leftover.byteLength));
        this.complete = true;
      }
      // One piece for each read, however small the chunks are: passing on single octets costs a hundred times as much.
      const [only, ...more] = step.payload;
      if (only !== undefined) yield more.length === 0 ? only : Buffer.concat(step.payload);
      if (step.state === "end") return;
      if (more.length > MANY_CHUNKS) await nextTurn();
    }
  }

  async #more(): Promise<Buffer> {
    const read = await this.#agent.read(this.#idleMillis);
    if (typeof read !== "string") return read;
    throw new RequestBodyError(
      read === "timeout" ? "The request body stopped coming." : "The request body is cut short.",
    );
  }
}
