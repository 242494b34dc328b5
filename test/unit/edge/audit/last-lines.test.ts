import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { test } from "node:test";
import { MAXIMUM_LINE_BYTES } from "../../../../router/core/audit/record.ts";
import { findLastLines } from "../../../../router/edge/audit/last-lines.ts";
import { scratchDirectory } from "./log-fixture.ts";

const NEVER = new AbortController().signal;
const BLOCK = 65_536;

/** Where the lines begin that hold an `x`, by reading forward; and where the last whole line ends. */
function wantedPlaces(content: string): { places: number[]; end: number } {
  const places: number[] = [];
  let offset = 0;
  for (const line of content.split("\n").slice(0, -1)) {
    if (line.includes("x") && line.length < MAXIMUM_LINE_BYTES) places.push(offset);
    offset += line.length + 1;
  }
  return { places, end: offset };
}

const line = (length: number, mark = "x"): string => `${mark}${"-".repeat(length - 1)}`;
const many = (count: number, length: (index: number) => number): string =>
  Array.from({ length: count }, (_, index) => `${line(length(index), index % 3 === 0 ? "x" : "y")}\n`).join("");

const rows: readonly (readonly [name: string, content: string])[] = [
  ["nothing", ""],
  ["half a line", "x"],
  ["a line", "x\n"],
  ["empty lines", "\n\nx\n\n"],
  ["half a line behind a line", "x\nx"],
  ["short lines over many blocks", many(40_000, (index) => 1 + (index % 9))],
  ["lines of all lengths", many(60, (index) => ((index * 7_919) % 30_000) + 1)],
  ["lines that end with their block", many(9, () => BLOCK - 1)],
  ["lines one longer than a block", many(9, () => BLOCK)],
  ["the longest lines", many(6, () => MAXIMUM_LINE_BYTES - 1)],
  ["lines one too long", `x\n${many(6, () => MAXIMUM_LINE_BYTES)}x\n`],
  ["lines much too long, at the end", `x\ny\n${many(4, () => 3 * MAXIMUM_LINE_BYTES)}`],
  ["half a line much too long", `x\ny\nx\n${line(3 * MAXIMUM_LINE_BYTES)}`],
  ["a first line that is too long", `${line(2 * MAXIMUM_LINE_BYTES)}\nx\n`],
];
for (const [name, content] of rows) {
  test(`findLastLines: ${name}`, async (t) => {
    const file = join(scratchDirectory(t), "x");
    writeFileSync(file, content);
    const { places, end } = wantedPlaces(content);
    for (const count of [1, 2, 3, 7, places.length, places.length + 1]) {
      const found = await findLastLines([file], count, (text) => text.startsWith("x"), NEVER);
      if (places.length > 0 && count > 0)
        assert.deepEqual(found, { file, offset: places.at(-count) ?? places[0] }, `${count}`);
    }
    const none = await findLastLines([file], 1, () => false, NEVER);
    assert.equal(none?.file, file);
    // Behind the last whole line, unless that one is too long to be looked at.
    if (!content.endsWith("-\n") || !name.includes("too long")) assert.equal(none.offset, end);
    assert.deepEqual(await findLastLines([file], 0, () => assert.fail("asked"), NEVER), none);
  });
}

test("findLastLines: goes back over files, and no further than it must; what is gone or no file is passed over", async (t) => {
  const directory = scratchDirectory(t);
  const files = ["1", "2", "3", "gone", "fifo"].map((name) => join(directory, name));
  const [one = "", two = "", three = "", , fifo = ""] = files;
  execFileSync("mkfifo", [fifo]);
  writeFileSync(one, "x\nx\n");
  writeFileSync(two, "x1\ny\nx2\n");
  writeFileSync(three, "y\ny\n");
  const asked: string[] = [];
  const find = async (count: number): Promise<string> => {
    const found = await findLastLines(files, count, (text) => asked.push(text) > 0 && text.startsWith("x"), NEVER);
    return found === undefined ? "" : `${basename(found.file)}:${found.offset}`;
  };
  assert.equal(await find(1), "2:5");
  assert.deepEqual(asked, ["y", "y", "x2"]);
  assert.equal(await find(3), "1:2");
  assert.equal(await find(9), "1:0");
  assert.equal(await find(0), "3:4");
  assert.equal(await findLastLines([], 1, () => true, NEVER), undefined);
  assert.equal(await findLastLines([fifo, join(directory, "gone")], 1, () => true, NEVER), undefined);
});
