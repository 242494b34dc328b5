import assert from "node:assert/strict";
import { test } from "node:test";
import type { ChainReport } from "../../../../router/core/audit/chain-report.ts";
import { ChainFixture, verifyBytes, verifyLines } from "./chain-fixture.ts";

/** Two segments of stream a, then a restart as stream b. */
const log = (): string[][] => new ChainFixture(["a", "xyz"], ["a", "xy."], ["b", "xyz."]).files;

/** `file:line kind seq`, or `intact records`. */
function said(report: ChainReport): string {
  const { damage } = report;
  return damage === undefined
    ? `intact ${report.records}`
    : `${damage.place.file}:${damage.place.line} ${damage.kind} ${damage.seq}`;
}

function line(files: string[][], file: number, number: number): string {
  return files[file - 1]?.[number - 1] ?? assert.fail("no such line");
}

/** Replaces `count` lines, from line `number` of a file, by others. */
function splice(file: number, number: number, count: number, ...others: string[]): (files: string[][]) => void {
  return (files) => void files[file - 1]?.splice(number - 1, count, ...others);
}

const other = new ChainFixture(["c", "xyz"], ["c", "xyz"], ["c", "xyz"], ["c", "xyz"], ["c", "xyz"]).files;
const twin = new ChainFixture(["d", "xyz"], ["d", "xy."], ["e", "xyz."]).files;

const rows: readonly [name: string, change: (files: string[][]) => void, said: string][] = [
  ["as it was written", () => undefined, "intact 13"],
  ["nothing at all", (files) => files.splice(0), "intact 0"],
  ["the first segment taken away", (files) => files.splice(0, 1), "intact 9"],
  ["all but the last segment taken away", (files) => files.splice(0, 2), "intact 5"],
  ["a segment in the middle taken away", (files) => files.splice(1, 1), "2:1 missing 0"],
  ["two segments swapped", (files) => files.splice(0, 2, files[1] ?? [], files[0] ?? []), "2:1 reordered 0"],
  ["the last two segments swapped", (files) => files.splice(1, 2, files[2] ?? [], files[1] ?? []), "2:1 reordered 0"],
  ["a segment twice", (files) => files.splice(1, 0, files[0] ?? []), "2:1 duplicate 0"],
  ["the last segment twice", (files) => files.push(files[2] ?? []), "4:1 duplicate 0"],
  ["an older segment again at the end", (files) => files.push(files[1] ?? []), "4:1 foreign_stream 4"],
  ["one file of all lines", (files) => files.splice(0, 3, files.flat()), "intact 13"],
  [
    "a file cut in two",
    (files) => files.splice(0, 1, files[0]?.slice(0, 2) ?? [], files[0]?.slice(2) ?? []),
    "intact 13",
  ],

  ["the first record missing", splice(1, 1, 1), "1:1 missing 1"],
  ["a record missing", splice(1, 3, 1), "1:3 missing 3"],
  ["three records missing", splice(3, 2, 3), "3:2 missing 4"],
  ["the last record of a segment missing", splice(1, 4, 1), "2:1 missing 4"],
  ["the last record before a restart missing", splice(2, 4, 1), "3:1 missing 0"],
  ["the first record of a segment missing", splice(2, 1, 1), "2:1 missing 5"],
  ["the first record after a restart missing", splice(3, 1, 1), "3:1 foreign_stream 1"],
  ["the last record missing: nothing shows it", splice(3, 5, 1), "intact 12"],
  ["the last segment emptied", splice(3, 1, 5), "3:1 torn_tail null"],

  [
    "trap 1.4: two records swapped",
    (files) => splice(1, 2, 2, line(files, 1, 3), line(files, 1, 2))(files),
    "1:2 reordered 2",
  ],
  ["a record moved far on", (files) => files[1]?.push(files[0]?.splice(2, 1)[0] ?? ""), "1:3 reordered 3"],
  ["a record moved far back", (files) => files[0]?.splice(1, 0, files[1]?.splice(2, 1)[0] ?? ""), "1:2 reordered 6"],
  ["trap 1.5: a record twice", (files) => splice(1, 3, 0, line(files, 1, 3))(files), "1:4 duplicate 2"],
  ["a record again, later", (files) => splice(2, 3, 0, line(files, 1, 3))(files), "2:3 duplicate 2"],
  [
    "trap 1.5: a record again, after a restart",
    (files) => splice(3, 3, 0, line(files, 1, 3))(files),
    "3:3 foreign_stream 2",
  ],

  ["a record of another pod right behind the first", splice(1, 2, 0, line(other, 1, 2)), "1:2 foreign_stream 1"],
  ["a record of another pod", splice(1, 3, 0, line(other, 1, 3)), "1:3 foreign_stream 2"],
  ["a record of another pod in place of its own", splice(1, 3, 1, line(other, 1, 3)), "1:3 foreign_stream 2"],
  ["two logs, spliced", splice(2, 1, 4, ...(twin[1] ?? [])), "2:1 foreign_stream 4"],
  ["a segment of another pod's log behind", (files) => files.push(other[2] ?? []), "4:1 foreign_stream 8"],
  ["another pod's log behind", (files) => files.push(other[0] ?? []), "4:1 foreign_stream 0"],
  ["trap 1.5: a chain that begins again", (files) => files.splice(1, 2, ...twin), "2:1 foreign_stream 0"],

  ["an empty line", splice(1, 2, 0, ""), "1:2 malformed null"],
  ["a line of something else", splice(2, 3, 0, '{"level":30}'), "2:3 malformed null"],
  ["a carriage return", (files) => splice(1, 2, 1, `${line(files, 1, 2)}\r`)(files), "1:2 not_canonical null"],
  ["a record edited", (files) => splice(1, 3, 1, line(files, 1, 3).replace('"y"', '"z"'))(files), "1:3 edited 2"],
  [
    "the first record edited",
    (files) => splice(1, 1, 1, line(files, 1, 1).replace(".000Z", ".001Z"))(files),
    "1:1 edited 0",
  ],
  [
    "the last record of a segment edited",
    (files) => splice(1, 4, 1, line(files, 1, 4).replace('"z"', '"y"'))(files),
    "1:4 edited 3",
  ],
  [
    "the last record before a restart edited",
    (files) => splice(2, 4, 1, line(files, 2, 4).replace(".000Z", ".001Z"))(files),
    "2:4 edited 7",
  ],
  [
    "a whole prev replaced",
    (files) => splice(1, 3, 1, line(files, 1, 3).replace(/"prev":"[^"]*"/, `"prev":"${"0".repeat(64)}"`))(files),
    "1:3 edited 2",
  ],
  [
    "the last record edited: nothing shows it",
    (files) => splice(3, 5, 1, line(files, 3, 5).replace(".000Z", ".001Z"))(files),
    "intact 13",
  ],
  [
    "a restart made to look like the beginning",
    (files) => splice(3, 1, 1, line(new ChainFixture(["b", ""]).files, 1, 1))(files),
    "3:1 foreign_stream 0",
  ],
];

for (const [name, change, expected] of rows) {
  test(`INV-AUDIT-CHAIN: ${name}`, () => {
    const files = log();
    change(files);
    assert.equal(said(verifyLines(files)), expected);
  });
}

test("the report of an intact chain", () => {
  const report = verifyLines(log());
  assert.deepEqual(
    { ...report, first: report.first?.seq, last: report.last?.seq },
    {
      records: 13,
      segments: 3,
      streams: 2,
      first: 0,
      last: 4,
      continues: undefined,
      stopped: true,
      gaps: 0,
      recoveries: 0,
      heads: [],
      extents: [],
      damage: undefined,
    },
  );
  assert.equal(verifyLines(log().slice(1)).continues, "1");
  assert.equal(verifyLines(log().slice(0, 1)).stopped, false);
});

test("the report counts what is intact before the damage, and not the record that was changed", () => {
  const files = log();
  splice(2, 2, 1, line(files, 2, 2).replace('"x"', '"y"'))(files);
  const { records, segments, last } = verifyLines(files);
  assert.deepEqual({ records, segments, last: last?.seq }, { records: 5, segments: 2, last: 4 });
});

test("INV-AUDIT-BIT: one flipped bit anywhere names its own line", () => {
  const files = new ChainFixture(["a", "xy"], ["a", ""], ["b", "x."]).files;
  const bytes = files.map((lines) => Buffer.from(lines.map((text) => `${text}\n`).join("")));
  const lastLine = Buffer.byteLength(files[2]?.slice(0, 2).join("\n") ?? "") + 1;
  for (const [index, file] of bytes.entries()) {
    for (let offset = 0; offset < file.length; offset += 1) {
      const number = file.subarray(0, offset).filter((octet) => octet === 0x0a).length + 1;
      for (let bit = 0; bit < 8; bit += 1) {
        const flipped = Buffer.from(file);
        flipped[offset] = (flipped[offset] ?? 0) ^ (1 << bit);
        const { damage } = verifyBytes(bytes.with(index, flipped));
        // A change of the last record that leaves it a record is what a chain cannot show.
        if (damage === undefined && index === 2 && offset >= lastLine) continue;
        assert.deepEqual([damage?.place.file, damage?.place.line], [`${index + 1}`, number], `${offset}.${bit}`);
      }
    }
  }
});

test("INV-AUDIT-CUT: a cut at any octet is found, except where it leaves whole records at the very end", () => {
  const bytes = log().map((lines) => Buffer.from(lines.map((text) => `${text}\n`).join("")));
  for (const [index, file] of bytes.entries()) {
    for (let length = 0; length < file.length; length += 1) {
      const report = verifyBytes(bytes.with(index, file.subarray(0, length)));
      const isBorder = file[length - 1] === 0x0a;
      if (!isBorder) assert.equal(report.damage?.kind, "torn_tail");
      else if (index < 2) assert.equal(report.damage?.kind, "missing");
      else assert.deepEqual([report.damage, report.stopped], [undefined, false]);
    }
  }
});
