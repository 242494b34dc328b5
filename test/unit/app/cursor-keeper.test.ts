import assert from "node:assert/strict";
import { test } from "node:test";
import { CursorKeeper } from "../../../router/app/cursor-keeper.ts";
import type { SegmentCursor } from "../../../router/edge/audit/segment-cursor.ts";
import { Timeline } from "./export-fixture.ts";

const at = (offset: number): SegmentCursor => ({ file: "audit-1", offset });

test("a cursor is kept at once, then each second at most, and never where nothing has moved", async () => {
  const time = new Timeline();
  const kept: number[] = [];
  const keeper = new CursorKeeper({
    clock: time.clock,
    from: at(1),
    persist: (cursor) => Promise.resolve(void kept.push(cursor.offset)),
    onProblem: assert.fail,
  });
  keeper.keepSoon();
  assert.equal(keeper.moveTo(at(1)), false);
  await keeper.keepNow();
  assert.deepEqual(kept, []);
  for (let offset = 2; offset < 100; offset += 1) {
    assert.equal(keeper.moveTo(at(offset)), true);
    await time.pass(20);
  }
  assert.deepEqual(kept, [2, 52]);
  assert.deepEqual(keeper.cursor, at(99));
  await time.pass(5_000);
  keeper.keepSoon();
  await time.settle();
  keeper.keepSoon();
  await time.pass(5_000);
  keeper.keepSoon();
  await keeper.keepNow();
  assert.deepEqual(kept, [2, 52, 99]);
});

test("two are never kept at a time; one that could not be is kept later, and said", async () => {
  const time = new Timeline();
  const waiting: { offset: number; resolve: () => void; reject: (error: Error) => void }[] = [];
  const problems: string[] = [];
  const keeper = new CursorKeeper({
    clock: time.clock,
    from: undefined,
    persist: ({ offset }) => new Promise((resolve, reject) => void waiting.push({ offset, resolve, reject })),
    onProblem: (sentence) => problems.push(sentence),
  });
  keeper.moveTo(at(1));
  await time.pass(3_000);
  keeper.moveTo(at(2));
  const atEnd = keeper.keepNow();
  await time.settle();
  assert.deepEqual(
    waiting.map(({ offset }) => offset),
    [1],
  );
  waiting[0]?.reject(new Error("ENOSPC"));
  await time.settle();
  assert.deepEqual(
    waiting.map(({ offset }) => offset),
    [1, 2],
  );
  waiting[1]?.resolve();
  await atEnd;
  assert.deepEqual(problems, ["The cursor cannot be kept: ENOSPC"]);
});
