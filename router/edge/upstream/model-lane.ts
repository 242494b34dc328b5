import type { ModelAnswerReader } from "./model-answer-reader.ts";
import { REST_MILLIS } from "./model-answer-head.ts";
import type { ModelLink } from "./model-link.ts";
import type { RequestOctets } from "./model-request.ts";
import { reset } from "./reset.ts";

/** The call that a lane carries. */
export interface LaneCall {
  readonly octets: RequestOctets;
  /** The first octet leaves now. Gives who reads the answer. */
  leave(): ModelAnswerReader;
  /** The connection broke before all of the answer. */
  broke(code: string): void;
  /** The connection was gone, or killed for what came over it, before a single octet of the request was written. */
  unwritten(code: string): void;
}

/** Given to the socket at once; more waits until the kernel has taken it, so that the progress of an upload shows. */
const LARGEST_WRITE = 256 * 1024;

/** One connection to a provider, for one call after another. */
export class ModelLane {
  readonly link: ModelLink;
  /** When it was opened, by the monotonic clock. */
  readonly born: number;
  /** Calls given to it so far. */
  carried = 0;
  /** How long it may rest, and until when it does. */
  restMillis = REST_MILLIS;
  restUntil = 0;
  #call: LaneCall | undefined;
  /** Only while a request has been written and its answer has not ended: at any other time octets are forged. */
  #reader: ModelAnswerReader | undefined;
  /** Parts of the request that have been given to the socket. */
  #given = 0;

  constructor(link: ModelLink, born: number, onClosed: (lane: ModelLane) => void) {
    this.link = link;
    this.born = born;
    const { socket } = link;
    socket.on("data", (octets: Buffer) => this.#read(octets));
    socket.on("drain", () => this.#giveMore());
    socket.on("end", () => this.#finish());
    socket.on("error", (error: NodeJS.ErrnoException) => this.#lose(error.code ?? error.name));
    socket.once("close", () => {
      this.#lose("closed");
      onClosed(this);
    });
    socket.resume();
  }

  /** Another call may be sent now. */
  get usable(): boolean {
    const { socket } = this.link;
    return !socket.destroyed && socket.writable && !socket.readableEnded && socket.writableLength === 0;
  }

  /** Not all of the request has been taken by the kernel, or TLS. */
  get uploading(): boolean {
    return this.link.socket.writableLength > 0 || !this.given;
  }

  /** The whole request has been given to the socket. */
  get given(): boolean {
    return this.#call === undefined || this.#given === this.#call.octets.parts.length;
  }

  /** Octets of requests that the kernel, or TLS, has taken. */
  get taken(): number {
    const { socket } = this.link;
    return socket.bytesWritten - socket.writableLength;
  }

  /**
   * Sends a call. Over a connection that has carried one before, only once the kernel was asked whether the origin has
   * said something or closed it: in the check phase, after a poll (undici does the same: GHSA-35p6-xmwp-9g52).
   */
  carry(call: LaneCall): void {
    this.carried += 1;
    this.#call = call;
    this.#given = 0;
    if (this.carried === 1) this.#write(call);
    else setImmediate(() => this.#write(call));
  }

  /** The call has ended, by its answer or otherwise. */
  release(): void {
    this.#call = undefined;
    this.#reader = undefined;
    // One that is paused would not hear of the origin's end.
    if (this.link.socket.isPaused()) this.link.socket.resume();
  }

  pause(): void {
    this.link.socket.pause();
  }

  resume(): void {
    this.link.socket.resume();
  }

  /** Ends it with FIN. */
  close(): void {
    this.link.socket.destroy();
  }

  /** Ends it with RST, at once: whoever is at the other end stops working for it. */
  kill(): void {
    reset(this.link.transport);
    this.close();
  }

  /** Where nothing of the call has left yet. */
  #write(call: LaneCall): void {
    if (this.#call !== call) return;
    const { socket } = this.link;
    if (!this.usable) return queueMicrotask(() => this.#lose("FIN"));
    this.#reader = call.leave();
    const { head, parts } = call.octets;
    if (parts.length === 0) return void socket.write(head);
    socket.cork();
    socket.write(head);
    this.#giveMore();
    socket.uncork();
  }

  #giveMore(): void {
    if (this.#call === undefined || this.#reader === undefined || this.given) return;
    const { parts } = this.#call.octets;
    const { socket } = this.link;
    socket.cork();
    for (let sum = 0; sum < LARGEST_WRITE && this.#given < parts.length; this.#given += 1) {
      const part = parts[this.#given];
      if (part === undefined) break;
      sum += part.length;
      socket.write(part);
    }
    socket.uncork();
  }

  #read(octets: Buffer): void {
    if (this.#reader !== undefined) return this.#reader.read(octets);
    this.kill();
    this.#lose("octets that nobody asked for");
  }

  #finish(): void {
    const reader = this.#reader;
    if (reader?.began === true) reader.end();
    this.#lose("FIN");
    this.close();
  }

  #lose(code: string): void {
    const call = this.#call;
    if (call === undefined) return;
    const written = this.#reader !== undefined;
    this.release();
    if (written) call.broke(code);
    else call.unwritten(code);
  }
}
