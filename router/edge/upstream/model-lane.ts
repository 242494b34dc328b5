import type { Client, Dispatcher } from "undici";
import type { ModelLink } from "./model-link.ts";
import { reset } from "./reset.ts";

/** Below what common servers allow (Node's is 5 s); a hint of the server's own (`Keep-Alive: timeout`) counts instead. */
const IDLE_MILLIS = 4_000;
const LONGEST_IDLE_MILLIS = 60_000;
/** A hint is taken to be this much shorter: so long the last octet may have been under way. */
const HINT_MARGIN_MILLIS = 1_000;
const MOST_HEAD_BYTES = 32 * 1024;

/**
 * One connection to a provider with one undici client of its own, for one call after another. The client never opens
 * a socket: when this one is gone the client is too. (A `Pool` says neither which of its connections a call is on nor
 * whether it was written, and after some errors connects and fails for ever.)
 */
export class ModelLane {
  readonly link: ModelLink;
  /** When it was opened, by the monotonic clock. */
  readonly born: number;
  /** Calls given to it so far. */
  carried = 0;
  /** A request has been written, and its answer has not ended: octets may come. At any other time they are forged. */
  expecting = false;
  /** The code of the socket's error. Whatever undici says, an answer that this one met is not whole. */
  brokenBy: string | undefined;
  readonly #client: Client;
  #adopted = false;
  #resting: NodeJS.Timeout | undefined;

  constructor(ClientOf: typeof Client, link: ModelLink, born: number, onClosed: (lane: ModelLane) => void) {
    this.link = link;
    this.born = born;
    const { socket } = link;
    // Before undici's own listeners, for it takes RST for the clean end of an answer that only FIN ends.
    socket.on("error", (error: NodeJS.ErrnoException) => {
      this.brokenBy ??= error.code ?? error.name;
    });
    socket.on("readable", () => {
      if (!this.expecting && socket.readableLength > 0) this.kill();
    });
    socket.on("end", () => {
      if (!this.#adopted) this.kill();
    });
    socket.once("close", () => {
      this.#destroyClient();
      onClosed(this);
    });
    // The name is never used: every request carries its own Host, and the socket is there.
    this.#client = new ClientOf("http://provider.invalid", {
      pipelining: 1,
      allowH2: false,
      strictContentLength: true,
      maxHeaderSize: MOST_HEAD_BYTES,
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: IDLE_MILLIS,
      keepAliveMaxTimeout: LONGEST_IDLE_MILLIS,
      keepAliveTimeoutThreshold: HINT_MARGIN_MILLIS,
      // Later, since undici 8.12 loses a request whose connection is there before it has asked to the end. With an
      // error of this kind it gives the request up; with one of its own it would ask again and again.
      connect: (_options, callback) =>
        queueMicrotask(() => {
          if (this.#adopted || socket.destroyed) return callback(new Error("the connection is gone"), null);
          this.#adopted = true;
          callback(null, socket);
        }),
    });
  }

  /** Another call may be sent now. */
  get usable(): boolean {
    const { socket } = this.link;
    return !socket.destroyed && socket.writable && !socket.readableEnded && this.unsent === 0;
  }

  /** Octets of requests that the kernel has not taken. */
  get unsent(): number {
    return this.link.socket.writableLength;
  }

  /** Octets of requests that the kernel, or TLS, has taken. */
  get taken(): number {
    return this.link.socket.bytesWritten - this.unsent;
  }

  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void {
    clearTimeout(this.#resting);
    this.carried += 1;
    this.#client.dispatch(options, handler);
  }

  /** Waits for a call. undici keeps the time of connections that have carried one, this the time of those that have not. */
  rest(): void {
    if (!this.#adopted) this.#resting = setTimeout(() => this.close(), IDLE_MILLIS).unref();
  }

  /** Ends an idle connection with FIN. */
  close(): void {
    this.link.socket.destroy();
    this.#destroyClient();
  }

  /** Ends it with RST, at once: whoever is at the other end stops working for it. */
  kill(): void {
    reset(this.link.transport);
    this.close();
  }

  #destroyClient(): void {
    clearTimeout(this.#resting);
    if (!this.#client.destroyed) void this.#client.destroy(null).catch(() => undefined);
  }
}
