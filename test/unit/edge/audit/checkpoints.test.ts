import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { anchorCheck } from "../../../../router/core/audit/check-anchor.ts";
import { bytes, epochMillis, millis } from "../../../../router/core/base/quantity.ts";
import { parseCheckpointNote } from "../../../../router/core/tlog/checkpoint-note.ts";
import { emptyRange } from "../../../../router/core/tlog/compact-range.ts";
import { verifyConsistency } from "../../../../router/core/tlog/consistency-proof.ts";
import { rangeConsistency } from "../../../../router/core/tlog/range-consistency.ts";
import { parseVerifierKey } from "../../../../router/core/tlog/verifier-key.ts";
import type { AuditLog } from "../../../../router/edge/audit/audit-log.ts";
import type { SignedCheckpoint } from "../../../../router/edge/audit/checkpoints.ts";
import { sha256, verifySignature } from "../../../../router/edge/audit/ed25519.ts";
import { nodeHash } from "../../../../router/edge/audit/node-hash.ts";
import { listSegments } from "../../../../router/edge/audit/read-segments.ts";
import { verifyLog } from "../../../../router/edge/audit/verify-log.ts";
import {
  auditEvent,
  checkpointOptions,
  errno,
  eventually,
  type Faults,
  faultyFiles,
  openLog,
  recordsOf,
  scratchDirectory,
} from "./log-fixture.ts";

interface Signed {
  readonly log: AuditLog;
  readonly directory: string;
  readonly heads: SignedCheckpoint[];
}

async function signedLog(
  t: TestContext,
  when: { readonly records?: number; readonly interval?: number },
  changes: Parameters<typeof openLog>[1] = {},
): Promise<Signed> {
  const directory = scratchDirectory(t);
  const heads: SignedCheckpoint[] = [];
  const checkpoints = checkpointOptions({
    records: when.records ?? 1_000_000,
    interval: millis(when.interval ?? 3_600_000),
    publish: (head) => heads.push(head),
  });
  const log = await openLog(directory, { checkpoints, ...changes });
  return { log, directory, heads };
}

const sizesOf = (heads: readonly SignedCheckpoint[]): number[] => heads.map(({ size }) => size);

/** Every head that was ever published is one of the log as it stands on the disk, and is signed with the log's key. */
async function assertAllCovered({ log, directory, heads }: Signed): Promise<void> {
  const { stream, key: vkey } = log.identity;
  const key = parseVerifierKey(vkey, sha256);
  assert.ok(key !== undefined);
  const report = await verifyLog(
    await listSegments(directory),
    heads.map(({ size }) => ({ stream, size })),
  );
  assert.equal(report.damage, undefined);
  const check = anchorCheck(report);
  for (const { size, root, note, origin } of heads) {
    assert.equal(check({ stream, size, root }).verdict, "covered", `head over ${size}`);
    const parsed = parseCheckpointNote(note);
    assert.ok(parsed.ok);
    assert.deepEqual(parsed.value.checkpoint, { origin, size, root });
    assert.equal(verifySignature(parsed.value.note, key), "verified");
  }
}

test("INV-AUDIT-HEADS: a head is signed at once, after N records, and at the stop", async (t) => {
  const signed = await signedLog(t, { records: 10 });
  for (let index = 0; index < 35; index += 1) await signed.log.append(auditEvent(`${index}`));
  await signed.log.close();
  // The segment record and the first; then ten by ten; then the stop record and what else was new.
  assert.deepEqual(sizesOf(signed.heads), [2, 12, 22, 32, 37]);
  await assertAllCovered(signed);
});

test("INV-AUDIT-HEADS: a head is signed some time after something was recorded, and not where nothing was", async (t) => {
  const signed = await signedLog(t, { interval: 30 });
  await signed.log.append(auditEvent("0"));
  await signed.log.append(auditEvent("1"));
  await eventually("a head covers both", () => sizesOf(signed.heads).at(-1) === 3);
  const { length } = signed.heads;
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(signed.heads.length, length, "nothing new, nothing signed");
  assert.equal(signed.log.health().checkpoint?.size, 3);
  await signed.log.close();
  await assertAllCovered(signed);
});

test("INV-AUDIT-HEADS: a head is signed in each new segment", async (t) => {
  const signed = await signedLog(t, {}, { segmentBytes: bytes(2_000) });
  for (let index = 0; index < 20; index += 1) await signed.log.append(auditEvent(`${index}`));
  await signed.log.close();
  const segments = (await recordsOf(signed.directory)).filter(({ kind }) => kind === "segment");
  assert.ok(segments.length > 5);
  assert.equal(signed.heads.length, segments.length + 1);
  await assertAllCovered(signed);
});

test("INV-AUDIT-HEADS: where nothing happens, a heartbeat is recorded and signed", async (t) => {
  const signed = await signedLog(t, { interval: 5 }, { heartbeat: millis(25) });
  await signed.log.append(auditEvent("0"));
  const beats = async (): Promise<number> =>
    (await recordsOf(signed.directory)).filter(({ kind }) => kind === "heartbeat").length;
  await eventually("heads go on", () => signed.heads.length >= 4);
  assert.ok((await beats()) >= 3);
  await signed.log.close();
  await assertAllCovered(signed);
});

test("INV-AUDIT-HEADS: each head is shown to go on from every one before it, from compact ranges alone", async (t) => {
  const signed = await signedLog(t, { records: 1 }, { segmentBytes: bytes(9_000) });
  for (let index = 0; index < 70; index += 1) await signed.log.append(auditEvent(`${index}`));
  await signed.log.close();
  const { heads } = signed;
  let before: SignedCheckpoint | undefined;
  for (const head of heads) {
    if (before !== undefined) {
      const path = rangeConsistency(before.tree, head.since, nodeHash);
      const sizes = { oldSize: before.size, oldRoot: before.root, newSize: head.size, newRoot: head.root };
      assert.equal(verifyConsistency({ ...sizes, path }, nodeHash), "proved");
    }
    before = head;
  }
  assert.deepEqual(rangeConsistency(emptyRange(0), heads[0]?.since ?? emptyRange(0), nodeHash), []);
  await assertAllCovered(signed);
});

const faults: readonly [name: string, arm: (faults: Faults, fail: () => void) => void][] = [
  ["a sync", (armed, fail) => (armed.sync = fail)],
  ["a write", (armed, fail) => (armed.write = fail)],
  ["half a write", (armed) => (armed.writes = (length) => Math.max(1, length >> 1))],
  ["a new segment", (armed, fail) => (armed.create = fail)],
  ["its name", (armed, fail) => (armed.rename = fail)],
  ["the directory", (armed, fail) => (armed.syncDirectory = fail)],
];

for (const [name, arm] of faults) {
  test(`INV-AUDIT-HEADS: no head covers what is not durable, where now and then this fails: ${name}`, async (t) => {
    const armed: Faults = {};
    let calls = 0;
    arm(armed, () => {
      calls += 1;
      if (calls % 5 === 0) throw errno("EIO");
    });
    const signed = await signedLog(
      t,
      { records: 1 },
      { files: faultyFiles(armed), segmentBytes: bytes(3_000), retryAfter: millis(1) },
    );
    for (let index = 0; index < 60; index += 1) {
      await signed.log.append(auditEvent(`${index}`));
      if (!signed.log.health().writable) await new Promise((resolve) => setTimeout(resolve, 3));
    }
    await eventually("it is written again", () => signed.log.health().writable);
    await signed.log.close();
    const sizes = sizesOf(signed.heads);
    assert.ok(sizes.length > 10, `${sizes.length} heads`);
    assert.deepEqual(
      sizes,
      [...new Set(sizes)].toSorted((one, other) => one - other),
      "each is larger than the last",
    );
    await assertAllCovered(signed);
  });
}

test("a new start is a new log with a new key, and its first record vouches for the old one", async (t) => {
  const first = await signedLog(t, {});
  await first.log.append(auditEvent("0"));
  await first.log.close();
  const second = await openLog(first.directory);
  assert.notEqual(second.identity.origin, first.log.identity.origin);
  assert.notEqual(second.identity.keyId, first.log.identity.keyId);
  await second.close();
  await assertAllCovered(first);
});

test("the time of a head is the clock's", async (t) => {
  const clock = { now: () => epochMillis(1_700_000_000_000), monotonic: () => millis(performance.now()) };
  const { log, heads } = await signedLog(t, {}, { clock });
  await log.append(auditEvent("0"));
  assert.equal(heads[0]?.at, 1_700_000_000_000);
});
