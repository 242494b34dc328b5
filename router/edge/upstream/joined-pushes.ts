import type { Readable } from "node:stream";

/** From here on a chunk goes on as it came. What is smaller is copied: a Buffer of one octet costs hundreds of them. */
const SMALL = 4 * 1024;
/** The most that waits to be one chunk. */
const MOST = 64 * 1024;
const FIRST = 1024;
const NONE = Buffer.alloc(0);
const PUSHES = Symbol("pushes");

/**
 * Joins the small chunks that a parser of Node's pushes into `stream`, so that each is an octet of one Buffer and no Buffer
 * of its own: a stream counts what it holds by octets, and 64 KiB in chunks of one octet are 26 MiB. While the stream
 * flows, they wait until what was given to `later` is called: `process.nextTick` where the parser takes a whole read in one
 * turn, `setImmediate` where it makes a turn of every frame. While it does not, they wait until it does. Nothing is
 * dropped, and the end stays behind all of it. To be called before the first chunk.
 */
export function joinPushes(stream: Readable, later: (then: () => void) => void): void {
  const pushes = new Pushes(stream, later);
  const joined: Readable & { [PUSHES]?: Pushes } = stream;
  joined[PUSHES] = pushes;
  joined.push = pushJoined;
  stream.on("resume", () => pushes.flush());
}

/** One function for all streams: with one of its own for each, V8 keeps all that hangs on it until a major collection. */
function pushJoined(this: Readable & { [PUSHES]?: Pushes }, chunk: unknown, encoding?: BufferEncoding): boolean {
  return this[PUSHES]?.push(chunk, encoding) ?? false;
}

class Pushes {
  readonly #stream: Readable;
  readonly #later: (then: () => void) => void;
  /** As it was before. */
  readonly #push: Readable["push"];
  #room = NONE;
  #length = 0;
  #isDue = false;

  constructor(stream: Readable, later: (then: () => void) => void) {
    this.#stream = stream;
    this.#later = later;
    // oxlint-disable-next-line typescript/unbound-method -- it is called on the stream
    this.#push = stream.push;
  }

  push(chunk: unknown, encoding?: BufferEncoding): boolean {
    const stream = this.#stream;
    if (!(chunk instanceof Uint8Array) || chunk.length >= SMALL) {
      this.flush();
      return this.#push.call(stream, chunk, encoding);
    }
    if (this.#length + chunk.length > MOST) this.flush();
    this.#hold(chunk);
    return stream.readableFlowing === true || stream.readableLength + this.#length < stream.readableHighWaterMark;
  }

  flush(): void {
    if (this.#length === 0) return;
    const joined = this.#room.subarray(0, this.#length);
    this.#room = NONE;
    this.#length = 0;
    this.#push.call(this.#stream, joined);
  }

  #hold(chunk: Uint8Array): void {
    const total = this.#length + chunk.length;
    if (total > this.#room.length) {
      const larger = Buffer.allocUnsafeSlow(Math.min(MOST, Math.max(FIRST, total, 2 * this.#room.length)));
      this.#room.copy(larger, 0, 0, this.#length);
      this.#room = larger;
    }
    this.#room.set(chunk, this.#length);
    this.#length = total;
    if (this.#isDue) return;
    this.#isDue = true;
    this.#later(() => this.#turnEnds());
  }

  #turnEnds(): void {
    this.#isDue = false;
    if (this.#stream.readableFlowing === true) this.flush();
  }
}
