/**
 * What an idle connection keeps ready for its next read. Small, because every open tunnel holds one: 10,000 idle
 * tunnels hold 40 MiB, where large buffers would be 1.3 GB. Throughput is the same from 4 to 16 KiB (measured).
 */
const SMALL_BYTES = 4 * 1024;
/** One read of a busy connection: throughput stops rising above this (measured.md, "Relaying bytes"). */
const LARGE_BYTES = 128 * 1024;
/** Buffers kept for reuse; what is above goes to the garbage collector when traffic falls. */
const SPARE_SMALL = 256;
const SPARE_LARGE = 32;

/**
 * Buffers that are lent for one read and the write that follows it. A buffer is in one pair of hands at a time:
 * given back early, it would carry one tunnel's bytes into another, so giving back what is not lent throws.
 */
export interface BufferPool {
  /** Its content is whatever its last borrower left. `large` falls back to a small one when too much is lent. */
  take(size: "small" | "large"): Buffer;
  give(buffer: Buffer): void;
  /** Buffers out of the pool now. */
  readonly lent: number;
}

/** `largeBytes`: the most that large buffers may hold at one time, whatever the number of connections. */
export function createBufferPool(largeBytes: number): BufferPool {
  const mostLarge = Math.floor(largeBytes / LARGE_BYTES);
  const spareSmall: Buffer[] = [];
  const spareLarge: Buffer[] = [];
  const lent = new Set<Buffer>();
  let lentLarge = 0;
  return {
    take(size) {
      const large = size === "large" && lentLarge < mostLarge;
      if (large) lentLarge += 1;
      const spare = large ? spareLarge : spareSmall;
      const buffer = spare.pop() ?? Buffer.allocUnsafeSlow(large ? LARGE_BYTES : SMALL_BYTES);
      lent.add(buffer);
      return buffer;
    },
    give(buffer) {
      if (!lent.delete(buffer)) throw new Error("a buffer was given back that is not lent");
      const large = buffer.length === LARGE_BYTES;
      if (large) lentLarge -= 1;
      const spare = large ? spareLarge : spareSmall;
      if (spare.length < (large ? SPARE_LARGE : SPARE_SMALL)) spare.push(buffer);
    },
    get lent() {
      return lent.size;
    },
  };
}
