import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { describe, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import * as fc from "fast-check";
import { joinPushes } from "../../../../router/edge/upstream/joined-pushes.ts";

function joining(later: (then: () => void) => void = (then) => process.nextTick(then)): Readable {
  const stream = new Readable({ read: () => undefined, highWaterMark: 64 * 1024 });
  joinPushes(stream, later);
  return stream;
}

const octets = (count: number): Buffer[] => Array.from({ length: count }, (_, at) => Buffer.of(at % 251));

describe("joinPushes", () => {
  test("chunks of one turn come as one, in order", async () => {
    const stream = joining();
    const got: Buffer[] = [];
    stream.on("data", (chunk: Buffer) => got.push(chunk));
    await nextTurn();
    for (const one of octets(10_000)) assert.equal(stream.push(one), true);
    await nextTurn();
    assert.equal(got.length, 1);
    assert.deepEqual(Buffer.concat(got), Buffer.concat(octets(10_000)));
  });

  test("what came is passed on when the turn ends, though no more comes", async () => {
    for (const later of [(then: () => void) => process.nextTick(then), setImmediate]) {
      const stream = joining(later);
      const got: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => got.push(chunk));
      await nextTurn();
      stream.push(Buffer.from("a"));
      await nextTurn();
      await nextTurn();
      assert.equal(Buffer.concat(got).toString(), "a");
    }
  });

  test("a stream that is not read holds few Buffers, and says when it holds enough", async () => {
    const stream = joining();
    let pushed = 0;
    while (pushed < 1_000_000 && stream.push(Buffer.of(pushed % 251))) {
      pushed += 1;
      if (pushed % 1_000 === 0) await nextTurn();
    }
    assert.equal(pushed, 64 * 1024 - 1);
    const chunks: Buffer[] = [];
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    await nextTurn();
    await nextTurn();
    assert.ok(chunks.length <= 3, `${chunks.length} chunks`);
    assert.deepEqual(Buffer.concat(chunks), Buffer.concat(octets(64 * 1024)));
  });

  test("the end stays behind everything, also of a paused stream; a large chunk is not copied", async () => {
    const stream = joining();
    const got: string[] = [];
    const large = Buffer.alloc(4 * 1024, 1);
    stream.on("data", (chunk: Buffer) => got.push(chunk === large ? "large" : chunk.toString()));
    stream.on("end", () => got.push("end"));
    stream.pause();
    await nextTurn();
    stream.push(Buffer.from("a"));
    stream.push(large);
    stream.push(Buffer.from("b"));
    await nextTurn();
    stream.push(Buffer.from("c"));
    stream.push(null);
    await nextTurn();
    assert.deepEqual(got, []);
    stream.resume();
    await nextTurn();
    assert.deepEqual(got, ["a", "large", "bc", "end"]);
  });

  test("whatever comes in whatever pieces, with pauses or without, comes whole", async () => {
    const sizes = fc.array(fc.oneof(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 4_000, max: 70_000 })), {
      maxLength: 40,
    });
    await fc.assert(
      fc.asyncProperty(sizes, fc.integer({ min: 1, max: 7 }), fc.boolean(), async (pieces, every, pauses) => {
        const stream = joining();
        const got: Buffer[] = [];
        const over = new Promise<void>((resolve) => stream.on("end", resolve));
        stream.on("data", (chunk: Buffer) => {
          got.push(chunk);
          if (!pauses) return;
          stream.pause();
          setImmediate(() => stream.resume());
        });
        const sent = pieces.map((size, at) => Buffer.alloc(size, at));
        for (const [at, piece] of sent.entries()) {
          if (piece.length > 0) stream.push(piece);
          if (at % every === 0) await nextTurn();
        }
        stream.push(null);
        await over;
        assert.deepEqual(Buffer.concat(got), Buffer.concat(sent));
      }),
      { numRuns: 60 },
    );
  });
});
