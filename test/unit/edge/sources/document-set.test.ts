import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createServer } from "node:net";
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { SourceFile } from "../../../../router/edge/sources/directory-listing.ts";
import { readDocumentSet } from "../../../../router/edge/sources/document-set.ts";

const options = { accept: (name: string) => name.endsWith(".yaml"), maximumBytes: 100, maximumTotalBytes: 150 };
const none: ReadonlyMap<string, SourceFile> = new Map();

function temporary(context: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "sluice-set-"));
  context.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

async function codes(directory: string): Promise<readonly string[]> {
  const reading = await readDocumentSet(directory, options, none);
  return reading.ok ? [] : reading.problem.map((problem) => `${problem.code} ${problem.file.slice(directory.length)}`);
}

const digestOf = async (directory: string): Promise<string> => {
  const reading = await readDocumentSet(directory, options, none);
  assert.ok(reading.ok);
  return reading.value.listing.digest;
};

test("a set is names, bytes and digests, in code unit order", async (context) => {
  const directory = temporary(context);
  for (const name of ["b.yaml", "a.yaml", "B.yaml", "notes.txt", "..hidden.yaml"])
    writeFileSync(join(directory, name), name);
  const reading = await readDocumentSet(directory, options, none);
  assert.ok(reading.ok);
  assert.deepEqual([...reading.value.listing.files.keys()], ["B.yaml", "a.yaml", "b.yaml"]);
  assert.equal(reading.value.atomic, false);
  assert.equal(reading.value.listing.files.get("a.yaml")?.bytes.toString(), "a.yaml");
  assert.equal(
    reading.value.listing.files.get("a.yaml")?.digest,
    "sha256:a42a65b8fa9d19fbe058e8b20d932240a411227ccfb705664bd36eecbaf63282",
  );
});

test("INV-SRC-1: nothing but a whole set of bounded, regular files is read; every refusal is named", async (context) => {
  const rows: readonly (readonly [string, (directory: string) => void, readonly string[]])[] = [
    ["an empty directory is an empty set", () => undefined, []],
    ["a directory that is missing", (d) => rmSync(d, { recursive: true }), ["directory_missing "]],
    [
      "a file in the directory's place",
      (d) => (rmSync(d, { recursive: true }), writeFileSync(d, "")),
      ["directory_unreadable "],
    ],
    ["a FIFO in the directory's place", (d) => (rmSync(d, { recursive: true }), fifo(d)), ["directory_unreadable "]],
    ["a FIFO", (d) => fifo(join(d, "a.yaml")), ["not_a_regular_file /a.yaml"]],
    ["a link to a device", (d) => symlinkSync("/dev/zero", join(d, "a.yaml")), ["not_a_regular_file /a.yaml"]],
    ["a directory", (d) => mkdirSync(join(d, "a.yaml")), ["not_a_regular_file /a.yaml"]],
    ["links in a circle", (d) => symlinkSync("a.yaml", join(d, "a.yaml")), ["file_unreadable /a.yaml"]],
    ["a link to nowhere", (d) => symlinkSync("gone", join(d, "a.yaml")), ["source_unstable /a.yaml"]],
    ["a file without an end", (d) => symlinkSync("/proc/self/status", join(d, "a.yaml")), ["source_unstable /a.yaml"]],
    ["a file at the limit", (d) => writeFileSync(join(d, "a.yaml"), "x".repeat(100)), []],
    ["a file over the limit", (d) => writeFileSync(join(d, "a.yaml"), "x".repeat(101)), ["file_too_large /a.yaml"]],
    [
      "a set over the limit, and every problem at once",
      (d) => {
        writeFileSync(join(d, "a.yaml"), "x".repeat(80));
        writeFileSync(join(d, "b.yaml"), "x".repeat(80));
        mkdirSync(join(d, "c.yaml"));
      },
      ["file_too_large /b.yaml", "not_a_regular_file /c.yaml"],
    ],
    ["256 documents", (d) => fill(d, 256, "yaml"), []],
    ["257 documents", (d) => fill(d, 257, "yaml"), ["too_many_files "]],
    ["1,025 names that are no documents", (d) => fill(d, 1025, "txt"), ["too_many_files "]],
    ["..data that leads nowhere", (d) => symlinkSync("..gone", join(d, "..data")), ["source_unstable /..gone"]],
    ["..data that is a plain directory is no ConfigMap", (d) => mkdirSync(join(d, "..data")), []],
    [
      "..data that leads to a file",
      (d) => (writeFileSync(join(d, "x"), ""), symlinkSync("x", join(d, "..data"))),
      ["directory_unreadable /x"],
    ],
    [
      "a name that is not UTF-8",
      (d) => writeFileSync(Buffer.concat([Buffer.from(`${d}/`), Buffer.from([0xff, 0x2e]), Buffer.from("yaml")]), ""),
      ["source_unstable /\ufffd.yaml"],
    ],
  ];
  for (const [name, arrange, expected] of rows) {
    await context.test(name, async (inner) => {
      const directory = temporary(inner);
      arrange(directory);
      assert.deepEqual(await codes(directory), expected);
    });
  }
});

test("a socket in a document's place is refused", async (context) => {
  const directory = temporary(context);
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(join(directory, "a.yaml"), resolve));
  context.after(() => server.close());
  assert.deepEqual(await codes(directory), ["not_a_regular_file /a.yaml"]);
});

test("a ConfigMap's set is what ..data holds, whatever links are beside it", async (context) => {
  const directory = temporary(context);
  mkdirSync(join(directory, "..2026_1"));
  writeFileSync(join(directory, "..2026_1", "new.yaml"), "new");
  symlinkSync("..2026_1", join(directory, "..data"));
  // The kubelet has swapped, and has neither removed the old link nor made the new one yet.
  symlinkSync("..data/old.yaml", join(directory, "old.yaml"));
  const reading = await readDocumentSet(directory, options, none);
  assert.ok(reading.ok);
  assert.deepEqual([...reading.value.listing.files.keys()], ["new.yaml"]);
  assert.equal(reading.value.atomic, true);
});

test("the digest tells names and contents apart, and files that did not change keep their identity", async (context) => {
  const directory = temporary(context);
  writeFileSync(join(directory, "a.yaml"), "1");
  const first = await readDocumentSet(directory, options, none);
  assert.ok(first.ok);
  renameSync(join(directory, "a.yaml"), join(directory, "b.yaml"));
  assert.notEqual(await digestOf(directory), first.value.listing.digest);
  renameSync(join(directory, "b.yaml"), join(directory, "a.yaml"));
  writeFileSync(join(directory, "c.yaml"), "");
  const second = await readDocumentSet(directory, options, first.value.listing.files);
  assert.ok(second.ok);
  assert.equal(second.value.listing.files.get("a.yaml"), first.value.listing.files.get("a.yaml"));
  assert.notEqual(second.value.listing.digest, first.value.listing.digest);
});

/** By coreutils; Node has no call for it. */
const MKFIFO = "mkfifo";

function fifo(path: string): void {
  execFileSync(MKFIFO, [path]);
}

function fill(directory: string, count: number, extension: string): void {
  for (let index = 0; index < count; index += 1) writeFileSync(join(directory, `${index}.${extension}`), "");
}
