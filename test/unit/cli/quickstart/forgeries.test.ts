import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { copyCutOff, copyWithOneBitTurned, withRecordTurned } from "../../../../cli/quickstart/forgeries.ts";
import { checkpointText } from "../../../../router/core/tlog/checkpoint.ts";
import { formatSignedNote } from "../../../../router/core/tlog/signed-note.ts";
import { formatTlogProof, parseTlogProof } from "../../../../router/core/tlog/tlog-proof.ts";
import { createSigner } from "../../../../router/edge/audit/ed25519.ts";

const STREAM = "0".repeat(32);
const [FIRST, SECOND] = [`audit-00000001-${STREAM}.jsonl`, `audit-00000002-${STREAM}.jsonl`];

/** A log of these segments, with a head beside it, and where its copy is to be. */
function logOf(t: TestContext, segments: Readonly<Record<string, string>>): { log: string; copy: string } {
  const directory = mkdtempSync(join(tmpdir(), "sluice-forgeries-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const log = join(directory, "log");
  mkdirSync(log);
  for (const [name, text] of Object.entries(segments)) writeFileSync(join(log, name), text);
  writeFileSync(join(log, `checkpoint-${STREAM}.note`), "a head\n");
  return { log, copy: join(directory, "copy") };
}

function contents(directory: string): Readonly<Record<string, string>> {
  return Object.fromEntries(readdirSync(directory).map((name) => [name, readFileSync(join(directory, name), "utf8")]));
}

const CUTS = [
  ["two of four", "a\nb\nc\nd\n", "a\nb\n"],
  ["what is half written goes, too, and does not count", "a\nb\nc\nd\nhalf", "a\nb\n"],
  ["all there are", "a\nb\n", ""],
] as const;

for (const [name, text, left] of CUTS) {
  test(`cut off: ${name}; the heads beside the log are not copied`, async (t) => {
    const { log, copy } = logOf(t, { [FIRST]: "x\n", [SECOND]: text });
    await copyCutOff(log, copy, 2);
    assert.deepEqual(contents(copy), { [FIRST]: "x\n", [SECOND]: left });
  });
}

test("one bit is turned, in one place of one segment", async (t) => {
  const host = "to evil.example and evil.example\n";
  const { log, copy } = logOf(t, { [FIRST]: `x\n${host}`, [SECOND]: host });
  await copyWithOneBitTurned(log, copy);
  assert.deepEqual(contents(copy), { [FIRST]: "x\nto dvil.example and evil.example\n", [SECOND]: host });
});

test("one bit of the record in a proof is turned, and nothing else of it", () => {
  const origin = "sluice.dev/audit/a/b/c";
  const text = checkpointText({ origin, size: 1, root: "0".repeat(64) });
  const checkpoint = formatSignedNote(text, [createSigner(origin).sign(text)]);
  const proof = { extra: Buffer.from("to evil.example"), index: 0, path: [], checkpoint };
  const turned = parseTlogProof(withRecordTurned(formatTlogProof(proof)));
  assert.ok(turned.ok);
  assert.equal(Buffer.from(turned.value.extra ?? []).toString(), "to dvil.example");
  assert.deepEqual({ ...turned.value, extra: proof.extra }, proof);
});
