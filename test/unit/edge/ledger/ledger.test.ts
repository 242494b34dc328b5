import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { bytes } from "../../../../router/core/base/quantity.ts";
import { type Ledger, openLedger } from "../../../../router/edge/ledger/ledger.ts";
import { readJournal } from "../../../../router/edge/ledger/read-journal.ts";
import { budget, call, charge, policyOf, rate } from "../../core/budget/budget-fixture.ts";
import { ledgerOptions, open, POLICY, remaining, scratchDirectory, SetClock } from "./ledger-fixture.ts";

const FILE = "budget.jsonl";

function reserve(ledger: Ledger): number {
  const result = ledger.reserve(call());
  assert.ok(result.ok, result.ok ? "" : result.problem.sentence);
  return result.value.id;
}

/** A ledger of a few lines, as a process leaves it that was killed while call 3 was open. */
async function killed(directory: string): Promise<Buffer> {
  const { ledger } = await open(directory);
  ledger.settle(reserve(ledger), charge(150));
  ledger.release(reserve(ledger));
  reserve(ledger);
  return readFileSync(join(directory, FILE));
}

test("what was counted is there again, and what was open is charged in full", async (t) => {
  const directory = scratchDirectory(t);
  const clock = new SetClock();
  const first = await open(directory, { clock });
  assert.deepEqual(first.events, []);
  const { ledger } = first;
  ledger.settle(reserve(ledger), charge(150));
  ledger.release(reserve(ledger));
  const held = reserve(ledger);
  assert.deepEqual(remaining(ledger), [999_650]);
  await ledger.close();
  clock.pass(5_000);
  const second = await open(directory, { clock });
  assert.deepEqual(remaining(second.ledger), [999_650]);
  const [event] = second.events;
  assert.ok(event?.kind === "recovered");
  assert.deepEqual(
    event.charged.map(({ reservation, tokens, estimated }) => [reservation.id, tokens, estimated]),
    [[held, 200, true]],
  );
  assert.equal(second.ledger.settle(held, charge(1)), undefined, "it is charged already");
  assert.ok(reserve(second.ledger) > held, "no id is given twice");
  await second.ledger.close();
  const late = second.ledger.reserve(call());
  assert.ok(!late.ok && late.problem.kind === "ledger_unavailable");
});

test("calls that no budget remembers are not written down", async (t) => {
  const directory = scratchDirectory(t);
  const rules = [budget({ window: { kind: "request" } }), budget({ id: "n", models: new Set(["n"]) })];
  const { ledger } = await open(directory, {}, policyOf(rules, [rate()]));
  const before = readFileSync(join(directory, FILE));
  ledger.settle(reserve(ledger), charge(1));
  ledger.release(reserve(ledger));
  assert.equal(ledger.rates("m").requests?.remaining, 9);
  ledger.reconfigure(policyOf(rules, []));
  assert.deepEqual(readFileSync(join(directory, FILE)), before, "rates are not kept either");
});

test("a line that is torn at any octet is cut off; its call was never dispatched", async (t) => {
  const directory = scratchDirectory(t);
  const whole = await killed(scratchDirectory(t));
  const last = whole.lastIndexOf(0x0a, whole.length - 2) + 1;
  for (let length = last; length <= whole.length; length += 1) {
    writeFileSync(join(directory, FILE), whole.subarray(0, length));
    const { ledger, events } = await open(directory);
    assert.deepEqual(remaining(ledger), [length === whole.length ? 999_650 : 999_850], `${length} octets`);
    assert.equal(events.length, length === last ? 0 : 1);
    await ledger.close();
  }
});

test("INV-BUDGET-LEDGER: an octet that is changed anywhere, or a line that is lost, doubled or moved, refuses to open", async (t) => {
  const directory = scratchDirectory(t);
  const path = join(directory, FILE);
  const whole = await killed(scratchDirectory(t));
  const refused = async (name: string, content: Buffer | string): Promise<void> => {
    writeFileSync(path, content);
    const opened = await openLedger(ledgerOptions(directory));
    assert.equal(opened.ok, false, name);
    if (opened.ok) return;
    assert.match(
      opened.problem,
      /budget\.jsonl:[0-9]+: the ledger is damaged: .*\. Restore the file, or move it away/,
      name,
    );
    assert.deepEqual(readFileSync(path), Buffer.from(content), "what was there is left as it was");
  };
  for (let index = 0; index < whole.length - 1; index += 1) {
    const changed = Buffer.from(whole);
    changed[index] = (changed[index] ?? 0) ^ (1 << (index % 8));
    writeFileSync(path, changed);
    assert.equal((await readJournal(directory)).ok, false, `octet ${index}`);
  }
  const lines = whole.toString("latin1").split("\n").slice(0, -1);
  const text = (kept: readonly string[]): string => kept.map((line) => `${line}\n`).join("");
  for (let index = 0; index < lines.length; index += 1) {
    const [line = "", next = ""] = lines.slice(index);
    if (index < lines.length - 1) {
      await refused(`line ${index} lost`, text(lines.toSpliced(index, 1)));
      await refused(`line ${index} moved`, text(lines.toSpliced(index, 2, next, line)));
    }
    await refused(`line ${index} doubled`, text(lines.toSpliced(index, 0, line)));
  }
  await refused("empty", "");
  await refused("zeros", Buffer.alloc(5_000));
  await refused("another file", "hello\n");
  await refused("another ledger behind it", Buffer.concat([whole, whole]));
  await refused("CRLF", text(lines.map((line) => `${line}\r`)));
});

const oddities: readonly (readonly [name: string, file: string, make: (path: string) => void, sentence: RegExp])[] = [
  ["a link", FILE, (path) => symlinkSync("/dev/null", path), /budget\.jsonl cannot be read: ELOOP/],
  ["a FIFO", FILE, (path) => assert.equal(spawnSync("mkfifo", [path]).status, 0), /is no regular file/],
  ["a directory", FILE, (path) => mkdirSync(path), /is no regular file/],
  ["a link for the next file", `${FILE}.new`, (path) => symlinkSync("/nowhere", path), /cannot be written: ELOOP/],
  ["a directory for the next file", `${FILE}.new`, (path) => mkdirSync(path), /cannot be written: EISDIR/],
  [
    "a FIFO for the next file",
    `${FILE}.new`,
    (path) => assert.equal(spawnSync("mkfifo", [path]).status, 0),
    /cannot be written: ENXIO/,
  ],
  [
    "a link for the lock",
    "budget.lock",
    (path) => symlinkSync("/dev/null", path),
    /cannot be locked: it is no regular/,
  ],
  [
    "a lock that is something else",
    "budget.lock",
    (path) => writeFileSync(path, "x".repeat(5_000)),
    /cannot be locked/,
  ],
];

for (const [name, file, make, sentence] of oddities) {
  test(`in its place is ${name}: it does not open`, async (t) => {
    const directory = scratchDirectory(t);
    make(join(directory, file));
    const opened = await openLedger(ledgerOptions(directory));
    assert.ok(!opened.ok);
    assert.match(opened.problem, sentence);
  });
}

test("a directory that is not there, and one that is held", async (t) => {
  const directory = scratchDirectory(t);
  const missing = await openLedger(ledgerOptions(join(directory, "missing")));
  assert.ok(!missing.ok);
  assert.match(missing.problem, /cannot be locked/);
  const { ledger } = await open(directory);
  const second = await openLedger(ledgerOptions(directory));
  assert.ok(!second.ok);
  assert.match(second.problem, /is kept by another process/);
  await ledger.close();
  await open(directory);
});

/** What a few reservations are more than their settlements. */
const MOST_WAITING = 40_000;

test("a rewritten file holds the same, whatever came in meanwhile", async (t) => {
  const directory = scratchDirectory(t);
  const clock = new SetClock();
  const { ledger } = await open(directory, { compactAt: bytes(2_000), clock });
  let [most, rewritten] = [0, 0];
  let size = 0;
  for (let round = 0; round < 300; round += 1) {
    clock.pass(10);
    if (round % 100 === 50) clock.wall += 20_000;
    const ids = Array.from({ length: 3 }, () => reserve(ledger));
    // Now and then long enough for a new file to be there, mostly not.
    await new Promise((resolve) => (round % 20 === 0 ? setTimeout(resolve, 15) : setImmediate(resolve)));
    for (const [index, id] of ids.entries()) {
      if (index === 0 && round % 7 === 0) ledger.release(id);
      else if (index > 0 || round % 30 > 0) ledger.settle(id, charge(index + 1));
    }
    const now = readFileSync(join(directory, FILE)).length;
    if (now < size) rewritten += 1;
    size = now;
    most = Math.max(most, size);
    if (round % 60 > 0) continue;
    const copy = scratchDirectory(t);
    copyFileSync(join(directory, FILE), join(copy, FILE));
    const again = await open(copy, { clock });
    // Settlements that wait for the next write are not in the copy: their reservations are, in full.
    const [copied = 0] = remaining(again.ledger);
    const [known = 0] = remaining(ledger);
    assert.ok(copied <= known && copied >= known - MOST_WAITING, `round ${round}: ${copied} of ${known}`);
    await again.ledger.close();
  }
  const [left] = remaining(ledger);
  assert.ok(rewritten > 3, `rewritten ${rewritten} times`);
  assert.ok(most < 40_000, `${most} octets`);
  await ledger.close();
  const whole = await open(directory, { clock });
  assert.deepEqual(remaining(whole.ledger), [left]);
  await whole.ledger.close();
  assert.deepEqual(readdirSync(directory).toSorted(), [FILE, "budget.lock"]);
});

test("the clock steps, and the process starts again: nothing is refilled", async (t) => {
  const directory = scratchDirectory(t);
  const clock = new SetClock();
  const first = await open(directory, { clock });
  first.ledger.settle(reserve(first.ledger), charge(400_000));
  const day = 86_400_000;
  clock.wall += 3 * day;
  assert.deepEqual(remaining(first.ledger), [600_000]);
  assert.equal(first.events[0]?.kind, "clock_step");
  await first.ledger.close();
  clock.wall -= 10 * day;
  clock.pass(1_000);
  const second = await open(directory, { clock });
  assert.deepEqual(remaining(second.ledger), [600_000]);
  assert.deepEqual(
    second.events.map(({ kind }) => kind),
    ["clock_step"],
  );
  await second.ledger.close();
  clock.boot = "another";
  clock.uptime = 5;
  clock.wall -= day;
  const third = await open(directory, { clock });
  assert.deepEqual(remaining(third.ledger), [600_000], "a reboot with an earlier clock");
  await third.ledger.close();
  clock.boot = "a third";
  clock.wall += 20 * day;
  const fourth = await open(directory, { clock });
  assert.deepEqual(remaining(fourth.ledger), [1_000_000], "after a reboot a later clock is believed");
  await fourth.ledger.close();
});

test("a policy that comes back after a restart goes on with its count", async (t) => {
  const directory = scratchDirectory(t);
  const first = await open(directory);
  first.ledger.settle(reserve(first.ledger), charge(1_000));
  first.ledger.reconfigure(policyOf([]));
  await first.ledger.close();
  const second = await open(directory, {}, policyOf([]));
  second.ledger.reconfigure(POLICY);
  assert.deepEqual(remaining(second.ledger), [999_000]);
});

test("the file is the router's alone", async (t) => {
  const directory = scratchDirectory(t);
  chmodSync(directory, 0o777);
  await open(directory);
  assert.match(spawnSync("stat", ["-c", "%a", join(directory, FILE)], { encoding: "utf8" }).stdout, /^600$/m);
});
