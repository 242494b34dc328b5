import { connect, type Socket } from "node:net";

/** What a connection tells of the answer to what it sent. */
export interface AnswerSink {
  /** Octets of the body, transfer coding and all; theirs only until this returns. */
  part(bytes: Buffer): void;
  /** The answer has ended, or the connection has: `whole` where it was a 200 and came to its end. */
  end(whole: boolean): void;
}

const HEAD_END = "\r\n\r\n";
const LAST_CHUNK = "0\r\n\r\n";
const LENGTH = /\r\ncontent-length: *([0-9]+)/i;
const READ_BYTES = 16 * 1024;

/**
 * One kept connection of the load generator, one request at a time: made octets are written, and of the answer no more is
 * read than tells that it is a 200 and whole. All reads share one buffer.
 */
export class AgentConnection {
  readonly #socket: Socket;
  #sink: AnswerSink | undefined;
  #head: Buffer | undefined;
  #inBody = false;
  #ok = false;
  #last = false;
  /** Octets of the body that are to come; undefined: it is chunked. */
  #left: number | undefined;
  #tail = "";
  #closed = false;

  constructor(port: number) {
    this.#socket = connect({
      port,
      host: "127.0.0.1",
      noDelay: true,
      onread: {
        buffer: Buffer.allocUnsafeSlow(READ_BYTES),
        callback: (length, buffer) => {
          this.#read(Buffer.from(buffer.buffer, buffer.byteOffset, length));
          return true;
        },
      },
    });
    this.#socket.on("error", () => this.#socket.destroy());
    this.#socket.on("end", () => this.#socket.destroy());
    this.#socket.on("close", () => {
      this.#closed = true;
      this.#finish(false);
    });
  }

  /** It carries no more requests. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Not before the last answer has ended. Where it is not connected yet, it sends once it is. */
  send(request: Buffer, sink: AnswerSink): void {
    this.#sink = sink;
    this.#inBody = false;
    this.#tail = "";
    this.#socket.write(request);
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(bytes: Buffer): void {
    if (this.#sink === undefined) {
      // Nobody asked.
      this.#socket.destroy();
      return;
    }
    if (this.#inBody) return this.#body(bytes);
    const head = this.#head === undefined ? bytes : Buffer.concat([this.#head, bytes]);
    this.#head = undefined;
    const end = head.indexOf(HEAD_END);
    if (end < 0) {
      this.#head = Buffer.from(head);
      return;
    }
    const text = head.toString("latin1", 0, end);
    const length = LENGTH.exec(text)?.[1];
    this.#ok = text.startsWith("HTTP/1.1 200");
    this.#last = /\r\nconnection: *close/i.test(text);
    this.#left = length === undefined ? undefined : Number(length);
    this.#inBody = true;
    this.#body(head.subarray(end + HEAD_END.length));
  }

  #body(bytes: Buffer): void {
    if (bytes.length > 0) this.#sink?.part(bytes);
    if (this.#left === undefined) {
      const end = bytes.toString("latin1", Math.max(0, bytes.length - LAST_CHUNK.length));
      this.#tail = (this.#tail + end).slice(-LAST_CHUNK.length);
      if (this.#tail === LAST_CHUNK) this.#finish(this.#ok);
      return;
    }
    this.#left -= bytes.length;
    if (this.#left <= 0) this.#finish(this.#ok && this.#left === 0);
  }

  #finish(whole: boolean): void {
    const sink = this.#sink;
    if (sink === undefined) return;
    this.#sink = undefined;
    if (this.#last || !whole) {
      this.#closed = true;
      this.#socket.destroy();
    }
    sink.end(whole);
  }
}
