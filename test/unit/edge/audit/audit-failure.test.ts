import assert from "node:assert/strict";
import { readdirSync, rmSync } from "node:fs";
import { test } from "node:test";
import { bytes, epochMillis, millis } from "../../../../router/core/base/quantity.ts";
import type { AuditHealth } from "../../../../router/edge/audit/audit-health.ts";
import { listSegments } from "../../../../router/edge/audit/read-segments.ts";
import {
  auditEvent,
  errno,
  eventually,
  type Faults,
  faultyFiles,
  openLog,
  recordsOf,
  requestsOf,
  scratchDirectory,
  verifyDirectory,
} from "./log-fixture.ts";

const OK = { ok: true, value: undefined };
const UNAVAILABLE = { ok: false, problem: "audit_unavailable" };

const fails = (code: string) => (): never => {
  throw errno(code);
};

/** Ends when the test says so: a disk that does not answer. */
function hang(): { readonly wait: () => Promise<void>; readonly end: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { wait: () => promise, end: resolve };
}

const faults: readonly [name: string, rotating: boolean, set: () => [Faults, end?: () => void], code: string][] = [
  ["a write fails", false, () => [{ write: fails("EIO") }], "io_error"],
  ["the disk is full", false, () => [{ write: fails("ENOSPC") }], "disk_full"],
  ["a quota is used up", false, () => [{ write: fails("EDQUOT") }], "disk_full"],
  ["the file system became read-only", false, () => [{ write: fails("EROFS") }], "not_permitted"],
  ["half a batch is written, then the disk is full", false, () => [shortThenFull()], "disk_full"],
  ["a write takes nothing", false, () => [{ writes: () => 0 }], "disk_full"],
  ["a sync fails once", false, () => [{ sync: fails("EIO") }], "io_error"],
  ["a write hangs", false, () => hanging("write"), "deadline"],
  ["a sync hangs", false, () => hanging("sync"), "deadline"],
  ["the next segment cannot be created", true, () => [{ create: fails("EACCES") }], "not_permitted"],
  ["the next segment's record cannot be written", true, () => [{ write: fails("EIO") }], "io_error"],
  ["the next segment cannot be renamed", true, () => [{ rename: fails("EIO") }], "io_error"],
  ["the next segment's name cannot be synced", true, () => [{ syncDirectory: fails("EIO") }], "io_error"],
  ["the next segment's name is synced late", true, () => hanging("syncDirectory"), "deadline"],
  ["the next segment is created late", true, () => hanging("create"), "deadline"],
];

function shortThenFull(): Faults {
  let calls = 0;
  return {
    write: () => {
      calls += 1;
      if (calls > 1) throw errno("ENOSPC");
    },
    writes: (length) => Math.floor(length / 2),
  };
}

function hanging(call: "write" | "sync" | "syncDirectory" | "create"): [Faults, () => void] {
  const { wait, end } = hang();
  return [{ [call]: wait }, end];
}

for (const [name, rotating, set, code] of faults) {
  test(`trap 1.4: INV-AUDIT-FAIL-CLOSED: ${name}: nothing is allowed until a new segment holds`, async (t) => {
    const directory = scratchDirectory(t);
    const active: Faults = {};
    const seen: (string | undefined)[] = [];
    const log = await openLog(directory, {
      files: faultyFiles(active),
      writeDeadline: millis(code === "deadline" ? 1_000 : 20_000),
      segmentBytes: bytes(rotating ? 1 : 1_000_000),
      onHealth: (health: AuditHealth) => seen.push(health.problem?.code),
    });
    assert.deepEqual(await log.append(auditEvent("before")), OK);
    const [fault, end] = set();
    Object.assign(active, fault);

    const began = performance.now();
    const refused = [log.append(auditEvent("no-1")), log.append(auditEvent("no-2"))];
    log.appendSoon(auditEvent("kept", { decision: "deny" }));
    assert.deepEqual(await Promise.all(refused), [UNAVAILABLE, UNAVAILABLE]);
    assert.ok(performance.now() - began < 5_000);
    assert.deepEqual([log.health().refusing, log.health().problem?.code], [true, code]);
    assert.deepEqual(await log.append(auditEvent("no-3")), UNAVAILABLE);

    for (const call of Object.keys(fault)) delete active[call as keyof Faults];
    end?.();
    await eventually("the log is writable again", () => log.health().writable);
    assert.deepEqual(await log.append(auditEvent("after")), OK);
    await log.close();
    assert.deepEqual([seen[0], seen.at(-1)], [code, undefined]);

    assert.deepEqual(await requestsOf(directory), ["before", "kept", "after"]);
    const records = await recordsOf(directory);
    const gap = records.find(({ kind }) => kind === "gap")?.detail;
    assert.deepEqual([gap?.["refused"], gap?.["dropped"], gap?.["unrecorded"]], [3, 0, 0]);
    assert.equal(records.find(({ kind }) => kind === "recovery")?.detail["problem"], code);
    assert.equal((await verifyDirectory(directory)).damage, undefined);
    assert.deepEqual(
      readdirSync(directory).filter((file) => !file.endsWith(".jsonl")),
      ["writer.lock"],
    );
  });
}

test("a failed sync is not tried again: what it should have made durable is not in the log", async (t) => {
  const directory = scratchDirectory(t);
  const active: Faults = {};
  const log = await openLog(directory, { files: faultyFiles(active) });
  let syncs = 0;
  active.sync = () => {
    syncs += 1;
    if (syncs === 1) throw errno("EIO");
  };
  assert.deepEqual(await log.append(auditEvent("no")), UNAVAILABLE);
  await eventually("the log is writable again", () => log.health().writable);
  await log.close();
  assert.deepEqual(await requestsOf(directory), []);
  const records = await recordsOf(directory);
  const previous = records
    .filter(({ kind }) => kind === "segment")
    .map(({ detail }) => detail["previous"] as { ended: string });
  assert.deepEqual([previous.length, previous[1]?.ended], [2, "failed"]);
});

test("while the old segment cannot be cut back, nothing goes on", async (t) => {
  const directory = scratchDirectory(t);
  const active: Faults = {};
  const log = await openLog(directory, { files: faultyFiles(active) });
  active.sync = fails("EIO");
  active.cut = fails("EIO");
  assert.deepEqual(await log.append(auditEvent("no")), UNAVAILABLE);
  delete active.sync;
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(log.health().writable, false);
  delete active.cut;
  await eventually("the log is writable again", () => log.health().writable);
  await log.close();
  assert.equal((await verifyDirectory(directory)).damage, undefined);
});

test("a disk that never answers again: waiters are answered, and so is close", async (t) => {
  const directory = scratchDirectory(t);
  const active: Faults = {};
  const { wait, end } = hang();
  t.after(end);
  const log = await openLog(directory, { files: faultyFiles(active), writeDeadline: millis(300) });
  active.write = wait;
  assert.deepEqual(await log.append(auditEvent("no")), UNAVAILABLE);
  const began = performance.now();
  await log.close();
  assert.ok(performance.now() - began < 3_000);
});

test("a segment that is deleted under its writer is noticed within a second of writing", async (t) => {
  const directory = scratchDirectory(t);
  let skew = 0;
  const clock = { now: () => epochMillis(Date.now()), monotonic: () => millis(performance.now() + skew) };
  const log = await openLog(directory, { clock });
  assert.deepEqual(await log.append(auditEvent("lost")), OK);
  for (const file of await listSegments(directory)) rmSync(file);
  skew = 1_000;
  assert.deepEqual(await log.append(auditEvent("no")), UNAVAILABLE);
  await eventually("the log is writable again", () => log.health().writable);
  assert.deepEqual(await log.append(auditEvent("after")), OK);
  await log.close();
  const report = await verifyDirectory(directory);
  assert.deepEqual([report.damage, report.recoveries], [undefined, 1]);
  assert.match(report.continues ?? "", /^audit-00000001-/, "what is left names what is gone");
});

test("a disk that is full at the start: the log is there, refuses, and goes to work by itself", async (t) => {
  const directory = scratchDirectory(t);
  const active: Faults = { free: () => 0 };
  const log = await openLog(directory, { files: faultyFiles(active) });
  assert.deepEqual([log.health().refusing, log.health().problem?.code], [true, "disk_full"]);
  assert.deepEqual(await log.append(auditEvent("no")), UNAVAILABLE);
  delete active.free;
  await eventually("the log is writable", () => log.health().writable);
  assert.deepEqual(await log.append(auditEvent("yes")), OK);
  assert.deepEqual(await requestsOf(directory), ["yes"]);
});

test("blocking: waits for the record, and goes on without it; the record follows", async (t) => {
  const directory = scratchDirectory(t);
  const active: Faults = {};
  const log = await openLog(directory, { mode: "blocking", files: faultyFiles(active), writeDeadline: millis(300) });
  const { wait, end } = hang();
  active.sync = wait;
  const began = performance.now();
  assert.deepEqual(await log.append(auditEvent("1")), OK);
  assert.ok(performance.now() - began >= 250, "it waited");
  assert.deepEqual([log.health().writable, log.health().refusing], [false, false]);
  assert.deepEqual(await log.append(auditEvent("2")), OK);
  delete active.sync;
  end();
  await eventually("the log is writable again", () => log.health().writable);
  await log.close();
  assert.deepEqual(await requestsOf(directory), ["1", "2"]);
  const report = await verifyDirectory(directory);
  assert.deepEqual([report.damage, report.gaps, report.recoveries], [undefined, 0, 1]);
});

test("best_effort: never waits; what does not fit is counted, and the count recorded", async (t) => {
  const directory = scratchDirectory(t);
  const active: Faults = {};
  const outcomes: Record<string, number> = {};
  const log = await openLog(directory, {
    mode: "best_effort",
    files: faultyFiles(active),
    observer: { recorded: (outcome, count) => (outcomes[outcome] = (outcomes[outcome] ?? 0) + count), synced: () => 0 },
  });
  const { wait, end } = hang();
  active.write = wait;
  for (let index = 0; index < 10_000; index += 1) assert.deepEqual(await log.append(auditEvent(`${index}`)), OK);
  log.appendSoon(auditEvent("dropped"));
  delete active.write;
  end();
  await eventually("the gap is recorded", () => (outcomes["written"] ?? 0) > 8_192);
  await log.close();
  assert.deepEqual(
    await requestsOf(directory),
    Array.from({ length: 8_192 }, (_, index) => `${index}`),
  );
  const gap = (await recordsOf(directory)).find(({ kind }) => kind === "gap")?.detail;
  assert.deepEqual([gap?.["refused"], gap?.["dropped"], gap?.["unrecorded"]], [0, 1, 1_808]);
  assert.equal(outcomes["unrecorded"], 1_808);
  assert.equal((await verifyDirectory(directory)).damage, undefined);
});

test("strict: a queue that is full refuses at once", async (t) => {
  const directory = scratchDirectory(t);
  const active: Faults = {};
  const log = await openLog(directory, { files: faultyFiles(active) });
  const { wait, end } = hang();
  active.write = wait;
  const waiting = Array.from({ length: 8_192 }, (_, index) => log.append(auditEvent(`${index}`)));
  assert.deepEqual(await log.append(auditEvent("no")), UNAVAILABLE);
  delete active.write;
  end();
  assert.ok((await Promise.all(waiting)).every(({ ok }) => ok));
});
