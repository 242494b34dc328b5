import type { TLSSocket } from "node:tls";
import { type Http2Origin, http2Origin } from "../../edge/upstream/http2-origin.ts";

/** Opens the way to the origin anew: by the same leave, at the same address; undefined: it cannot be reached. */
export type Redial = () => Promise<TLSSocket | undefined>;

/**
 * The way of one agent connection to its origin: one connection at a time. Origins end theirs after so many requests or
 * minutes (GOAWAY); with `redial` the next stream opens another. Where that cannot be, `lost` is called.
 */
export class Http2Way {
  readonly #window: () => number;
  readonly #redial: Redial | undefined;
  readonly #lost: () => void;
  #socket: TLSSocket | undefined;
  #origin: Http2Origin | undefined;
  #opening: Promise<Http2Origin | undefined> | undefined;
  #closed = false;

  constructor(socket: TLSSocket | undefined, window: () => number, redial: Redial | undefined, lost: () => void) {
    this.#socket = socket;
    this.#window = window;
    this.#redial = redial;
    this.#lost = lost;
    // Until a stream takes it nobody else listens.
    socket?.on("error", () => undefined);
  }

  /** A connection on which a stream can be opened in this turn; undefined: there is none. */
  async open(): Promise<Http2Origin | undefined> {
    if (this.#closed) return undefined;
    if (this.#origin?.usable === true) return this.#origin;
    const socket = this.#socket;
    this.#socket = undefined;
    if (socket !== undefined && !socket.destroyed) return this.#adopt(socket);
    this.#opening ??= this.#again();
    return this.#opening;
  }

  close(): void {
    this.#closed = true;
    this.#socket?.destroy();
    this.#origin?.close();
  }

  destroy(): void {
    this.#closed = true;
    this.#socket?.destroy();
    this.#origin?.destroy();
  }

  async #again(): Promise<Http2Origin | undefined> {
    try {
      if (this.#redial === undefined) return undefined;
      const socket = await this.#redial();
      if (socket !== undefined && !this.#closed) return this.#adopt(socket);
      socket?.destroy();
      // By this leave, at this address, nothing is reached any more: with another tunnel the agent may have another.
      this.#lost();
      return undefined;
    } finally {
      this.#opening = undefined;
    }
  }

  #adopt(socket: TLSSocket): Http2Origin {
    const origin = http2Origin(socket, this.#window(), () => {
      // What is open on it may end.
      if (this.#origin === origin) this.#origin = undefined;
      if (this.#redial === undefined) this.#lost();
    });
    this.#origin = origin;
    return origin;
  }
}
