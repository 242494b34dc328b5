import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { UseJournal } from "../../../../router/edge/state/use-journal.ts";

/** A directory whose journal is opened again and again. */
class World {
  readonly directory = mkdtempSync(join(tmpdir(), "sluice-journal-"));
  readonly path = join(this.directory, "approvals.journal");
  failures = 0;
  readonly #open: UseJournal[] = [];

  /** What a new process finds. */
  load(): { readonly journal: UseJournal; readonly latest: number | string } {
    const journal = new UseJournal(this.directory, () => (this.failures += 1));
    this.#open.push(journal);
    const loaded = journal.load();
    return { journal, latest: loaded.ok ? loaded.value : loaded.problem };
  }

  [Symbol.dispose](): void {
    for (const journal of this.#open) journal.close();
    rmSync(this.directory, { recursive: true });
  }
}

const KEY = "a".repeat(64);

test("the latest time that was noted is known to the next process, between uses and without any", () => {
  using world = new World();
  const { journal } = world.load();
  journal.note(1_000);
  journal.note(2_000);
  assert.equal(world.load().latest, 2_000);
  assert.ok(journal.count(KEY, 9_000, 3_000));
  journal.note(4_000);
  assert.ok(journal.count(KEY, 9_000, 3_500));
  const next = world.load();
  assert.deepEqual([next.latest, next.journal.used(KEY)], [4_000, 2]);
  next.journal.note(5_000);
  const last = world.load();
  assert.deepEqual([last.latest, last.journal.used(KEY)], [5_000, 2]);
  assert.equal(world.failures, 0);
});

for (const time of [0, -1, 999, 1_000, Number.NaN, Number.POSITIVE_INFINITY, 1_000.5, 2 ** 60]) {
  test(`${time} after 1000 is no news, and leaves the journal whole`, () => {
    using world = new World();
    const { journal } = world.load();
    journal.note(1_000);
    const before = readFileSync(world.path, "latin1");
    journal.note(time);
    assert.equal(readFileSync(world.path, "latin1"), before);
    assert.equal(world.load().latest, 1_000);
  });
}

test("a journal that was not read, or is damaged, is not written to", () => {
  using world = new World();
  new UseJournal(world.directory, () => undefined).note(1_000);
  assert.equal(existsSync(world.path), false);
  writeFileSync(world.path, "hello\n");
  const { journal } = world.load();
  journal.note(1_000);
  assert.equal(readFileSync(world.path, "latin1"), "hello\n");
});

const damages: readonly (readonly [name: string, damage: (text: string) => string])[] = [
  ["earlier", (text) => text.replace("time 2000", "time 1001")],
  ["no number", (text) => text.replace("time 2000", "time 2e30")],
  ["gone from between", (text) => text.replace(/time 2000.*\n/, "")],
  ["there twice", (text) => text.replace(/(time 2000.*\n)/, "$1$1")],
];
for (const [name, damage] of damages) {
  test(`a time that is ${name} is noticed`, () => {
    using world = new World();
    const { journal } = world.load();
    journal.note(1_000);
    journal.note(2_000);
    assert.ok(journal.count(KEY, 9_000, 3_000));
    writeFileSync(world.path, damage(readFileSync(world.path, "latin1")));
    assert.match(String(world.load().latest), /damaged/);
  });
}

test("thousands of times keep the file small, and lose no use", () => {
  using world = new World();
  const { journal } = world.load();
  assert.ok(journal.count(KEY, 2_000_000_000_000, 1));
  for (let at = 1; at <= 2_600; at += 1) journal.note(1_000_000_000_000 + at);
  assert.ok(readFileSync(world.path).length < 70_000);
  const next = world.load();
  assert.deepEqual([next.latest, next.journal.used(KEY)], [1_000_000_002_600, 1]);
});
