import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { DirectoryLock } from "../../../../router/edge/audit/directory-lock.ts";
import { scratchDirectory } from "./log-fixture.ts";

const MODULE = fileURLToPath(new URL("../../../../router/edge/audit/directory-lock.ts", import.meta.url));

/** Whether another process could take the directory now. */
function isFreeForOthers(directory: string): boolean {
  const script = `import { DirectoryLock } from ${JSON.stringify(MODULE)};
    process.exitCode = DirectoryLock.take(${JSON.stringify(directory)}) === undefined ? 1 : 0;`;
  return spawnSync(process.execPath, ["--input-type=module", "-e", script]).status === 0;
}

test("INV-AUDIT-ONE-WRITER: one holder, in this process and in others, until it lets go", (t) => {
  const directory = scratchDirectory(t);
  const first = DirectoryLock.take(directory);
  assert.notEqual(first, undefined);
  assert.equal(DirectoryLock.take(directory), undefined);
  // POSIX locks go when any descriptor of the file is closed: the refused attempt above must not have done that.
  assert.equal(isFreeForOthers(directory), false);
  assert.deepEqual(readdirSync(directory), ["writer.lock"]);
  first?.release();
  assert.equal(isFreeForOthers(directory), true);
  const second = DirectoryLock.take(directory);
  assert.notEqual(second, undefined);
  second?.release();
});

test("a lock file that cannot be one is named", (t) => {
  const directory = scratchDirectory(t);
  writeFileSync(join(directory, "writer.lock"), "garbage ".repeat(100));
  assert.throws(() => DirectoryLock.take(directory), /writer\.lock: file is not a database/);
  mkdirSync(join(directory, "x", "writer.lock"), { recursive: true });
  assert.throws(() => DirectoryLock.take(join(directory, "x")), /writer\.lock: unable to open database file/);
});
