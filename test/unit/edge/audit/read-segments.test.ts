import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { MAXIMUM_LINE_BYTES } from "../../../../router/core/audit/record.ts";
import { segmentName } from "../../../../router/core/audit/segment-header.ts";
import type { ChainLine } from "../../../../router/core/audit/verify-chain.ts";
import { listSegments, readLines } from "../../../../router/edge/audit/read-segments.ts";
import { scratchDirectory } from "./log-fixture.ts";

async function linesOf(file: string): Promise<ChainLine[]> {
  const lines: ChainLine[] = [];
  await readLines(file, (line) => lines.push(line) > 0);
  return lines;
}

function leafOf(text: string): string {
  return hash("sha256", `\0${text}`, "hex");
}

test("lines of every length, over many reads, with their places and leaves", async (t) => {
  const file = join(scratchDirectory(t), "x");
  const texts = Array.from({ length: 400 }, (_, index) => `${index}é`.repeat((index * 7919) % 5_000)).concat(
    "x".repeat(MAXIMUM_LINE_BYTES - 1),
    "",
    "y".repeat(MAXIMUM_LINE_BYTES - 1),
    "z",
  );
  writeFileSync(file, texts.map((text) => `${text}\n`).join(""));
  const lines = await linesOf(file);
  let offset = 0;
  assert.equal(lines.length, texts.length);
  for (const [index, line] of lines.entries()) {
    const text = texts[index] ?? "";
    assert.equal(line.text, text);
    assert.deepEqual(line.place, { file, line: index + 1, offset });
    assert.deepEqual([line.leaf, line.ended], [leafOf(text), true]);
    offset += Buffer.byteLength(text) + 1;
  }
});

const rows: readonly [name: string, bytes: Buffer, lines: (string | undefined)[], ended: boolean][] = [
  ["an empty file is a line that never ended", Buffer.of(), [""], false],
  ["a line without its newline", Buffer.from("a\nb"), ["a", "b"], false],
  ["an empty line at the end", Buffer.from("a\n\n"), ["a", ""], true],
  ["a replacement character that was written", Buffer.from("a\ufffd\n"), ["a\ufffd"], true],
  ["octets that are not UTF-8", Buffer.from([0x61, 0xff, 0x0a]), [undefined], true],
  ["an encoded surrogate", Buffer.from([0xed, 0xa0, 0x80, 0x0a]), [undefined], true],
  ["an overlong form", Buffer.from([0xc0, 0xaf, 0x0a]), [undefined], true],
  ["a byte order mark stays", Buffer.from("\ufeffa\n"), ["\ufeffa"], true],
  ["a line that is too long by one", Buffer.from(`${"x".repeat(MAXIMUM_LINE_BYTES)}\na\n`), [undefined], true],
  ["ten million octets without a newline", Buffer.alloc(10_000_000), [undefined], true],
];

for (const [name, bytes, texts, ended] of rows) {
  test(`readLines: ${name}`, async (t) => {
    const file = join(scratchDirectory(t), "x");
    writeFileSync(file, bytes);
    const lines = await linesOf(file);
    assert.deepEqual(
      lines.map(({ text }) => text),
      texts,
    );
    assert.equal(lines.at(-1)?.ended, ended);
  });
}

test("readLines stops where it is told to", async (t) => {
  const file = join(scratchDirectory(t), "x");
  writeFileSync(file, "a\nb\nc\n");
  let seen = 0;
  assert.equal(await readLines(file, () => ++seen < 2), false);
  assert.equal(seen, 2);
});

test("segments are listed in the order of the chain, and nothing else is", async (t) => {
  const directory = scratchDirectory(t);
  const numbers = [2, 10, 1, 99_999_999, 100_000_000];
  for (const number of numbers) writeFileSync(join(directory, segmentName(number, "a".repeat(32))), "");
  for (const name of ["audit-1.jsonl", `${segmentName(3, "b".repeat(32))}.new`, "writer.lock"]) {
    writeFileSync(join(directory, name), "");
  }
  mkdirSync(join(directory, "audit"));
  assert.deepEqual(
    await listSegments(directory),
    [1, 2, 10, 99_999_999, 100_000_000].map((number) => join(directory, segmentName(number, "a".repeat(32)))),
  );
});
