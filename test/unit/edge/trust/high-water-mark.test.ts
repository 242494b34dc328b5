import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { epochMillis } from "../../../../router/core/base/quantity.ts";
import type { HighWaterMark } from "../../../../router/core/policy/freshness.ts";
import { HighWaterMarks } from "../../../../router/edge/trust/high-water-mark.ts";
import { type Cleanup, temporaryDirectory } from "./fixture.ts";

const digest = `sha256:${"a".repeat(64)}`;
const mark = (version: number, lastSeen = 2000): HighWaterMark => ({
  version,
  digest,
  issuedAt: epochMillis(1000),
  lastSeen: epochMillis(lastSeen),
});

async function open(directory: string): Promise<HighWaterMarks> {
  const result = await HighWaterMarks.open(directory);
  assert.ok(result.ok, JSON.stringify(result));
  return result.value;
}

async function stored(t: Cleanup, content: string | Uint8Array): Promise<string> {
  const directory = temporaryDirectory(t, { "marks.json": content });
  const result = await HighWaterMarks.open(directory);
  return result.ok ? "opened" : result.problem.code;
}

test("INV-FRESH-01: marks survive a restart", async (t) => {
  const directory = temporaryDirectory(t);
  const first = await open(directory);
  assert.equal(first.get("EgressPolicy", "p"), undefined, "first boot");
  assert.ok((await first.raise("EgressPolicy", "p", mark(7))).ok);
  assert.ok((await first.raise("EgressPolicy", "q", mark(1))).ok);
  assert.ok((await first.raise("InferencePolicy", "p", mark(3))).ok);
  const second = await open(directory);
  assert.deepEqual(second.get("EgressPolicy", "p"), mark(7));
  assert.deepEqual(second.get("InferencePolicy", "p"), mark(3));
  assert.equal(second.get("EgressPolicy", "constructor"), undefined);
  assert.equal(statSync(join(directory, "marks.json")).mode & 0o777, 0o600);
});

test("a mark does not fall, and its time does not either", async (t) => {
  const marks = await open(temporaryDirectory(t));
  await marks.raise("EgressPolicy", "p", mark(7, 5000));
  await assert.rejects(marks.raise("EgressPolicy", "p", mark(6)), /may not fall/);
  await assert.rejects(
    marks.raise("EgressPolicy", "p", { ...mark(7), digest: `sha256:${"b".repeat(64)}` }),
    /may not fall/,
  );
  assert.ok((await marks.raise("EgressPolicy", "p", mark(8, 4000))).ok, "the store goes on after a refusal");
  assert.deepEqual(marks.get("EgressPolicy", "p"), mark(8, 5000));
});

test("INV-FRESH-03: seen() raises the time of every mark, over a restart too", async (t) => {
  const directory = temporaryDirectory(t);
  const marks = await open(directory);
  await marks.raise("EgressPolicy", "p", mark(7));
  await marks.raise("EgressPolicy", "q", mark(7, 9000));
  assert.ok((await marks.seen(epochMillis(8000))).ok);
  const again = await open(directory);
  assert.equal(again.get("EgressPolicy", "p")?.lastSeen, 8000);
  assert.equal(again.get("EgressPolicy", "q")?.lastSeen, 9000);
});

test("writes asked for at once land in order, and all of them", async (t) => {
  const directory = temporaryDirectory(t);
  const marks = await open(directory);
  const names = Array.from({ length: 20 }, (_, index) => `p${index}`);
  await Promise.all(names.map((name, index) => marks.raise("EgressPolicy", name, mark(index + 1))));
  await Promise.all([1, 2, 3, 4].map((step) => marks.raise("EgressPolicy", "p0", mark(step))));
  const again = await open(directory);
  assert.equal(again.get("EgressPolicy", "p0")?.version, 4);
  assert.equal(again.get("EgressPolicy", "p19")?.version, 20);
});

const row = { kind: "EgressPolicy", name: "p", version: 7, digest, issuedAt: 1, lastSeen: 2 };
const file = (...marks: unknown[]) => JSON.stringify({ format: 1, marks });
const damaged: readonly (readonly [name: string, content: string | Uint8Array])[] = [
  ["empty", ""],
  ["cut", file(row).slice(0, -3)],
  ["zeros, as a crash without fsync leaves them", new Uint8Array(200)],
  ["not UTF-8", Uint8Array.of(0xff)],
  ["null", "null"],
  ["a list", "[]"],
  ["another format", JSON.stringify({ format: 2, marks: [] })],
  ["an unknown member", JSON.stringify({ format: 1, marks: [], x: 1 })],
  ["marks missing", JSON.stringify({ format: 1 })],
  ["a mark twice", file(row, row)],
  ["a mark with an unknown member", file({ ...row, x: 1 })],
  ["a mark without digest", file({ ...row, digest: undefined })],
  ["digest of another form", file({ ...row, digest: "sha256:AA" })],
  ["version 0", file({ ...row, version: 0 })],
  ["version as text", file({ ...row, version: "7" })],
  ["version over 2^53", file(row).replace(":7", ":9007199254740993")],
  ["version with a fraction", file({ ...row, version: 7.5 })],
  ["negative time", file({ ...row, lastSeen: -1 })],
  ["name empty", file({ ...row, name: "" })],
  ["a list as mark", file([])],
];

for (const [name, content] of damaged) {
  test(`INV-FRESH-06: a damaged file is never taken for an empty one: ${name}`, async (t) => {
    assert.equal(await stored(t, content), "marks_corrupt");
  });
}

test("an intact file, written by hand", async (t) => {
  assert.equal(await stored(t, file(row)), "opened");
});

test("a file that cannot be read is not a missing one", async (t) => {
  const directory = temporaryDirectory(t);
  mkdirSync(join(directory, "marks.json"));
  const result = await HighWaterMarks.open(directory);
  assert.equal(result.ok ? "opened" : result.problem.code, "marks_unreadable");
});

test("the state directory must exist", async (t) => {
  const directory = temporaryDirectory(t, { file: "" });
  for (const path of [join(directory, "none"), join(directory, "file")]) {
    const result = await HighWaterMarks.open(path);
    assert.equal(result.ok ? "opened" : result.problem.code, "state_unusable");
  }
});

test("a write that fails changes nothing and says so", async (t) => {
  const directory = temporaryDirectory(t);
  const marks = await open(directory);
  await marks.raise("EgressPolicy", "p", mark(7));
  // A directory in the place of the temporary file fails for root as well.
  mkdirSync(join(directory, "marks.json.tmp"));
  const result = await marks.raise("EgressPolicy", "p", mark(8));
  assert.equal(result.ok ? "written" : result.problem.code, "marks_not_written");
  assert.equal(marks.get("EgressPolicy", "p")?.version, 7);
  assert.equal((await open(directory)).get("EgressPolicy", "p")?.version, 7);
});

test("what could not be read back is not written", async (t) => {
  const directory = temporaryDirectory(t);
  const marks = await open(directory);
  await marks.raise("EgressPolicy", "p", mark(7));
  await assert.rejects(marks.seen(epochMillis(Number.NaN)), /read back/);
  await assert.rejects(marks.raise("EgressPolicy", "p", mark(8.5)), /read back/);
  await assert.rejects(marks.raise("EgressPolicy", "x".repeat(1024 * 1024), mark(1)), /read back/);
  assert.deepEqual((await open(directory)).get("EgressPolicy", "p"), mark(7));
});

test("what a crash left beside is overwritten; a link planted there is not followed", async (t) => {
  const directory = temporaryDirectory(t, { "marks.json.tmp": "half a fi", victim: "untouched" });
  const marks = await open(directory);
  assert.ok((await marks.raise("EgressPolicy", "p", mark(1))).ok);
  symlinkSync(join(directory, "victim"), join(directory, "marks.json.tmp"));
  assert.ok(!(await marks.raise("EgressPolicy", "p", mark(2))).ok);
  assert.equal(readFileSync(join(directory, "victim"), "utf8"), "untouched");
});

test("an older file with lax permissions is replaced by a strict one", async (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, "marks.json"), file(row));
  chmodSync(join(directory, "marks.json"), 0o644);
  const marks = await open(directory);
  await marks.raise("EgressPolicy", "p", { ...mark(8), lastSeen: epochMillis(3) });
  assert.equal(statSync(join(directory, "marks.json")).mode & 0o777, 0o600);
});
