import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { rmdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { requirement } from "../require.ts";
import { bytes } from "../../router/core/base/quantity.ts";
import { call, charge } from "../unit/core/budget/budget-fixture.ts";
import { open, remaining, scratchDirectory, SetClock } from "../unit/edge/ledger/ledger-fixture.ts";

function run(program: string, ...options: readonly string[]): boolean {
  return spawnSync(program, options).status === 0;
}

function haveTmpfs(): boolean {
  return run("unshare", "-m", "mount", "-t", "tmpfs", "none", tmpdir());
}

/** A file system of its own, of 1 MiB. */
function smallDisk(t: TestContext): string {
  const directory = scratchDirectory(t, () => {
    run("umount", "-l", directory);
    rmdirSync(directory);
  });
  assert.ok(run("mount", "-t", "tmpfs", "-o", "size=1m", "sluice-test", directory));
  return directory;
}

const needs = requirement("tmpfs", haveTmpfs(), "needs root and the right to mount a tmpfs");

test(
  "INV-BUDGET-KILL: a full disk admits nothing, forgets nothing, and admits again once it is freed",
  needs,
  async (t) => {
    const directory = smallDisk(t);
    const clock = new SetClock();
    const { ledger, events } = await open(directory, { clock });
    const ballast = join(directory, "ballast");
    writeFileSync(ballast, Buffer.alloc(900_000));
    const held: number[] = [];
    let used = 0;
    for (;;) {
      const result = ledger.reserve(call({ input: 1, output: 9 }));
      if (!result.ok) {
        assert.equal(result.problem.kind, "ledger_unavailable");
        break;
      }
      if (held.length < 100) held.push(result.value.id);
      else {
        ledger.settle(result.value.id, charge(1));
        used += 1;
      }
    }
    assert.ok(used > 300, `${used} settled`);
    assert.deepEqual(remaining(ledger), [1_000_000 - 1_000 - used], "the refused call is not counted");
    assert.match(ledger.problem ?? "", /budget\.jsonl cannot be written: ENOSPC/);
    for (const id of held.splice(0, 50)) {
      ledger.settle(id, charge(2));
      used += 2;
    }
    clock.wall += 90_000_000;
    assert.equal(ledger.reserve(call()).ok, false);
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(ledger.reserve(call()).ok, false, "tried again meanwhile, in vain");
    rmSync(ballast);
    const deadline = performance.now() + 5_000;
    const ask = (): ReturnType<typeof ledger.reserve> => ledger.reserve(call({ input: 1, output: 9 }));
    // Asked all the time, also while the new file is being made: what is refused leaves no trace in it.
    let after = ask();
    while (!after.ok && performance.now() < deadline) {
      await new Promise((done) => setImmediate(done));
      after = ask();
    }
    assert.deepEqual(
      events.map(({ kind }) => kind),
      ["unavailable", "clock_step", "available"],
    );
    assert.ok(after.ok);
    ledger.settle(after.value.id, charge(10));
    used += 10;
    assert.deepEqual(remaining(ledger), [1_000_000 - 500 - used]);
    assert.ok(statSync(join(directory, "budget.jsonl")).size > 0);
    await ledger.close();
    const again = await open(directory, { clock });
    assert.deepEqual(remaining(again.ledger), [1_000_000 - 500 - used], "the open calls are charged in full");
    await again.ledger.close();
  },
);

test("a disk that runs full while the file is being rewritten loses none of what was settled", needs, async (t) => {
  const directory = smallDisk(t);
  const clock = new SetClock();
  const { ledger } = await open(directory, { clock, compactAt: bytes(100_000) });
  const ballast = join(directory, "ballast");
  writeFileSync(ballast, Buffer.alloc(900_000));
  const ids = Array.from({ length: 1_500 }, () => {
    const result = ledger.reserve(call({ input: 1, output: 9 }));
    assert.ok(result.ok);
    return result.value.id;
  });
  let settled = 0;
  // In one turn: the new file is begun, and cannot be finished before the disk is full.
  while (ledger.problem === undefined) {
    ledger.settle(ids[settled] ?? 0, charge(1));
    settled += 1;
  }
  assert.ok(settled > 300 && settled < 1_500, `${settled} settled`);
  rmSync(ballast);
  const deadline = performance.now() + 5_000;
  while (ledger.problem !== undefined && performance.now() < deadline) {
    await new Promise((done) => setTimeout(done, 5));
  }
  await ledger.close();
  const again = await open(directory, { clock });
  assert.deepEqual(remaining(again.ledger), [1_000_000 - settled - (1_500 - settled) * 10]);
  await again.ledger.close();
});
