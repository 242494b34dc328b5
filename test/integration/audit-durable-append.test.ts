import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { constants, mkdtempSync, readFileSync, rmdirSync, rmSync, statfsSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { createDurable } from "../../router/edge/audit/durable-append.ts";
import { requirement } from "../require.ts";

/** As the kernel has them: `/proc/self/fdinfo`. */
function flagsOf({ fd }: FileHandle): number {
  return Number.parseInt(/^flags:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))?.[1] ?? "", 8);
}

/** Counts what the process asks of fdatasync, until the test is over. */
async function countedSyncs(t: TestContext): Promise<() => number> {
  await using probe = await open(process.execPath, "r");
  const prototype = Object.getPrototypeOf(probe) as Pick<FileHandle, "datasync">;
  const { mock } = t.mock.method(prototype, "datasync");
  return () => mock.callCount();
}

/** Three records appended: whether the kernel syncs each write, and how often fdatasync was called for. */
async function threeRecords(t: TestContext, directory: string): Promise<{ synced: boolean; calls: number }> {
  const calls = await countedSyncs(t);
  const path = join(directory, "segment");
  const { handle, append } = await createDurable(path, 0o640);
  try {
    const flags = flagsOf(handle);
    assert.equal(flags & constants.O_APPEND, constants.O_APPEND);
    for (const record of ["one\n", "two\n", "three\n"]) assert.equal(await append(Buffer.from(record)), record.length);
    assert.equal(readFileSync(path, "utf8"), "one\ntwo\nthree\n");
    await assert.rejects(createDurable(path, 0o640), { code: "EEXIST" });
    return { synced: (flags & constants.O_DSYNC) === constants.O_DSYNC, calls: calls() };
  } finally {
    await handle.close();
  }
}

test("trap 1.4: INV-AUDIT-DURABLE: each append is synced, by the kernel or by fdatasync, and not twice", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "sluice-append-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const { synced, calls } = await threeRecords(t, directory);
  assert.equal(calls, synced ? 0 : 3);
  t.diagnostic(`file system ${statfsSync(directory).type.toString(16)}: ${synced ? "O_DSYNC" : "fdatasync"}`);
});

function run(program: string, ...options: readonly string[]): boolean {
  return spawnSync(program, options).status === 0;
}

const mounts: readonly [type: string, synced: boolean][] = [
  ["tmpfs", true],
  // Any that is not known to sync on write.
  ["ramfs", false],
];
const canMount = run("unshare", "-m", "mount", "-t", "tmpfs", "none", tmpdir());

for (const [type, synced] of mounts) {
  const needs = requirement("tmpfs", canMount, "needs root and the right to mount");
  test(`INV-AUDIT-DURABLE: on ${type} by ${synced ? "O_DSYNC" : "fdatasync"}`, needs, async (t) => {
    const directory = mkdtempSync(join(tmpdir(), "sluice-append-"));
    assert.ok(run("mount", "-t", type, "sluice-test", directory));
    t.after(() => {
      run("umount", "-l", directory);
      rmdirSync(directory);
    });
    assert.deepEqual(await threeRecords(t, directory), { synced, calls: synced ? 0 : 3 });
  });
}
