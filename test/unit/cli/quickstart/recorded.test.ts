import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { notRecorded, type Recorded } from "../../../../cli/quickstart/recorded.ts";

const line = (action: string): string => `${JSON.stringify({ seq: 0, kind: "approval", action, detail: {} })}\n`;
const of =
  (wanted: string) =>
  ({ action }: Recorded): boolean =>
    action === wanted;

/** A log of one segment with these records; its file. */
function logOf(t: TestContext, text: string): { readonly directory: string; readonly file: string } {
  const directory = mkdtempSync(join(tmpdir(), "sluice-recorded-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const file = join(directory, `audit-00000001-${"0".repeat(32)}.jsonl`);
  writeFileSync(file, text);
  return { directory, file };
}

const wanted = new Map([
  ["the first", of("asked")],
  ["the second", of("granted")],
  ["the third", of("used")],
]);

test("what is on record is not waited for", async (t) => {
  const { directory } = logOf(t, line("used") + line("asked") + line("granted"));
  assert.deepEqual(await notRecorded(directory, wanted), []);
});

test("what comes a moment later counts, once its line is whole", async (t) => {
  const { directory, file } = logOf(t, line("asked") + line("granted") + line("used").trimEnd());
  const found = notRecorded(directory, wanted);
  setTimeout(() => appendFileSync(file, "\n"), 40);
  assert.deepEqual(await found, []);
});

test("what does not come is named, in order, and nothing else", async (t) => {
  const { directory } = logOf(t, line("granted"));
  assert.deepEqual(await notRecorded(directory, wanted, 30), ["the first", "the third"]);
});
