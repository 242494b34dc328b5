import { createServer, type Socket } from "node:net";
import { chatAnswer, streamBegin, streamEnd, streamEndWithUsage, streamWord } from "./canned-answer.ts";

/**
 * The provider of the inference benches, a process of its own: reads a head and counts its body, then writes octets that
 * were made beforehand. A body with `pace=<ms> words=<n>` in it gets a stream of so many words, so far apart by an absolute
 * timetable; any other the chat answer at once.
 */
const HEAD_END = "\r\n\r\n";
const LENGTH = /\r\ncontent-length: *([0-9]+)/i;
const CHUNKED = /\r\ntransfer-encoding: *chunked/i;
const ORDER = /pace=([0-9]+) words=([0-9]+)/;
/** An order stands in a small body. */
const SMALL_BODY = 4_096;
/** The end of the head is looked for in so much. */
const MOST_HEAD = 16_384;

class ProviderConnection {
  readonly #socket: Socket;
  /** Of a head or of a small body that has not come whole. */
  #kept: Buffer | undefined;
  /** Octets of the body that are to come; undefined: a head is. */
  #left: number | undefined;
  #small = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => this.#data(chunk));
    socket.on("error", () => socket.destroy());
    socket.on("close", () => clearTimeout(this.#timer));
  }

  #data(chunk: Buffer): void {
    let bytes = chunk;
    if (this.#kept !== undefined) {
      bytes = Buffer.concat([this.#kept, chunk]);
      this.#kept = undefined;
    }
    if (this.#left === undefined) {
      const end = bytes.indexOf(HEAD_END);
      if (end < 0) {
        if (bytes.length > MOST_HEAD) this.#socket.destroy();
        else this.#kept = bytes;
        return;
      }
      const head = bytes.toString("latin1", 0, end);
      const length = LENGTH.exec(head)?.[1];
      // Every gateway here knows how long the body is; a chunked one would be read wrongly.
      if (length === undefined || CHUNKED.test(head)) {
        this.#socket.end("HTTP/1.1 411 Length Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        return;
      }
      this.#left = Number(length);
      this.#small = this.#left <= SMALL_BODY;
      bytes = bytes.subarray(end + HEAD_END.length);
    }
    if (this.#small && bytes.length < this.#left) {
      this.#kept = bytes;
      return;
    }
    this.#left -= bytes.length;
    if (this.#left > 0) return;
    this.#left = undefined;
    if (this.#small) this.#answerSmall(bytes.toString("latin1"));
    else this.#socket.write(chatAnswer);
  }

  #answerSmall(body: string): void {
    const order = body.includes('"stream":true') ? ORDER.exec(body) : null;
    if (order === null) this.#socket.write(chatAnswer);
    else this.#stream(Number(order[1]), Number(order[2]), body.includes('"include_usage":true'));
  }

  #stream(pace: number, words: number, usage: boolean): void {
    const began = performance.now();
    let sent = 1;
    this.#socket.write(streamBegin);
    const next = (): void => {
      sent += 1;
      if (sent >= words) {
        this.#socket.write(usage ? streamEndWithUsage : streamEnd);
        return;
      }
      this.#socket.write(streamWord);
      this.#timer = setTimeout(next, Math.max(1, began + sent * pace - performance.now()));
    };
    this.#timer = setTimeout(next, pace);
  }
}

const server = createServer({ noDelay: true, highWaterMark: 64 * 1024 }, (socket) => new ProviderConnection(socket));
server.listen({ port: 0, host: "127.0.0.1", backlog: 1_024 }, () => {
  const address = server.address();
  if (address !== null && typeof address === "object") process.send?.({ port: address.port });
});
process.on("disconnect", () => process.exit(0));
