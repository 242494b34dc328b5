import type { FeedEntries } from "../../../../router/core/blocklist/feed-entries.ts";
import assert from "node:assert/strict";
import { test } from "node:test";
import { millis } from "../../../../router/core/base/quantity.ts";
import { systemClock } from "../../../../router/app/clock.ts";
import { CurrentBlocklist } from "../../../../router/app/blocklists/current-blocklist.ts";
import { FeedIntake } from "../../../../router/app/blocklists/feed-intake.ts";
import { Pace } from "../../../../router/app/blocklists/pace.ts";
import { hostOf, SEED } from "../../../fuzz/blocklist/feed-text.ts";

test("of two that share a pace, one goes on in each turn of the event loop", async () => {
  let now = 0;
  const pace = new Pace({ ...systemClock, monotonic: () => millis(now) });
  let turn = 0;
  let isOver = false;
  const count = (): void => {
    turn += 1;
    if (!isOver) setImmediate(count);
  };
  setImmediate(count);
  const turns: number[] = [];
  const work = async (): Promise<void> => {
    for (let piece = 0; piece < 5; piece++) {
      now += 5;
      await pace.breathe();
      turns.push(turn);
    }
  };
  await Promise.all([work(), work()]);
  isOver = true;
  assert.equal(turns.length, 10);
  assert.ok(new Set(turns).size >= 9, turns.join());
});

test("a pace does not stop what took no time", async () => {
  const pace = new Pace({ ...systemClock, monotonic: () => millis(0) });
  let isLater = false;
  setImmediate(() => (isLater = true));
  for (let piece = 0; piece < 100; piece++) await pace.breathe();
  assert.equal(isLater, false);
});

test("INV-BLOCKLIST-WHOLE: while a list is read and built, timers run, and what is asked is answered by the list before", async () => {
  const pace = new Pace(systemClock);
  const current = new CurrentBlocklist(SEED, pace, ["feed"]);
  const read = async (names: readonly string[]): Promise<void> => {
    const intake = new FeedIntake("auto", SEED, pace, undefined, () => undefined);
    assert.equal(await intake.take(Buffer.from(names.join("\n"))), undefined);
    const content = intake.end();
    assert.ok(content.ok && current.put(0, content.value.entries).ok);
    assert.ok((await current.build()).ok);
  };
  await read(["old.example"]);
  let ticks = 0;
  const seen = new Set<string>();
  let changes = 0;
  current.onChange(() => (changes += 1));
  const timer = setInterval(() => {
    ticks += 1;
    const answers = ["old.example", "n0.example", "n99999.example"].map((name) => current.list.blockedBy(hostOf(name)));
    seen.add(answers.join());
  }, 1);
  const work = read(Array.from({ length: 100_000 }, (_, index) => `n${index}.example`));
  await work;
  clearInterval(timer);
  assert.ok(ticks > 5, `${ticks} ticks`);
  assert.deepEqual([...seen], ["feed,,"], "half a list was in force");
  assert.equal(current.list.blockedBy(hostOf("old.example")), undefined);
  assert.equal(current.list.blockedBy(hostOf("n99999.example")), "feed");
  assert.equal(changes, 1);
});

test("INV-BLOCKLIST-KEEP: a feed that lists as much as it can leaves room for the others", () => {
  const entries = (count: number): FeedEntries => ({ count, blocks: [] });
  const lists = (...counts: readonly number[]): readonly boolean[] => {
    const names = counts.map((_, at) => `feed-${at}`);
    const current = new CurrentBlocklist(SEED, new Pace(systemClock), names);
    return counts.map((count, at) => current.put(at, entries(count)).ok);
  };
  assert.deepEqual(lists(2_000_000), [true]);
  assert.deepEqual(lists(1_999_990, 30), [false, true]);
  assert.deepEqual(lists(1_900_000, 100_000), [true, true]);
  assert.deepEqual(lists(1_000_000, 900_000, 100_001), [true, true, false]);
});

test("feeds that are put while a list is built are in the next", async () => {
  const pace = new Pace(systemClock);
  const current = new CurrentBlocklist(SEED, pace, ["one", "other"]);
  const entriesOf = async (text: string) => {
    const intake = new FeedIntake("auto", SEED, pace, undefined, () => undefined);
    await intake.take(Buffer.from(text));
    const content = intake.end();
    assert.ok(content.ok);
    return content.value.entries;
  };
  const many = await entriesOf(Array.from({ length: 60_000 }, (_, index) => `n${index}.example`).join("\n"));
  const few = await entriesOf("few.example");
  assert.ok(current.put(0, many).ok);
  const first = current.build();
  assert.ok(current.put(1, few).ok);
  await Promise.all([first, current.build()]);
  assert.equal(current.list.blockedBy(hostOf("few.example")), "other");
  assert.equal(current.list.blockedBy(hostOf("n59999.example")), "one");
});
