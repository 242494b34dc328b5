import type { OnReadOpts, Socket } from "node:net";
import type { BufferPool } from "./buffer-pool.ts";

/** One read. `release` gives the buffer back, once, when nobody needs `bytes` any more. False: read no further for now. */
export type ReadSink = (bytes: Buffer, release: () => void) => boolean;

/** Reading a socket into pooled buffers instead of one new buffer a read. */
export interface PooledReading {
  readonly onread: OnReadOpts;
  /** Takes the socket that was made with `onread`: its last buffer goes back when it closes. */
  adopt(socket: Socket): void;
  /** Where reads go; before the first `resume` of the socket. */
  deliver(sink: ReadSink): void;
}

export function pooledReading(pool: BufferPool): PooledReading {
  let current = pool.take("small");
  let sink: ReadSink | undefined;
  return {
    onread: {
      buffer: () => current,
      callback(length) {
        const filled = current;
        // A full buffer says that more is waiting; anything less, that the connection may now be idle for hours.
        current = pool.take(length === filled.length ? "large" : "small");
        const release = (): void => pool.give(filled);
        if (sink === undefined) throw new Error("a paused socket was read");
        return sink(filled.subarray(0, length), release);
      },
    },
    adopt(socket) {
      // Not before "close": until then libuv may still write into it.
      socket.once("close", () => pool.give(current));
    },
    deliver(to) {
      sink = to;
    },
  };
}
