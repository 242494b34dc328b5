import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import { test } from "node:test";
import { createBufferPool } from "../../../../router/edge/upstream/buffer-pool.ts";
import { pooledReading } from "../../../../router/edge/upstream/pooled-reading.ts";

const KIB = 1024;

test("INV-BUFFER-POOL: a buffer is in one pair of hands at a time", () => {
  const pool = createBufferPool(1024 * KIB);
  const held = new Set([pool.take("large"), pool.take("large"), pool.take("small"), pool.take("small")]);
  assert.equal(held.size, 4);
  assert.equal(pool.lent, 4);
  const [one] = held;
  assert.ok(one);
  pool.give(one);
  assert.throws(() => pool.give(one), /not lent/);
  assert.throws(() => pool.give(Buffer.alloc(128 * KIB)), /not lent/);
  assert.throws(() => pool.give(one.subarray(0, 10)), /not lent/);
  assert.equal(pool.take("large"), one, "reused");
  assert.equal(pool.lent, 4);
});

test("large buffers together hold no more than was allowed; then small ones are lent", () => {
  const pool = createBufferPool(300 * KIB);
  const lengths = [1, 2, 3, 4].map(() => pool.take("large"));
  assert.deepEqual(
    lengths.map((buffer) => buffer.length / KIB),
    [128, 128, 4, 4],
  );
  for (const buffer of lengths) pool.give(buffer);
  assert.equal(pool.lent, 0);
  assert.equal(pool.take("large").length, 128 * KIB);
});

test("spare buffers beyond a handful are let go", () => {
  const pool = createBufferPool(1 << 30);
  const many = Array.from({ length: 100 }, () => pool.take("large"));
  for (const buffer of many) pool.give(buffer);
  const again = new Set(Array.from({ length: 100 }, () => pool.take("large")));
  assert.equal(many.filter((buffer) => again.has(buffer)).length, 32);
});

test("reading takes a large buffer after a full one, and a small one as soon as less comes", () => {
  const pool = createBufferPool(1024 * KIB);
  const reading = pooledReading(pool);
  const socket = new EventEmitter();
  reading.adopt(socket as Socket);
  const read: number[] = [];
  reading.deliver((bytes, release) => {
    read.push(bytes.length);
    release();
    return true;
  });
  const next = reading.onread.buffer;
  assert.ok(typeof next === "function");
  const sizes: number[] = [];
  for (const length of [10, 4 * KIB, 128 * KIB, 128 * KIB, 5 * KIB, 3]) {
    const buffer = next();
    sizes.push(buffer.length / KIB);
    reading.onread.callback(length, buffer);
  }
  assert.deepEqual(sizes, [4, 4, 128, 128, 128, 4]);
  assert.deepEqual(read, [10, 4 * KIB, 128 * KIB, 128 * KIB, 5 * KIB, 3]);
  assert.equal(pool.lent, 1);
  socket.emit("close");
  assert.equal(pool.lent, 0);
});
