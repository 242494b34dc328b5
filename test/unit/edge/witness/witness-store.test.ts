import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { createSigner } from "../../../../router/edge/audit/ed25519.ts";
import { witnessKey } from "../../../../router/edge/audit/witness-key.ts";
import { WitnessStore } from "../../../../router/edge/audit/witness-store.ts";
import { WitnessedLogFake } from "../../../fakes/witnessed-log.ts";
import { openStore, scratch } from "./witness-fixture.ts";

const ORIGINS = ["example.com/log", "../../../etc/passwd", "/", "\u{1f600}", "CON", "x".repeat(1024)];

test("INV-WITNESS-STATE: heads and keys are there again after a restart, whatever the origin is", async (t) => {
  const directory = scratch(t);
  const store = await openStore(directory);
  const pinned = createSigner("example.com/enrolled").key;
  await store.pin(pinned.name, pinned);
  const logs = ORIGINS.map((origin) => new WitnessedLogFake(origin));
  for (const [index, log] of logs.entries()) {
    await store.advance(log.origin, { size: index, root: log.root(index) }, log.note(index));
  }
  assert.deepEqual(store.held, { pinned: 1, others: logs.length });
  store.close();
  for (const name of readdirSync(directory)) assert.match(name, /^(?:[0-9a-f]{64}\.(?:note|vkey)|writer\.lock)$/);

  const again = await openStore(directory);
  assert.deepEqual(again.held, { pinned: 1, others: logs.length });
  for (const [index, log] of logs.entries()) {
    assert.deepEqual(again.get(log.origin), { head: { size: index, root: log.root(index) }, pinned: undefined });
  }
  assert.deepEqual(again.get(pinned.name), { head: undefined, pinned });
  assert.deepEqual(again.get("example.com/other"), { head: undefined, pinned: undefined });
  again.close();
});

test("INV-WITNESS-STATE: a head never falls, and a key never changes", async (t) => {
  const store = await openStore(scratch(t));
  const log = new WitnessedLogFake("example.com/log");
  await store.pin(log.origin, log.signer.key);
  await assert.rejects(store.pin(log.origin, createSigner(log.origin).key), /enrolled once/);
  await store.advance(log.origin, { size: 5, root: log.root(5) }, log.note(5));
  for (const size of [4, 5]) {
    await assert.rejects(store.advance(log.origin, { size, root: log.root(size) }, log.note(size)), /only grows/);
  }
  assert.deepEqual(store.get(log.origin), { head: { size: 5, root: log.root(5) }, pinned: log.signer.key });
  store.close();
});

test("INV-WITNESS-STATE: what the disk did not take did not happen", async (t) => {
  const directory = scratch(t);
  const store = await openStore(directory, () => Promise.reject(new Error("ENOSPC")));
  const log = new WitnessedLogFake("example.com/log");
  await assert.rejects(store.advance(log.origin, { size: 5, root: log.root(5) }, log.note(5)), /ENOSPC/);
  await assert.rejects(store.pin(log.origin, log.signer.key), /ENOSPC/);
  assert.deepEqual(store.get(log.origin), { head: undefined, pinned: undefined });
  assert.deepEqual(store.held, { pinned: 0, others: 0 });
  store.close();
});

test("INV-WITNESS-ONE: a directory has one witness at a time", async (t) => {
  const directory = scratch(t);
  const store = await openStore(directory);
  const second = await WitnessStore.open(directory);
  assert.match(second.ok ? "" : second.problem, /^Another witness holds /);
  store.close();
  (await openStore(directory)).close();
});

const log = new WitnessedLogFake("example.com/log");
const id = hash("sha256", log.origin, "hex");
const damages: readonly [name: string, file: string, text: string][] = [
  ["an emptied note", `${id}.note`, ""],
  ["half a note", `${id}.note`, log.note(5).slice(0, -20)],
  ["a note that is no checkpoint", `${id}.note`, log.note(5).replace("\n5\n", "\nfive\n")],
  ["the note of another log", `${id}.note`, new WitnessedLogFake("example.com/other").note(5)],
  ["a huge note", `${id}.note`, "x".repeat(600_000)],
  ["an emptied key", `${id}.vkey`, ""],
  ["a key without its newline", `${id}.vkey`, log.vkey],
  ["the key of another log", `${id}.vkey`, `${new WitnessedLogFake("example.com/other").vkey}\n`],
];

for (const [name, file, text] of damages) {
  test(`INV-WITNESS-STATE: a damaged file is no new beginning: ${name}`, async (t) => {
    const directory = scratch(t);
    writeFileSync(join(directory, file), text);
    const opened = await WitnessStore.open(directory);
    assert.ok(!opened.ok && opened.problem.endsWith(`${file} is damaged: restore it.`));
    // And the directory is free again.
    writeFileSync(join(directory, file), file.endsWith(".note") ? log.note(5) : `${log.vkey}\n`);
    (await openStore(directory)).close();
  });
}

test("what a crash left half written is taken away, and counts for nothing", async (t) => {
  const directory = scratch(t);
  writeFileSync(join(directory, `${id}.note.new`), log.note(9));
  writeFileSync(join(directory, "witness.key.new"), "-----BEGIN");
  writeFileSync(join(directory, "somebody.new"), "else's");
  const store = await openStore(directory);
  assert.deepEqual(store.get(log.origin), { head: undefined, pinned: undefined });
  assert.deepEqual(readdirSync(directory), ["somebody.new", "writer.lock"]);
  store.close();
});

test("a directory that cannot be is named", async (t) => {
  const directory = scratch(t);
  writeFileSync(join(directory, "file"), "");
  const opened = await WitnessStore.open(join(directory, "file", "state"));
  assert.match(opened.ok ? "" : opened.problem, /file\/state cannot be used: ENOTDIR/);
});

test("the witness's own key is made once, for its owner alone, and not again where logs are held", async (t) => {
  const directory = scratch(t);
  const store = await openStore(directory);
  const made = await witnessKey(store, undefined);
  assert.ok(made.ok);
  const path = join(directory, "witness.key");
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const again = await witnessKey(store, undefined);
  assert.ok(again.ok && again.value.equals(made.value));
  const mounted = await witnessKey(store, path);
  assert.ok(mounted.ok && mounted.value.equals(made.value));
  const absent = await witnessKey(store, join(directory, "absent"));
  assert.match(absent.ok ? "" : absent.problem, /absent cannot be read: .*ENOENT/);
  const pem = readFileSync(path, "utf8");
  chmodSync(path, 0o600);
  writeFileSync(path, pem.slice(0, 60));
  const cut = await witnessKey(store, undefined);
  assert.match(cut.ok ? "" : cut.problem, /witness\.key: Needed is exactly one PEM block/);
  store.close();

  const other = await openStore(scratch(t));
  await other.advance(log.origin, { size: 5, root: log.root(5) }, log.note(5));
  const none = await witnessKey(other, undefined);
  assert.match(none.ok ? "" : none.problem, /witness\.key is missing, though .* holds logs/);
  other.close();
});
