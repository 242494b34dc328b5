import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { rmdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { bytes } from "../../router/core/base/quantity.ts";
import { until } from "../fakes/until.ts";
import { requirement } from "../require.ts";
import {
  auditEvent,
  eventually,
  openLog,
  recordsOf,
  requestsOf,
  scratchDirectory,
  verifyDirectory,
} from "../unit/edge/audit/log-fixture.ts";

const OK = { ok: true, value: undefined };
const UNAVAILABLE = { ok: false, problem: "audit_unavailable" };

function run(program: string, ...options: readonly string[]): boolean {
  return spawnSync(program, options).status === 0;
}

function haveTmpfs(): boolean {
  return run("unshare", "-m", "mount", "-t", "tmpfs", "none", tmpdir());
}

/** A file system of its own, of 4 MiB. */
function smallDisk(t: TestContext): string {
  const directory = scratchDirectory(t, () => {
    run("umount", "-l", directory);
    rmdirSync(directory);
  });
  assert.ok(run("mount", "-t", "tmpfs", "-o", "size=4m", "sluice-test", directory));
  return directory;
}

const needs = requirement("tmpfs", haveTmpfs(), "needs root and the right to mount a tmpfs");

test(
  "INV-AUDIT-FAIL-CLOSED: a disk that runs full refuses, loses nothing, and recovers once it is freed",
  needs,
  async (t) => {
    const directory = smallDisk(t);
    const ballast = join(directory, "ballast");
    writeFileSync(ballast, Buffer.alloc(2_000_000));
    const log = await openLog(directory, { segmentBytes: bytes(100_000) });
    const accepted: string[] = [];
    let refused = 0;
    for (let round = 0; log.health().writable; round += 1) {
      const names = Array.from({ length: 64 }, (_, index) => `${round}-${index}`);
      const results = await Promise.all(names.map((name) => log.append(auditEvent(name))));
      for (const [index, { ok }] of results.entries()) {
        if (ok) accepted.push(names[index] ?? "");
        else refused += 1;
      }
    }
    assert.ok(accepted.length > 1_000 && refused > 0, `${accepted.length} accepted, ${refused} refused`);
    assert.deepEqual([log.health().problem?.code, log.health().refusing], ["disk_full", true]);
    // Half a batch may be in the file until it is cut back, which begins at once but is not waited for.
    const isCut = (found: readonly unknown[]): boolean => found.length === accepted.length;
    await until(async () => requestsOf(directory).then(isCut, () => false));
    assert.deepEqual(await requestsOf(directory), accepted);
    assert.equal((await verifyDirectory(directory)).damage, undefined);
    assert.deepEqual(await log.append(auditEvent("no")), UNAVAILABLE);

    rmSync(ballast);
    await eventually("there is room", () => log.health().writable);
    assert.deepEqual(await log.append(auditEvent("yes")), OK);
    await log.close();
    assert.deepEqual(await requestsOf(directory), [...accepted, "yes"]);
    const report = await verifyDirectory(directory);
    assert.deepEqual([report.damage, report.gaps, report.recoveries], [undefined, 1, 1]);
    const gap = (await recordsOf(directory)).find(({ kind }) => kind === "gap")?.detail;
    assert.equal(gap?.["refused"], refused + 1);
  },
);

test("INV-AUDIT-FAIL-CLOSED: a read-only directory refuses, and recovers once it can be written", needs, async (t) => {
  const directory = smallDisk(t);
  assert.ok(run("mount", "-o", "remount,ro", directory));
  const log = await openLog(directory);
  assert.deepEqual([log.health().problem?.code, log.health().refusing], ["not_permitted", true]);
  assert.deepEqual(await log.append(auditEvent("no")), UNAVAILABLE);
  assert.ok(run("mount", "-o", "remount,rw", directory));
  await eventually("it can be written", () => log.health().writable);
  assert.deepEqual(await log.append(auditEvent("yes")), OK);
  await log.close();
  assert.deepEqual(await requestsOf(directory), ["yes"]);
  assert.equal((await verifyDirectory(directory)).damage, undefined);
});
