import type { Readable } from "node:stream";

/** From here on a chunk goes on as it came. What is smaller is copied: a Buffer of one octet costs hundreds of them. */
const SMALL = 4 * 1024;
/** The most that waits to be one chunk. */
const MOST = 64 * 1024;
const FIRST = 1024;
const NONE = Buffer.alloc(0);

/**
 * Joins the small chunks that a parser of Node's pushes into `stream`, so that each is an octet of one Buffer and no Buffer
 * of its own: a stream counts what it holds by octets, and 64 KiB in chunks of one octet are 26 MiB. While the stream
 * flows, they wait until what was given to `later` is called: `process.nextTick` where the parser takes a whole read in one
 * turn, `setImmediate` where it makes a turn of every frame. While it does not, they wait until it does. Nothing is
 * dropped, and the end stays behind all of it. To be called before the first chunk.
 */
export function joinPushes(stream: Readable, later: (then: () => void) => void): void {
  const push = stream.push.bind(stream);
  let room = NONE;
  let length = 0;
  let isDue = false;

  const flush = (): void => {
    if (length === 0) return;
    const joined = room.subarray(0, length);
    room = NONE;
    length = 0;
    push(joined);
  };
  const turnEnds = (): void => {
    isDue = false;
    if (stream.readableFlowing === true) flush();
  };
  const hold = (chunk: Uint8Array): void => {
    const total = length + chunk.length;
    if (total > room.length) {
      const larger = Buffer.allocUnsafeSlow(Math.min(MOST, Math.max(FIRST, total, 2 * room.length)));
      room.copy(larger, 0, 0, length);
      room = larger;
    }
    room.set(chunk, length);
    length = total;
    if (isDue) return;
    isDue = true;
    later(turnEnds);
  };

  stream.push = (chunk: unknown, encoding?: BufferEncoding) => {
    if (!(chunk instanceof Uint8Array) || chunk.length >= SMALL) {
      flush();
      return push(chunk, encoding);
    }
    if (length + chunk.length > MOST) flush();
    hold(chunk);
    return stream.readableFlowing === true || stream.readableLength + length < stream.readableHighWaterMark;
  };
  stream.on("resume", flush);
}
