import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { appendFileSync, copyFileSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { test } from "node:test";
import * as fc from "fast-check";
import { MAXIMUM_LINE_BYTES } from "../../../../router/core/audit/record.ts";
import { bytes } from "../../../../router/core/base/quantity.ts";
import { cursorFile } from "../../../../router/edge/audit/cursor-file.ts";
import { leafHash } from "../../../../router/edge/audit/leaf-hash.ts";
import { listSegments } from "../../../../router/edge/audit/read-segments.ts";
import { type BatchLimit, readBatch, type SegmentCursor } from "../../../../router/edge/audit/segment-cursor.ts";
import { auditEvent, openLog, scratchDirectory } from "./log-fixture.ts";

const ALL: BatchLimit = { records: 1_000, bytes: 10_000_000 };
const STREAM = "0123456789abcdef".repeat(2);

/** A segment of this number with these octets; returns its name. */
function segment(directory: string, number: number, content: string | Buffer, stream = STREAM): string {
  const name = `audit-${String(number).padStart(8, "0")}-${stream}.jsonl`;
  writeFileSync(join(directory, name), content);
  return name;
}

const line = (id: number | string): string => `{"id":"${id}"}`;
const content = (...ids: readonly (number | string)[]): string => ids.map((id) => `${line(id)}\n`).join("");

/** What one read gives, in short: ids, cursor as `segment:offset`, and what was passed over. */
async function read(
  directory: string,
  cursor: SegmentCursor | undefined,
  until?: SegmentCursor,
  limit = ALL,
): Promise<{ ids: string[]; at: string; full: boolean; skipped: string; problem: string | undefined }> {
  const batch = await readBatch(directory, cursor, limit, until);
  const { file = "", offset = 0 } = batch.cursor ?? {};
  return {
    ids: batch.lines.map((one) => String((JSON.parse(one.line) as { id: unknown }).id)),
    at: `${Number(file.slice(6, 14))}:${offset}`,
    full: batch.full,
    skipped: `${batch.skippedSegments} segments, ${batch.skippedLines} lines`,
    problem: batch.problem,
  };
}

const NOTHING = "0 segments, 0 lines";

test("a log is read byte for byte, with its leaves, over rotations, and only as far as it is durable", async (t) => {
  const directory = scratchDirectory(t);
  const log = await openLog(directory, { segmentBytes: bytes(2_000) });
  for (let index = 0; index < 20; index += 1) {
    await log.append(auditEvent(`r${index}`, { target: `\u{1f40c} "\\ é${index}` }));
  }
  const end = log.durableEnd();
  assert.ok(end);
  const until = { file: end.file, offset: end.bytes };
  // As if more had been written than is durable.
  appendFileSync(join(directory, end.file), content("not durable"));
  let cursor: SegmentCursor | undefined;
  let text = "";
  let leaf = "0".repeat(64);
  for (;;) {
    const batch = await readBatch(directory, cursor, { records: 7, bytes: 1_500 }, until);
    assert.deepEqual([batch.skippedSegments, batch.skippedLines, batch.problem], [0, 0, undefined]);
    for (const one of batch.lines) {
      assert.equal((JSON.parse(one.line) as { prev: string }).prev, leaf);
      const octets = Buffer.from(` ${one.line}`);
      assert.equal(one.leaf, leafHash(octets, 1, octets.length));
      leaf = one.leaf;
      text += `${one.line}\n`;
    }
    cursor = batch.cursor;
    if (batch.lines.length === 0) break;
  }
  assert.deepEqual(cursor, until);
  const files = await listSegments(directory);
  assert.ok(files.length > 3, "there were rotations");
  const whole = files.map((file) => readFileSync(file, "utf8")).join("");
  assert.equal(text, whole.slice(0, -content("not durable").length));
});

test("a batch ends at its limits, and holds one line at least", async (t) => {
  const directory = scratchDirectory(t);
  const name = segment(directory, 1, content(1, 2, 3, 4));
  const rows: readonly (readonly [limit: BatchLimit, ids: readonly string[], at: string, full: boolean])[] = [
    [{ records: 2, bytes: 1_000 }, ["1", "2"], "1:22", true],
    [{ records: 9, bytes: 22 }, ["1", "2"], "1:22", true],
    [{ records: 9, bytes: 32 }, ["1", "2"], "1:22", true],
    [{ records: 9, bytes: 1 }, ["1"], "1:11", true],
    [{ records: 4, bytes: 44 }, ["1", "2", "3", "4"], "1:44", false],
  ];
  for (const [limit, ids, at, full] of rows) {
    const found = await read(directory, undefined, undefined, limit);
    assert.deepEqual(found, { ids, at, full, skipped: NOTHING, problem: undefined });
  }
  segment(directory, 2, content(5));
  const across = await read(directory, { file: name, offset: 33 }, undefined, { records: 2, bytes: 1_000 });
  assert.deepEqual([across.ids, across.at], [["4", "5"], "2:11"]);
});

test("a segment in which nothing is left is left for the next one, so that its deletion is no loss", async (t) => {
  const directory = scratchDirectory(t);
  const one = segment(directory, 1, content(1));
  segment(directory, 2, content(2));
  const first = await read(directory, undefined, undefined, { records: 1, bytes: 1_000 });
  assert.deepEqual([first.ids, first.at, first.full], [["1"], "2:0", true]);
  rmSync(join(directory, one));
  const second = await read(directory, { file: one.replace("00000001", "00000002"), offset: 0 });
  assert.deepEqual(second, { ids: ["2"], at: "2:11", full: false, skipped: NOTHING, problem: undefined });
});

test("where segments are gone, reading goes on with the oldest later one, and says how many it passed over", async (t) => {
  const directory = scratchDirectory(t);
  const name = (number: number): string => `audit-${String(number).padStart(8, "0")}-${STREAM}.jsonl`;
  segment(directory, 4, content(4));
  segment(directory, 7, content(7));
  assert.deepEqual(await read(directory, { file: name(2), offset: 5 }), {
    ids: ["4", "7"],
    at: "7:11",
    full: false,
    skipped: "4 segments, 0 lines",
    problem: `2 segments before ${name(7)} are gone.`,
  });
  const again = await read(directory, { file: name(7), offset: 11 });
  assert.deepEqual(again, { ids: [], at: "7:11", full: false, skipped: NOTHING, problem: undefined });
});

test("where the directory is another log, it is read from its beginning: nothing of it is left out", async (t) => {
  const directory = scratchDirectory(t);
  const other = "f".repeat(32);
  segment(directory, 1, content(1), other);
  segment(directory, 2, content(2), other);
  for (const number of ["00000001", "00000002", "00000009"]) {
    const file = `audit-${number}-${STREAM}.jsonl`;
    const found = await read(directory, { file, offset: 3 });
    assert.deepEqual([found.ids, found.skipped], [["1", "2"], NOTHING]);
    assert.equal(found.problem, `${file} is not of this log, which is read from its beginning.`);
  }
});

test("a directory without segments has nothing, and a cursor stands", async (t) => {
  const directory = scratchDirectory(t);
  assert.deepEqual(await readBatch(directory, undefined, ALL, undefined), {
    lines: [],
    cursor: undefined,
    full: false,
    skippedSegments: 0,
    skippedLines: 0,
    problem: undefined,
  });
  const cursor = { file: `audit-00000001-${STREAM}.jsonl`, offset: 7 };
  assert.deepEqual((await readBatch(directory, cursor, ALL, undefined)).cursor, cursor);
});

test("nothing behind `until` is read, whatever is there", async (t) => {
  const directory = scratchDirectory(t);
  const one = segment(directory, 1, content(1, 2));
  const two = segment(directory, 2, content(3, 4));
  segment(directory, 3, content(5));
  const until = { file: two, offset: 11 };
  assert.deepEqual((await read(directory, undefined, until)).ids, ["1", "2", "3"]);
  assert.deepEqual((await read(directory, { file: one, offset: 11 }, until)).at, "2:11");
  assert.deepEqual((await read(directory, until, until)).ids, []);
  assert.deepEqual((await read(directory, { file: two, offset: 22 }, until)).at, "2:22");
  rmSync(join(directory, two));
  const gone = await read(directory, undefined, until);
  assert.deepEqual([gone.ids, gone.at], [["1", "2"], "1:22"]);
  const behind = await read(directory, { file: two.replace("00000002", "00000003"), offset: 0 }, until);
  assert.deepEqual([behind.ids, behind.at], [[], "3:0"]);
});

test("INV-EXPORT-DAMAGE: damage stops nothing: what is no line is passed over and counted", async (t) => {
  const last = `audit-00000002-${STREAM}.jsonl`;
  const big = `${"x".repeat(MAXIMUM_LINE_BYTES)}\n`;
  const longest = `{"id":"${"y".repeat(MAXIMUM_LINE_BYTES - 10)}"}\n`;
  assert.equal(longest.length, MAXIMUM_LINE_BYTES);
  const rows: readonly (readonly [what: string, first: string | Buffer, ids: readonly string[], skipped: string])[] = [
    ["empty", "", [], NOTHING],
    ["the longest line", content(1) + longest, ["1", "y".repeat(MAXIMUM_LINE_BYTES - 10)], NOTHING],
    ["a torn end", `${content(1)}{"id":`, ["1"], "0 segments, 1 lines"],
    [
      "a hole with a line behind it",
      `${content(1)}${"\0".repeat(5_000)}${content(2, 3)}`,
      ["1", "3"],
      "0 segments, 1 lines",
    ],
    ["a hole within a line", `${content(1)}{"id":${"\0".repeat(9)}}\n${content(2)}`, ["1", "2"], "0 segments, 1 lines"],
    ["a long hole", `${content(1)}${"\0".repeat(3_000_000)}${content(2)}`, ["1"], "1 segments, 0 lines"],
    ["nothing but a hole", "\0".repeat(400_000), [], "1 segments, 0 lines"],
    ["an over-long line", `${content(1)}${big}${content(2)}`, ["1"], "1 segments, 0 lines"],
    ["an over-long end", `${content(1)}${"x".repeat(MAXIMUM_LINE_BYTES)}`, ["1"], "1 segments, 0 lines"],
    ["junk", `${content(1)}junk\n\n\n]{\n${content(2)}`, ["1", "2"], "0 segments, 4 lines"],
    ["much junk", `${"junk\n".repeat(100_000)}${content(2)}`, ["2"], "0 segments, 100000 lines"],
    ["no UTF-8", Buffer.from(`${content(1)}{"id":"\xff"}\n${content(2)}`, "latin1"), ["1", "2"], "0 segments, 1 lines"],
    ["a byte order mark", `\ufeff${content(1, 2)}`, ["2"], "0 segments, 1 lines"],
  ];
  for (const [what, first, ids, skipped] of rows) {
    for (const limit of [ALL, { records: 1, bytes: 1 }]) {
      const directory = scratchDirectory(t);
      segment(directory, 1, first);
      segment(directory, 2, content("last"));
      const found: string[] = [];
      let [segments, lines] = [0, 0];
      let cursor: SegmentCursor | undefined;
      for (let rounds = 0; rounds < 20; rounds += 1) {
        const batch = await readBatch(directory, cursor, limit, { file: last, offset: content("last").length });
        found.push(...batch.lines.map((one) => (JSON.parse(one.line) as { id: string }).id));
        segments += batch.skippedSegments;
        lines += batch.skippedLines;
        cursor = batch.cursor;
      }
      assert.deepEqual(found, [...ids, "last"], what);
      assert.equal(`${segments} segments, ${lines} lines`, skipped, what);
      assert.deepEqual(cursor, { file: last, offset: content("last").length }, what);
    }
  }
});

test("damage in the segment that is being written is left behind at its durable end", async (t) => {
  const directory = scratchDirectory(t);
  const name = segment(directory, 1, `${"\0".repeat(300_000)}\n`);
  const offset = 300_001;
  const damaged = await read(directory, undefined, { file: name, offset });
  assert.deepEqual([damaged.ids, damaged.at, damaged.skipped], [[], `1:${offset}`, "1 segments, 0 lines"]);
  appendFileSync(join(directory, name), content(1));
  const after = await read(directory, { file: name, offset }, { file: name, offset: offset + 11 });
  assert.deepEqual(after, { ids: ["1"], at: `1:${offset + 11}`, full: false, skipped: NOTHING, problem: undefined });
});

test("half a line at the end of the last segment is awaited", async (t) => {
  const directory = scratchDirectory(t);
  const name = segment(directory, 1, `${content(1)}{"id":`);
  const first = await read(directory, undefined);
  assert.deepEqual([first.ids, first.at, first.skipped], [["1"], "1:11", NOTHING]);
  appendFileSync(join(directory, name), `"2"}\n`);
  assert.deepEqual((await read(directory, { file: name, offset: 11 })).ids, ["2"]);
});

test("a cursor beyond its segment's end goes on there; one within a line goes on behind it", async (t) => {
  const directory = scratchDirectory(t);
  const name = segment(directory, 1, content(1, 2, 3));
  const beyond = await read(directory, { file: name, offset: 999 });
  assert.deepEqual([beyond.ids, beyond.at], [[], "1:33"]);
  assert.equal(beyond.problem, `${name} ends before the cursor; reading goes on at its end.`);
  const within = await read(directory, { file: name, offset: 13 });
  assert.deepEqual([within.ids, within.at], [["3"], "1:33"]);
  assert.equal(within.problem, `The cursor is inside a line of ${name}; reading goes on behind it.`);
  truncateSync(join(directory, name), 11);
  assert.deepEqual((await read(directory, { file: name, offset: 33 })).at, "1:11");
  const later = segment(directory, 2, content(4));
  assert.deepEqual((await read(directory, { file: name, offset: 33 })).ids, ["4"]);
  assert.deepEqual((await read(directory, { file: name, offset: 2 })).ids, ["4"]);
  assert.deepEqual((await read(directory, { file: later, offset: 2 ** 53 })).at, "2:11");
});

test("what is no file under a segment's name is passed over; what cannot be read now is an error", async (t) => {
  const directory = scratchDirectory(t);
  mkdirSync(join(directory, segment(directory, 1, "").replace("00000001", "00000002")));
  execFileSync("mkfifo", [join(directory, `audit-00000003-${STREAM}.jsonl`)]);
  segment(directory, 4, content(4));
  const found = await read(directory, undefined);
  assert.deepEqual([found.ids, found.skipped], [["4"], "2 segments, 0 lines"]);
  for (const number of ["00000002", "00000003"]) {
    const file = `audit-${number}-${STREAM}.jsonl`;
    const current = await read(directory, { file, offset: 0 }, { file, offset: 9 });
    assert.deepEqual([current.ids, current.at, current.skipped], [[], `${Number(number)}:9`, "1 segments, 0 lines"]);
    assert.equal(current.problem, `${file} cannot be read: EISDIR.`);
  }
  await assert.rejects(readBatch(join(directory, "gone"), undefined, ALL, undefined), { code: "ENOENT" });
  const gone = { file: `audit-00000009-${STREAM}.jsonl`, offset: 0 };
  await assert.rejects(readBatch(directory, gone, ALL, { ...gone, offset: 5 }), { code: "ENOENT" });
});

test("whatever is in a segment, reading ends, goes forward, and gives each whole object once", async (t) => {
  const directory = scratchDirectory(t);
  const part = fc.oneof(
    fc.nat(99).map((id) => content(id)),
    fc.constantFrom("\n", "{", "}", "\0", "junk\n", '{"id":"x"', "\xff\n", "x".repeat(70_000), "\0".repeat(70_000)),
  );
  const parts = fc.array(part, { maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(parts, parts, fc.integer({ min: 1, max: 40 }), async (one, two, size) => {
      segment(directory, 1, Buffer.from(one.join(""), "latin1"));
      const last = segment(directory, 2, Buffer.from(`${two.join("")}\n`, "latin1"));
      const until = { file: last, offset: two.join("").length + 1 };
      const gather = async (limit: BatchLimit): Promise<string[]> => {
        const found: string[] = [];
        let cursor: SegmentCursor | undefined;
        for (let rounds = 0; rounds < 60; rounds += 1) {
          const batch: Awaited<ReturnType<typeof readBatch>> = await readBatch(directory, cursor, limit, until);
          found.push(...batch.lines.map((each) => each.line));
          cursor = batch.cursor;
        }
        assert.deepEqual(cursor, until);
        return found;
      };
      assert.deepEqual(await gather({ records: 3, bytes: size }), await gather(ALL));
    }),
    { numRuns: 25 },
  );
});

test("a cursor comes back as it was kept; what is none is none", async (t) => {
  const directory = scratchDirectory(t);
  const kept = cursorFile(directory, "siem");
  assert.equal(await kept.load(), undefined);
  const cursor = { file: segment(directory, 3, ""), offset: 4_711 };
  await kept.save({ ...cursor, offset: 1 });
  await kept.save(cursor);
  assert.deepEqual(await kept.load(), cursor);
  assert.equal(await cursorFile(directory, "other").load(), undefined);
  const path = join(directory, "export-siem.json");
  assert.equal(readFileSync(path, "utf8"), `{"file":"${basename(cursor.file)}","format":1,"offset":4711}\n`);
  const good = readFileSync(path, "utf8");
  const bad = [
    "",
    "{}",
    good.slice(0, 30),
    `${good}x`,
    good.replace("4711", "-1"),
    good.replace("4711", "9007199254740993"),
    good.replace("audit-", "../../etc/audit-"),
    good.replace("1,", "2,"),
    "\0".repeat(4_000),
  ];
  for (const text of bad) {
    writeFileSync(path, text);
    assert.equal(await kept.load(), undefined, text);
  }
  for (const name of ["", "../x", "A", "a_b", "-", "a".repeat(64)]) {
    assert.throws(() => cursorFile(directory, name), /no name for a cursor/);
  }
  copyFileSync(path, join(directory, "elsewhere"));
  rmSync(path);
  execFileSync("ln", ["-s", "elsewhere", path]);
  await assert.rejects(kept.load(), { code: "ELOOP" });
});
