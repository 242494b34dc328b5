import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "node:test";
import { openWorkQueue, type WorkOutcome } from "../../../../controller/reconcile/work-queue.ts";
import { writeLimit } from "../../../../controller/reconcile/write-limit.ts";
import { systemClock } from "../../../../router/app/clock.ts";
import { millis } from "../../../../router/core/base/quantity.ts";
import { until } from "../../../fakes/until.ts";

interface Worked {
  readonly calls: string[];
  most: number;
}

function queueOf(
  work: (key: string, times: number) => Promise<WorkOutcome> | WorkOutcome,
  workers = 2,
  maximumKeys = 100,
) {
  const worked: Worked = { calls: [], most: 0 };
  let active = 0;
  const queue = openWorkQueue({
    random: () => 0.5,
    workers,
    maximumKeys,
    maximumTries: 4,
    firstRetry: millis(5),
    longestRetry: millis(20),
    async work(key) {
      worked.calls.push(key);
      active += 1;
      worked.most = Math.max(worked.most, active);
      await sleep(2);
      const outcome = await work(key, worked.calls.filter((one) => one === key).length);
      active -= 1;
      return outcome;
    },
  });
  return { queue, worked };
}

test("each key once, however often it is named while it waits, at most so many at a time", async () => {
  const { queue, worked } = queueOf(() => "done");
  for (let round = 0; round < 3; round += 1) for (const key of ["a", "b", "c", "d"]) queue.add(key);
  await until(() => worked.calls.length >= 6 && queue.size === 0);
  await sleep(20);
  assert.deepEqual(worked.calls.toSorted(), ["a", "a", "b", "b", "c", "d"]);
  assert.equal(worked.most, 2);
  assert.equal(queue.size, 0);
  await queue.close();
});

test("what fails is tried later and later, and not for ever", async () => {
  const { queue, worked } = queueOf(() => "again");
  queue.add("a");
  await until(() => worked.calls.length >= 4 && queue.size === 0);
  await sleep(60);
  assert.equal(worked.calls.length, 4);
  assert.equal(queue.size, 0);
  queue.add("a");
  await until(() => worked.calls.length > 4);
  await queue.close();
});

test("a length of time is when it is looked at again, and the earliest wish counts", async () => {
  const { queue, worked } = queueOf((_key, times) => (times === 1 ? millis(20) : "done"));
  queue.add("a");
  await sleep(10);
  queue.after("a", millis(5_000));
  assert.equal(queue.size, 1);
  await sleep(50);
  assert.deepEqual(worked.calls, ["a", "a"]);
  await queue.close();
});

test("more keys than it holds are refused, and closing waits for what is under way", async () => {
  const { queue, worked } = queueOf(() => "done", 1, 3);
  for (const key of ["a", "b", "c", "d", "e"]) queue.add(key);
  assert.equal(queue.size, 3);
  await queue.close();
  assert.deepEqual(worked.calls, ["a"]);
  queue.add("z");
  queue.after("z", millis(1));
  await sleep(10);
  assert.deepEqual(worked.calls, ["a"]);
});

test("writes: a burst, and then one in each gap", async () => {
  const limit = writeLimit(systemClock, 100);
  const { signal } = new AbortController();
  const began = performance.now();
  // Each in a gap of its own, they would take a second.
  for (let count = 0; count < 100; count += 1) assert.equal(await limit.taken(signal), true);
  assert.ok(performance.now() - began < 500);
  const waited = await Promise.all(Array.from({ length: 10 }, async () => limit.taken(signal)));
  const took = performance.now() - began;
  assert.ok(waited.every(Boolean) && took >= 85 && took < 2_000, `${took}`);
  assert.equal(await limit.taken(AbortSignal.abort()), false);
});
