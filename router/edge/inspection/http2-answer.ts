import { constants, type ServerHttp2Stream } from "node:http2";
import type { Field } from "../../core/wire/message-head.ts";

/** What of an origin's answer is written on: parsed, and its fields end-to-end. */
export interface Http2AnswerHead {
  readonly status: number;
  readonly fields: readonly Field[];
  /** Neither content nor trailers follow. */
  readonly whole: boolean;
}

/** These, and every answer to HEAD, have no content (RFC 9110 section 6.4.1). */
const WITHOUT_CONTENT = new Set([204, 205, 304]);

/** Until it is looked again whether an answer has left. */
const UNSENT_MILLIS = 20;

/** Writes one answer to one stream of the agent's. An answer that was cut is reset, never ended. */
export class Http2Answer {
  readonly #stream: ServerHttp2Stream;
  readonly #request: string;
  readonly #gone: Promise<void>;
  #begun = false;
  #ended = false;
  /** HEAD, or a status or head that says so: nothing may follow. */
  #silent: boolean;
  #trailers: readonly Field[] = [];

  /** `isHead`: the request's method is HEAD. */
  constructor(stream: ServerHttp2Stream, requestId: string, isHead: boolean) {
    this.#stream = stream;
    this.#request = requestId;
    this.#silent = isHead;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#gone = promise;
    stream.on("close", resolve);
    stream.on("wantTrailers", () => {
      this.#attempt(() => stream.sendTrailers(fieldLists(this.#trailers)));
    });
  }

  get begun(): boolean {
    return this.#begun;
  }

  /** The agent has everything: its stream was ended, not reset, and all of it was written. */
  get whole(): boolean {
    return this.#ended && (this.#silent || this.#stream.writableFinished);
  }

  /** Everything was said, if not taken yet. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Settles when the stream is over, in whatever way. */
  get gone(): Promise<void> {
    return this.#gone;
  }

  get #open(): boolean {
    return !this.#stream.destroyed && !this.#stream.closed;
  }

  /** 1xx. */
  interim(status: number, fields: readonly Field[]): void {
    if (!this.#begun) this.#attempt(() => this.#stream.additionalHeaders({ ":status": status, ...fieldLists(fields) }));
  }

  head({ status, fields, whole }: Http2AnswerHead): void {
    if (!this.#open || this.#begun) return;
    this.#begun = true;
    this.#silent ||= whole || WITHOUT_CONTENT.has(status);
    const list = [":status", String(status)];
    for (const { name, value } of fields) list.push(name, value);
    list.push("sluice-request-id", this.#request);
    const options = { endStream: this.#silent, waitForTrailers: !this.#silent, sendDate: false };
    this.#attempt(() => this.#stream.respond(list, options));
  }

  /** A promise asks to wait until the agent has taken what was written. */
  data(chunk: Uint8Array): Promise<void> | undefined {
    if (this.#silent || !this.#open || this.#stream.write(chunk)) return undefined;
    return this.#drained();
  }

  /** Nothing more comes. Settles when the agent has taken it, or is gone. */
  async end(trailers: readonly Field[]): Promise<void> {
    this.#ended = true;
    this.#trailers = trailers;
    if (this.#silent || !this.#open) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#stream.end(() => resolve());
    await Promise.race([promise, this.#gone]);
  }

  /** A whole answer of ours, in the place of the origin's. */
  refuse(head: Http2AnswerHead, content: string): void {
    if (!this.#open || this.#begun) return;
    this.head(head);
    this.#ended = true;
    if (!this.#silent) this.#stream.end(content);
  }

  /**
   * RFC 9113 section 8.1: the answer is whole, and what else the agent sends of its request is not wanted any more. Not
   * before the answer has left: nghttp2 sends RST_STREAM first, and then drops what is queued of the stream.
   */
  stop(): void {
    setImmediate(() => {
      if (!this.#open) return;
      if (this.#stream.writableFinished && this.#stream.session?.state.outboundQueueSize === 0) {
        this.#stream.close(constants.NGHTTP2_NO_ERROR);
      } else setTimeout(() => this.stop(), UNSENT_MILLIS);
    });
  }

  reset(code: number): void {
    if (this.#open) this.#stream.close(code);
  }

  /** Node throws for fields that it does not take; in an event of an origin's nobody would catch it. */
  #attempt(write: () => void): void {
    if (!this.#open) return;
    try {
      write();
    } catch {
      this.#stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    }
  }

  /** With listeners that go again: a race with `gone` would keep one reaction for every wait of a long stream. */
  async #drained(): Promise<void> {
    const stream = this.#stream;
    const { promise, resolve } = Promise.withResolvers<void>();
    const done = (): void => {
      stream.off("drain", done);
      stream.off("close", done);
      resolve();
    };
    stream.on("drain", done);
    stream.on("close", done);
    return promise;
  }
}

/** For the calls of Node that take no pairs: fields of one name keep their order. */
export function fieldLists(fields: readonly Field[]): Record<string, string[]> {
  const lists: Record<string, string[]> = Object.create(null) as Record<string, string[]>;
  for (const { name, value } of fields) (lists[name] ??= []).push(value);
  return lists;
}
