import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import promises from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { StateFile } from "../../../../router/edge/state/state-file.ts";

function place(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), "sluice-state-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const failures: unknown[] = [];
  const file = new StateFile(directory, "state.json", 16, (error) => failures.push(error));
  return { directory, path: join(directory, "state.json"), file, failures };
}

test("what was saved is loaded, and by its owner only", async (t) => {
  const { file, path, directory, failures } = place(t);
  assert.deepEqual(await file.load(), { ok: true, value: undefined });
  file.save("één");
  await file.settled();
  assert.deepEqual(await file.load(), { ok: true, value: "één" });
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.deepEqual([readdirSync(directory), failures], [["state.json"], []]);
});

test("of many the newest is kept, and not each is written", async (t) => {
  const { file, path } = place(t);
  for (let count = 0; count < 1_000; count += 1) file.save(String(count));
  await file.settled();
  assert.equal(readFileSync(path, "utf8"), "999");
  file.save("again");
  await file.settled();
  assert.equal(readFileSync(path, "utf8"), "again");
});

test("a reader finds the old state or the new one, never half of one", async (t) => {
  const { file, path } = place(t);
  file.save("a".repeat(16));
  await file.settled();
  for (let count = 0; count < 50; count += 1) {
    file.save((count % 2 === 0 ? "b" : "a").repeat(16));
    const reader = await new StateFile(join(path, ".."), "state.json", 16, () => undefined).load();
    assert.match(reader.ok ? String(reader.value) : reader.problem, /^(?:a{16}|b{16})$/);
    await file.settled();
  }
});

test("what a crash left half written is not read, and is replaced", async (t) => {
  const { file, path } = place(t);
  writeFileSync(path, "old");
  writeFileSync(`${path}.new`, "half of something that is longer");
  assert.deepEqual(await file.load(), { ok: true, value: "old" });
  file.save("new");
  await file.settled();
  assert.deepEqual(await file.load(), { ok: true, value: "new" });
});

const unreadable: readonly (readonly [string, (path: string) => void, RegExp])[] = [
  ["one octet too long", (path) => writeFileSync(path, "x".repeat(17)), /is longer than 16 octets/],
  ["no UTF-8", (path) => writeFileSync(path, Buffer.from([0xc3, 0x28])), /cannot be read/],
  ["half a character", (path) => writeFileSync(path, Buffer.from([0xe2, 0x82])), /cannot be read/],
  ["a directory", (path) => mkdirSync(path), /cannot be read/],
  ["a link", (path) => (writeFileSync(`${path}.real`, "x"), symlinkSync(`${path}.real`, path)), /cannot be read/],
  ["a link to nothing", (path) => symlinkSync(`${path}.gone`, path), /cannot be read/],
];
for (const [name, write, problem] of unreadable) {
  test(`unreadable is not absent: ${name}`, async (t) => {
    const { file, path } = place(t);
    write(path);
    const loaded = await file.load();
    assert.ok(!loaded.ok);
    assert.match(loaded.problem, problem);
  });
}

test("a pipe that nobody writes to is unreadable, and keeps nobody waiting", async (t) => {
  const { file, path } = place(t);
  if (spawnSync("mkfifo", [path]).status !== 0) return t.skip("no mkfifo");
  const loaded = await file.load();
  assert.ok(!loaded.ok);
});

test("the longest state is read", async (t) => {
  const { file, path } = place(t);
  writeFileSync(path, "x".repeat(16));
  assert.deepEqual(await file.load(), { ok: true, value: "x".repeat(16) });
});

test("no link is followed where it writes", async (t) => {
  const { file, path, directory, failures } = place(t);
  writeFileSync(join(directory, "other"), "precious");
  symlinkSync(join(directory, "other"), `${path}.new`);
  file.save("x");
  await file.settled();
  assert.equal(readFileSync(join(directory, "other"), "utf8"), "precious");
  assert.equal(failures.length, 1);
  rmSync(`${path}.new`);
  symlinkSync(join(directory, "other"), path);
  file.save("y");
  await file.settled();
  assert.equal(readFileSync(join(directory, "other"), "utf8"), "precious");
  assert.deepEqual(await file.load(), { ok: true, value: "y" });
});

test("what cannot be written is told each time, stops nothing, and is written once it can be", async (t) => {
  const { file, directory, path, failures } = place(t);
  rmSync(directory, { recursive: true });
  file.save("a");
  await file.settled();
  file.save("b");
  await file.settled();
  assert.equal(failures.length, 2);
  mkdirSync(directory);
  file.save("c");
  await file.settled();
  assert.equal(readFileSync(path, "utf8"), "c");
});

test("what is saved at once is on the disk when it returns, whatever is under way, and stays there", async (t) => {
  const { file, path, directory, failures } = place(t);
  assert.equal(file.saveNow("first"), true);
  assert.equal(readFileSync(path, "utf8"), "first");
  assert.equal(statSync(path).mode & 0o777, 0o600);
  // At every moment of a write: while the file beside it is written, and while that takes its place.
  for (let moment = 0; moment < 200; moment += 1) {
    file.save(`old ${moment}`);
    // oxlint-disable-next-line no-await-in-loop -- one moment after the other
    for (let turn = 0; turn < moment % 40; turn += 1) await new Promise(setImmediate);
    assert.equal(file.saveNow(`new ${moment}`), true);
    assert.equal(readFileSync(path, "utf8"), `new ${moment}`);
    // oxlint-disable-next-line no-await-in-loop
    await file.settled();
    assert.equal(readFileSync(path, "utf8"), `new ${moment}`);
  }
  file.save("last");
  await file.settled();
  assert.equal(readFileSync(path, "utf8"), "last");
  assert.deepEqual(failures, []);
  assert.ok(readdirSync(directory).every((name) => ["state.json", "state.json.new"].includes(name)));
});

test("a state of before whose file is just taking its place does not come back", async (t) => {
  const { file, path } = place(t);
  const { rename } = promises;
  const [begun, go] = [Promise.withResolvers<undefined>(), Promise.withResolvers<undefined>()];
  t.after(() => {
    promises.rename = rename;
    syncBuiltinESMExports();
  });
  promises.rename = async (from, to) => {
    begun.resolve(undefined);
    await go.promise;
    await rename(from, to);
  };
  syncBuiltinESMExports();
  file.save("old");
  await begun.promise;
  assert.equal(file.saveNow("new"), true);
  go.resolve(undefined);
  await file.settled();
  assert.equal(readFileSync(path, "utf8"), "new");
});

test("what cannot be saved at once is told, follows no link, and waits for no pipe", (t) => {
  const { file, path, directory, failures } = place(t);
  writeFileSync(join(directory, "other"), "precious");
  symlinkSync(join(directory, "other"), `${path}.now`);
  assert.equal(file.saveNow("x"), false);
  assert.equal(readFileSync(join(directory, "other"), "utf8"), "precious");
  rmSync(`${path}.now`);
  if (spawnSync("mkfifo", [`${path}.now`]).status === 0) {
    assert.equal(file.saveNow("x"), false);
    rmSync(`${path}.now`);
  }
  assert.ok(failures.length > 0);
  assert.equal(file.saveNow("y"), true);
  assert.equal(readFileSync(path, "utf8"), "y");
});
