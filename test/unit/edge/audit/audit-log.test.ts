import assert from "node:assert/strict";
import {
  appendFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { bytes, epochMillis, millis } from "../../../../router/core/base/quantity.ts";
import { type AuditLog, openAuditLog } from "../../../../router/edge/audit/audit-log.ts";
import { listSegments } from "../../../../router/edge/audit/read-segments.ts";
import { verifyLog } from "../../../../router/edge/audit/verify-log.ts";
import {
  auditEvent,
  eventually,
  type Faults,
  faultyFiles,
  logOptions,
  openLog,
  recordsOf,
  requestsOf,
  scratchDirectory,
  verifyDirectory,
} from "./log-fixture.ts";

const OK = { ok: true, value: undefined };
const UNAVAILABLE = { ok: false, problem: "audit_unavailable" };

test("trap 1.4: a log from its first record to its stop, and another behind it, in a segment and a stream of its own", async (t) => {
  const directory = scratchDirectory(t);
  for (const run of [1, 2]) {
    const log = await openLog(directory);
    assert.deepEqual(await log.append(auditEvent(`${run}a`)), OK);
    log.appendSoon(auditEvent(`${run}b`, { kind: "egress.end" }));
    assert.deepEqual(await log.append(auditEvent(`${run}c`)), OK);
    const { writable, refusing, problem, nearlyFull, records, segment, stream, ...health } = log.health();
    assert.deepEqual(
      [writable, refusing, problem, nearlyFull, records, segment],
      [true, false, undefined, false, 3, run],
    );
    assert.match(stream, /^[0-9a-f]{32}$/);
    await log.close();
    assert.ok(health.bytes < (await totalOf(directory)), "the stop record came after");
  }
  assert.deepEqual(await requestsOf(directory), ["1a", "1b", "1c", "2a", "2b", "2c"]);
  assert.deepEqual(
    (await recordsOf(directory)).map(({ kind, seq }) => `${kind} ${seq}`),
    [1, 2].flatMap(() => ["segment 0", "egress.decision 1", "egress.end 2", "egress.decision 3", "stop 4"]),
  );
  const { records, streams, stopped, damage } = await verifyDirectory(directory);
  assert.deepEqual([records, streams, stopped, damage], [10, 2, true, undefined]);
});

async function totalOf(directory: string): Promise<number> {
  return (await listSegments(directory)).reduce((sum, file) => sum + statSync(file).size, 0);
}

test("trap 1.4: INV-AUDIT-DURABLE: strict append resolves only after its record was written and synced", async (t) => {
  const directory = scratchDirectory(t);
  const faults: Faults = {};
  const log = await openLog(directory, { files: faultyFiles(faults) });
  const { promise, resolve } = Promise.withResolvers<void>();
  faults.sync = () => promise;
  let answered = false;
  const appended = log.append(auditEvent("1")).finally(() => (answered = true));
  const [file = ""] = await listSegments(directory);
  await eventually("the record is written", () => readFileSync(file, "utf8").includes('"request":"1"'));
  await new Promise((done) => setTimeout(done, 20));
  assert.equal(answered, false);
  resolve();
  assert.deepEqual(await appended, OK);
});

test("trap 1.4: many at once share a batch, and stay in order", async (t) => {
  const directory = scratchDirectory(t);
  const written: number[] = [];
  const log = await openLog(directory, {
    observer: {
      recorded: (outcome, count) => written.push(outcome === "written" ? count : Number.NaN),
      synced: () => 0,
    },
  });
  const names = Array.from({ length: 3_000 }, (_, index) => `${index}`);
  const all = await Promise.all(names.map((name) => log.append(auditEvent(name))));
  assert.ok(all.every(({ ok }) => ok));
  assert.deepEqual(await requestsOf(directory), names);
  assert.equal(
    written.reduce((sum, count) => sum + count, 0),
    3_000,
  );
  assert.ok(written.length < 10, `${written.length} batches`);
});

test("trap 1.5: rotation by size in a burst: every segment begins with its header, and the chain goes through", async (t) => {
  const directory = scratchDirectory(t);
  const log = await openLog(directory, { segmentBytes: bytes(4_000) });
  const names = Array.from({ length: 300 }, (_, index) => `${index}`);
  const appended: Promise<unknown>[] = [];
  // A wave of ten begins when the first of the wave before is durable: at least thirty batches, however slow the disk or the timers.
  for (let wave = 0; wave < names.length; wave += 10) {
    const results = names.slice(wave, wave + 10).map((name) => log.append(auditEvent(name)));
    appended.push(...results);
    await results[0];
  }
  for (const result of await Promise.all(appended)) assert.deepEqual(result, OK);
  await log.close();
  const files = await listSegments(directory);
  assert.ok(files.length > 5, `${files.length} segments`);
  for (const file of files) assert.match(readFileSync(file, "utf8"), /^\{"action":"begin"/);
  const requests = await requestsOf(directory);
  assert.deepEqual(new Set(requests), new Set(names));
  const report = await verifyDirectory(directory);
  assert.deepEqual([report.damage, report.streams, report.segments], [undefined, 1, files.length]);
});

test("rotation by age", async (t) => {
  const directory = scratchDirectory(t);
  let skew = 0;
  const clock = { now: () => epochMillis(0), monotonic: () => millis(performance.now() + skew) };
  const log = await openLog(directory, { segmentAge: millis(60_000), clock });
  await log.append(auditEvent("1"));
  skew = 60_000;
  await log.append(auditEvent("2"));
  assert.equal(log.health().segment, 2);
  assert.equal((await verifyDirectory(directory)).damage, undefined);
});

test("a clock that steps back an hour is a record of its own, and order stays that of seq", async (t) => {
  const directory = scratchDirectory(t);
  let skew = 0;
  const clock = { now: () => epochMillis(Date.now() + skew), monotonic: () => millis(performance.now()) };
  const log = await openLog(directory, { clock });
  await log.append(auditEvent("1", { time: clock.now() }));
  skew = -3_600_000;
  await log.append(auditEvent("2", { time: clock.now() }));
  await log.append(auditEvent("3", { time: clock.now() }));
  const records = await recordsOf(directory);
  assert.deepEqual(
    records.map(({ kind }) => kind),
    ["segment", "egress.decision", "clock", "egress.decision", "egress.decision"],
  );
  const step = Number(records[2]?.detail["milliseconds"]);
  assert.ok(Math.abs(step + 3_600_000) < 100, String(step));
  assert.ok((records[3]?.time ?? "") < (records[1]?.time ?? ""));
  assert.equal((await verifyDirectory(directory)).damage, undefined);
});

test("a time that is none does not stop the log", async (t) => {
  const directory = scratchDirectory(t);
  const log = await openLog(directory);
  for (const time of [Number.NaN, -1, 1e18, Number.POSITIVE_INFINITY]) {
    assert.deepEqual(await log.append(auditEvent("1", { time: epochMillis(time) })), OK);
  }
  assert.equal((await verifyDirectory(directory)).damage, undefined);
});

test("INV-AUDIT-ONE-WRITER: a second writer is refused while the first lives, and not afterwards", async (t) => {
  const directory = scratchDirectory(t);
  const first = await openLog(directory);
  const second = await openAuditLog(logOptions(directory));
  assert.deepEqual(second.ok ? undefined : second.problem.code, "locked");
  assert.deepEqual(await first.append(auditEvent("1")), OK);
  assert.equal((await listSegments(directory)).length, 1);
  await first.close();
  const third = await openLog(directory);
  assert.deepEqual(await third.append(auditEvent("2")), OK);
});

test("after close nothing is recorded, and closing again does nothing", async (t) => {
  const directory = scratchDirectory(t);
  const log = await openLog(directory);
  const last = log.append(auditEvent("1"));
  const closed = log.close();
  assert.deepEqual(await log.append(auditEvent("2")), UNAVAILABLE);
  log.appendSoon(auditEvent("3"));
  assert.deepEqual(await last, OK);
  await Promise.all([closed, log.close()]);
  assert.deepEqual(await requestsOf(directory), ["1"]);
  assert.equal((await verifyDirectory(directory)).stopped, true);
});

test("trap 1.5: half a line at the end is cut off, and the next stream says so", async (t) => {
  const directory = scratchDirectory(t);
  await (await openLog(directory)).close();
  const [file = ""] = await listSegments(directory);
  const { size } = statSync(file);
  appendFileSync(file, '{"action":"conn');
  assert.equal((await verifyDirectory(directory)).damage?.kind, "torn_tail");
  await (await openLog(directory)).close();
  const records = await recordsOf(directory);
  assert.deepEqual(
    records.map(({ kind }) => kind),
    ["segment", "stop", "segment", "recovery", "stop"],
  );
  const { leaf, ...finding } = records[3]?.detail ?? {};
  assert.deepEqual(finding, { damage: "torn_tail", file: file.slice(directory.length + 1), length: 15, offset: size });
  assert.match(String(leaf), /^[0-9a-f]{64}$/);
  const previous = records[2]?.detail["previous"] as { readonly ended: string } | undefined;
  assert.equal(previous?.ended, "torn");
  assert.equal(statSync(file).size, size);
  assert.deepEqual(
    [(await verifyDirectory(directory)).damage, (await verifyDirectory(directory)).recoveries],
    [undefined, 1],
  );
});

const damages: readonly [name: string, change: (text: string) => string, kind: string, line: number, seq: number][] = [
  ["an edited record", (text) => text.replace('"request":"2"', '"request":"9"'), "edited", 3, 1],
  ["a line of something else", (text) => text.replace(/\n/, "\nhello\n"), "malformed", 2, 0],
  ["a deleted record", (text) => text.split("\n").toSpliced(2, 1).join("\n"), "missing", 3, 1],
  ["nothing but a torn line", () => '{"action', "torn_tail", 1, -1],
  ["nothing", () => "", "torn_tail", 1, -1],
];

for (const [name, change, kind, line, seq] of damages) {
  test(`damage stays as it is, and the chain goes on from the last good record: ${name}`, async (t) => {
    const directory = scratchDirectory(t);
    const first = await openLog(directory);
    for (const request of ["1", "2", "3"]) await first.append(auditEvent(request));
    await first.close();
    const [file = ""] = await listSegments(directory);
    const damaged = change(readFileSync(file, "utf8"));
    writeFileSync(file, damaged);
    const second = await openLog(directory);
    assert.deepEqual(await second.append(auditEvent("4")), OK);
    await second.close();
    assert.equal(readFileSync(file, "utf8"), damaged);
    const [, newer = ""] = await listSegments(directory);
    const [header, recovery] = (await recordsOf(directory, newer)).map(({ detail }) => detail);
    const previous = header?.["previous"] as { ended: string; seq: number };
    assert.deepEqual([previous.ended, previous.seq], ["damaged", seq]);
    assert.deepEqual([recovery?.["damage"], recovery?.["line"]], [kind, line]);
    const report = await verifyDirectory(directory);
    assert.deepEqual([report.damage?.kind, report.damage?.place.line], [kind, line]);
    assert.equal((await verifyLog([newer])).damage, undefined);

    // Whoever then takes the damage away does not get rid of it.
    if (seq === -1) return;
    const good = damaged.split("\n").slice(0, seq + 1);
    writeFileSync(file, `${good.join("\n")}\n`);
    const { damage } = await verifyDirectory(directory);
    assert.deepEqual([damage?.kind, damage?.place.file], ["missing", newer]);
  });
}

test("what a crash left half made is removed; other files are left alone", async (t) => {
  const directory = scratchDirectory(t);
  const left = join(directory, `audit-00000001-${"a".repeat(32)}.jsonl.new`);
  const others = ["audit.jsonl", "notes.new", "checkpoint"].map((name) => join(directory, name));
  for (const path of [left, ...others]) writeFileSync(path, "x");
  const log = await openLog(directory);
  assert.deepEqual(
    [left, ...others].map((path) => existsSync(path)),
    [false, true, true, true],
  );
  assert.equal(log.health().segment, 1);
  assert.deepEqual(
    readdirSync(directory).filter((name) => name.endsWith(".new")),
    ["notes.new"],
  );
});

test("a segment that is renamed under its writer, as logrotate does, loses nothing", async (t) => {
  const directory = scratchDirectory(t);
  const log = await openLog(directory, { segmentBytes: bytes(1_500) });
  await log.append(auditEvent("1"));
  const [file = ""] = await listSegments(directory);
  renameSync(file, `${file}.1`);
  for (const request of ["2", "3", "4"]) assert.deepEqual(await log.append(auditEvent(request)), OK);
  await log.close();
  const report = await verifyLog([`${file}.1`, ...(await listSegments(directory))]);
  assert.deepEqual([report.damage, report.records > 6], [undefined, true]);
});

test("log_full: an alarm at 80 %, then strict refuses, and goes on once there is room", async (t) => {
  const directory = scratchDirectory(t);
  const said: string[] = [];
  const log = await openLog(directory, {
    segmentBytes: bytes(4_000),
    maximumBytes: bytes(40_000),
    onHealth: (health) =>
      said.push(`${health.nearlyFull ? "nearly full" : "room"} ${health.problem?.code ?? "writable"}`),
  });
  const accepted: string[] = [];
  while (log.health().writable) {
    const request = `${accepted.length}`;
    if ((await log.append(auditEvent(request))).ok) accepted.push(request);
  }
  assert.deepEqual(said, ["nearly full writable", "nearly full log_full"]);
  assert.ok((await totalOf(directory)) <= 40_000);
  assert.deepEqual(await requestsOf(directory), accepted);
  assert.deepEqual([log.health().refusing, await log.append(auditEvent("no"))], [true, UNAVAILABLE]);
  for (const file of (await listSegments(directory)).slice(0, 3)) rmSync(file);
  await eventually("there is room", () => log.health().writable);
  assert.deepEqual(await log.append(auditEvent("again")), OK);
  await log.close();
  assert.deepEqual(said.slice(2), ["room writable"]);
  const report = await verifyDirectory(directory);
  assert.deepEqual([report.damage, report.gaps, report.recoveries], [undefined, 1, 1]);
  assert.match(report.continues ?? "", /^audit-00000003-/);
});

/** A log on a clock that stands still until it is moved on, and how many batches it has written. */
async function clockedLog(
  t: TestContext,
  faults: Faults = {},
): Promise<{ readonly log: AuditLog; readonly batches: () => number; readonly move: (by: number) => void }> {
  let at = 1_000;
  let batches = 0;
  const log = await openLog(scratchDirectory(t), {
    clock: { now: () => epochMillis(1_700_000_000_000 + at), monotonic: () => millis(at) },
    observer: { recorded: () => undefined, synced: () => (batches += 1) },
    files: faultyFiles(faults),
  });
  return { log, batches: () => batches, move: (by) => (at += by) };
}

test("what nobody waits for has its own time, though a batch took along what came before it", async (t) => {
  const { log, batches, move } = await clockedLog(t);
  log.appendSoon(auditEvent("1"));
  move(15);
  assert.deepEqual(await log.append(auditEvent("2")), OK);
  assert.deepEqual([batches(), log.health().records], [1, 2]);
  log.appendSoon(auditEvent("3"));
  // The timer was that of the first one.
  await new Promise((done) => setTimeout(done, 60));
  assert.equal(batches(), 1);
  move(20);
  await eventually("the third is written", () => batches() === 2);
  assert.equal(log.health().records, 3);
});

test("what nobody waits for gets no batch of its own because it came while one was written", async (t) => {
  const faults: Faults = {};
  const { log, batches, move } = await clockedLog(t, faults);
  const { promise, resolve } = Promise.withResolvers<void>();
  faults.sync = () => promise;
  const first = log.append(auditEvent("1"));
  await new Promise((done) => setTimeout(done, 5));
  log.appendSoon(auditEvent("2"));
  resolve();
  assert.deepEqual(await first, OK);
  await new Promise((done) => setTimeout(done, 50));
  assert.equal(batches(), 1);
  assert.deepEqual(await log.append(auditEvent("3")), OK);
  assert.deepEqual([batches(), log.health().records], [2, 3]);
  log.appendSoon(auditEvent("4"));
  move(20);
  await eventually("the last is written", () => batches() === 3);
});

test("INV-AUDIT-DURABLE: with best effort too a record is written as soon as the batch before it", async (t) => {
  const faults: Faults = {};
  const directory = scratchDirectory(t);
  let batches = 0;
  const log = await openLog(directory, {
    mode: "best_effort",
    clock: { now: () => epochMillis(1_700_000_000_000), monotonic: () => millis(1_000) },
    observer: { recorded: () => undefined, synced: () => (batches += 1) },
    files: faultyFiles(faults),
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  faults.sync = () => promise;
  await log.append(auditEvent("1"));
  await new Promise((done) => setTimeout(done, 5));
  await log.append(auditEvent("2"));
  resolve();
  await eventually("both are written", () => batches === 2);
});

test("256 that nobody waits for are a batch before their time", async (t) => {
  const { log, batches } = await clockedLog(t);
  for (let index = 0; index < 256; index += 1) log.appendSoon(auditEvent(`${index}`));
  await eventually("they are written", () => batches() === 1);
  assert.equal(log.health().records, 256);
});
