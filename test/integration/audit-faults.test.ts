import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { test } from "node:test";
import { bytes, epochMillis, millis } from "../../router/core/base/quantity.ts";
import { listSegments } from "../../router/edge/audit/read-segments.ts";
import { auditRecords } from "../fakes/audit-records.ts";
import { uncovered, verifyPrinted } from "../fakes/printed-heads.ts";
import { startSidecar } from "../fakes/sidecar.ts";
import { sidecarStarts } from "../fakes/sidecar-starts.ts";
import { tokenLoad } from "../fakes/token-load.ts";
import { tokenOrigin, tokenRules } from "../fakes/token-origin.ts";
import {
  auditEvent,
  checkpointOptions,
  errno,
  eventually,
  type Faults,
  faultyFiles,
  openLog,
  recordsOf,
  requestsOf,
  scratchDirectory,
} from "../unit/edge/audit/log-fixture.ts";

const HOUR = 3_600_000;
const settings = ["limits: { drain: 200ms }"];

/** A checkpoint as the sidecar prints it. */
const printedLine = (note: string): string => `${JSON.stringify({ checkpoint: note })}\n`;

test("INV-AUDIT-ONE-WRITER: a second sidecar on the directory ends with 69 and one sentence, until the first was killed", async (t) => {
  await using origin = await tokenOrigin();
  await using starts = await sidecarStarts({ ...tokenRules(origin.port), settings });
  const first = starts.start();
  assert.ok(await first.listening());
  await using load = tokenLoad(starts.port, origin.port, 4);
  const before = readdirSync(starts.auditDirectory);
  for (let attempt = 0; attempt < 2; attempt += 1) {
    const second = starts.start();
    assert.equal(await second.exited, 69);
    const said = second.output().trimEnd().split("\n");
    const sentence = `Another writer holds ${starts.auditDirectory}.`;
    assert.deepEqual(
      said.filter((line) => !line.startsWith("{")),
      [`sluice: ${starts.auditDirectory}: ${sentence}`],
    );
    assert.ok(
      said.every((line) => line.includes(sentence)),
      second.output(),
    );
  }
  const segments = (names: readonly string[]): string[] => names.filter((name) => name.endsWith(".jsonl"));
  assert.deepEqual(segments(readdirSync(starts.auditDirectory)), segments(before));
  const answered = load.answered.size;
  await eventually("the first goes on", () => load.answered.size > answered + 20);
  first.child.kill("SIGKILL");
  await first.exited;
  await load.stop();
  assert.deepEqual(load.refused.get("audit_unavailable"), undefined);
  const third = starts.start();
  assert.ok(await third.listening(), third.output());
  await eventually("it says so", () => third.output().includes('"listening"'));
  third.child.kill("SIGTERM");
  assert.equal(await third.exited, 0);
  const verdict = await verifyPrinted(starts.output(), starts.auditDirectory);
  assert.deepEqual([verdict.exit, uncovered(verdict), verdict.report?.streams], [0, [], 3]);
  t.diagnostic(`${load.answered.size} requests answered meanwhile`);
});

const clocks: readonly [name: string, wall: (real: number) => number, steps: readonly (number | null)[]][] = [
  ["back by an hour", (real) => real - HOUR, [-HOUR, HOUR]],
  ["forward by a year", (real) => real + 8_760 * HOUR, [8_760 * HOUR, -8_760 * HOUR]],
  ["before 1970", () => -1, []],
  ["to the end of time", () => Number.MAX_VALUE, []],
  ["to nothing at all", () => Number.NaN, []],
  ["to minus infinity", () => Number.NEGATIVE_INFINITY, []],
];

for (const [name, wall, steps] of clocks) {
  test(`INV-AUDIT-CLOCK: a clock that is set ${name} and back costs no record, no order and no head`, async (t) => {
    const directory = scratchDirectory(t);
    const log = join(directory, "log");
    const active: Faults = {};
    const heads: string[] = [];
    let isWrong = false;
    const clock = {
      now: () => epochMillis(isWrong ? wall(Date.now()) : Date.now()),
      monotonic: () => millis(performance.now()),
    };
    const writer = await openLog(log, {
      clock,
      files: faultyFiles(active),
      segmentBytes: bytes(3_000),
      checkpoints: checkpointOptions({ records: 4, publish: ({ note }) => heads.push(note) }),
    });
    await writer.append({ ...auditEvent("s"), kind: "start", detail: { key: writer.identity.key } });
    const wanted: string[] = [];
    const write = async (round: string): Promise<void> => {
      for (let index = 0; index < 12; index += 1) {
        wanted.push(`${round}${index}`);
        const recorded = await writer.append(auditEvent(`${round}${index}`, { time: clock.now() }));
        assert.ok(recorded.ok);
      }
    };
    await write("a");
    isWrong = true;
    await write("b");
    // An outage while the clock is wrong: what is lost is counted, and the count has a time.
    active.write = () => {
      throw errno("EIO");
    };
    assert.equal((await writer.append(auditEvent("no"))).ok, false);
    delete active.write;
    await eventually("it is written again", () => writer.health().writable);
    await write("c");
    isWrong = false;
    await write("d");
    await writer.close();

    assert.deepEqual(await requestsOf(log), wanted);
    const records = await recordsOf(log);
    assert.deepEqual(
      records.map(({ seq }) => seq),
      records.map((_, index) => index),
    );
    assert.ok(records.every(({ time }) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(time)));
    const told = records.filter(({ kind }) => kind === "clock").map(({ detail }) => Number(detail["milliseconds"]));
    if (steps.length > 0)
      assert.deepEqual(
        told.map((step) => Math.round(step / 1_000) * 1_000),
        steps,
      );
    assert.ok(told.length <= 4, `once for each step and not for each batch: ${told.join(" ")}`);
    assert.equal(records.filter(({ kind }) => kind === "gap").length, 1);
    const names = (await listSegments(log)).map((file) => basename(file));
    assert.ok(names.length > 8);
    assert.deepEqual(names, names.toSorted());
    const verdict = await verifyPrinted(heads.map(printedLine).join(""), log);
    assert.deepEqual([verdict.exit, verdict.report?.damage, uncovered(verdict)], [4, undefined, []]);
    assert.ok(heads.length > names.length);
  });
}

test("INV-AUDIT-ROTATED: 5,000 records, 256 at a time, over tiny segments: each there once, with its chain and its heads", async (t) => {
  const directory = scratchDirectory(t);
  const log = join(directory, "log");
  const heads: string[] = [];
  const writer = await openLog(log, {
    segmentBytes: bytes(1),
    checkpoints: checkpointOptions({ records: 100, publish: ({ note }) => heads.push(note) }),
  });
  await writer.append({ ...auditEvent("s"), kind: "start", detail: { key: writer.identity.key } });
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < 5_000) {
      const request = `${next}`;
      next += 1;
      assert.ok((await writer.append(auditEvent(request))).ok);
      if (next % 7 === 0) writer.appendSoon(auditEvent(`end-${request}`, { kind: "egress.end" }));
    }
  };
  await Promise.all(Array.from({ length: 256 }, lane));
  await writer.close();
  const requests = await requestsOf(log);
  assert.equal(new Set(requests).size, requests.length);
  const decided = requests.filter((request) => request?.startsWith("end-") !== true).map(Number);
  assert.deepEqual(
    decided.toSorted((one, other) => one - other),
    Array.from({ length: 5_000 }, (_, index) => index),
  );
  const verdict = await verifyPrinted(heads.map(printedLine).join(""), log);
  assert.deepEqual([verdict.exit, uncovered(verdict)], [0, []]);
  const segments = verdict.report?.segments ?? 0;
  assert.ok(segments >= 20 && verdict.anchors?.at(-1)?.records === verdict.report?.records);
  t.diagnostic(`${requests.length} records, ${segments} segments, ${heads.length} heads`);
});

test("INV-AUDIT-ROTATED: mv takes the segment of a sidecar under load: nothing is refused, and all of it verifies", async () => {
  await using origin = await tokenOrigin();
  await using sidecar = await startSidecar({
    ...tokenRules(origin.port),
    audit: ["checkpoint: { records: 50, interval: 20ms }"],
    settings,
  });
  const rotated = join(sidecar.directory, "rotated");
  mkdirSync(rotated);
  await using load = tokenLoad(sidecar.port, origin.port, 8);
  const moved: string[] = [];
  for (let round = 0; round < 3; round += 1) {
    const answered = load.answered.size;
    await eventually("there is something to rotate", () => load.answered.size > answered + 30);
    const [segment = ""] = await listSegments(sidecar.auditDirectory);
    const archived = join(rotated, `audit.log.${round}`);
    assert.equal(spawnSync("mv", [segment, archived]).status, 0);
    moved.push(archived);
    let now: string[] = [];
    const seen = async (): Promise<void> => void (now = await listSegments(sidecar.auditDirectory));
    for (let tries = 0; tries < 300 && now.length === 0; tries += 1) {
      await seen();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    assert.deepEqual([now.length, now.includes(segment)], [1, false], "it goes on in another segment");
  }
  await load.stop();
  sidecar.child.kill("SIGTERM");
  assert.equal(await sidecar.exited(), 0);
  assert.deepEqual([...load.refused], []);
  const segments = await listSegments(sidecar.auditDirectory);
  const verdict = await verifyPrinted(sidecar.output(), ...moved, ...segments);
  assert.deepEqual([verdict.exit, verdict.report?.damage, uncovered(verdict)], [0, undefined, []]);
  assert.deepEqual([verdict.report?.segments, verdict.report?.stopped], [4, true]);
  const recorded = new Set(
    [...moved, ...segments].flatMap((file) =>
      [...readFileSync(file, "utf8").matchAll(/"trace":"([0-9a-f]{32})"[^\n]*"kind":"egress\.decision"/g)].map(
        ([, trace]) => trace,
      ),
    ),
  );
  assert.deepEqual(
    [...origin.tokens].filter((token) => !recorded.has(token)),
    [],
  );
});

test("INV-AUDIT-ROTATED: copytruncate on a sidecar under load is refused for a moment, and verify names the file", async (t) => {
  await using origin = await tokenOrigin();
  await using sidecar = await startSidecar({
    ...tokenRules(origin.port),
    audit: ["checkpoint: { records: 50, interval: 20ms }"],
    settings,
  });
  await using load = tokenLoad(sidecar.port, origin.port, 8);
  await eventually("there is something to rotate", () => load.answered.size > 50);
  const [segment = ""] = await listSegments(sidecar.auditDirectory);
  const copy = join(sidecar.directory, "audit.log.1");
  assert.equal(spawnSync("cp", [segment, copy]).status, 0);
  assert.equal(spawnSync("truncate", ["-s", "0", segment]).status, 0);
  await eventually("it is noticed", () => (load.refused.get("audit_unavailable") ?? 0) > 0);
  const answered = load.answered.size;
  await eventually("it goes on", () => load.answered.size > answered + 20);
  await load.stop();
  sidecar.child.kill("SIGTERM");
  assert.equal(await sidecar.exited(), 0);
  assert.deepEqual([...load.refused.keys()], ["audit_unavailable"]);
  const segments = await listSegments(sidecar.auditDirectory);
  assert.equal(segments.length, 2);
  const verdict = await verifyPrinted(sidecar.output(), sidecar.auditDirectory);
  assert.ok(verdict.exit !== 0 && verdict.exit !== 4, `exit ${verdict.exit}`);
  assert.equal(verdict.report?.damage?.place.file, segment);
  const kinds = auditRecords(sidecar.auditDirectory).map(({ kind }) => kind);
  assert.ok(kinds.includes("gap") && kinds.includes("recovery"));
  t.diagnostic(`${verdict.report?.damage?.kind}: ${verdict.report?.damage?.sentence}; exit ${verdict.exit}`);
});
