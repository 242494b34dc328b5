import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { appendFile, mkdtemp, rename, rm, symlink, truncate, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { readFileInChunks } from "../../../../router/edge/sources/file-chunks.ts";
import { FileDraft } from "../../../../router/edge/sources/file-draft.ts";

const TEXT = "0123456789".repeat(20_000);
let directory: string;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), "sluice-chunks-"));
});
after(() => rm(directory, { recursive: true, force: true }));

/** What a reading comes to where, at its first piece, something happens to the file. */
async function read(
  happens?: (path: string) => Promise<void>,
): Promise<{ readonly kind: string; readonly text: string }> {
  const path = join(directory, "file");
  await rm(path, { force: true });
  await writeFile(path, TEXT);
  let text = "";
  const result = await readFileInChunks(path, 1_000_000, async (chunk) => {
    if (text === "") await happens?.(path);
    text += Buffer.from(chunk).toString("latin1");
    return undefined;
  });
  return { kind: result.ok ? "whole" : result.problem.kind, text };
}

test("readFileInChunks gives all of a file, in pieces", async () => {
  assert.deepEqual(await read(), { kind: "whole", text: TEXT });
});

for (const [name, happens] of [
  ["grows", (path: string) => appendFile(path, "more")],
  ["grows beyond what was read of it", (path: string) => appendFile(path, TEXT)],
  ["shrinks", (path: string) => truncate(path, 150_000)],
  ["is written over in place", (path: string) => writeFile(path, TEXT.replaceAll("0", "x"))],
  [
    "is replaced",
    async (path: string) => {
      await writeFile(`${path}.new`, TEXT);
      await rename(`${path}.new`, path);
    },
  ],
  ["is removed", (path: string) => rm(path)],
  ["is touched", (path: string) => utimes(path, 1, 1)],
] as const) {
  test(`INV-BLOCKLIST-WHOLE: a file that ${name} while it is read is no whole file`, async () => {
    assert.equal((await read(happens)).kind, "moved");
  });
}

test("readFileInChunks waits for nothing: a FIFO is no file, nor is a link to itself", async () => {
  const take = async (): Promise<undefined> => undefined;
  const [fifo, link] = [join(directory, "fifo"), join(directory, "link")];
  execFileSync("mkfifo", [fifo]);
  await symlink(link, link);
  assert.deepEqual(await readFileInChunks(fifo, 10, take), { ok: false, problem: { kind: "not_a_file" } });
  assert.deepEqual(await readFileInChunks(link, 10, take), { ok: false, problem: { kind: "moved" } });
});

test("a draft has its name only once it is whole, and gives back the room that it took", async () => {
  let room = 10;
  const space = {
    take: (octets: number) => octets <= room && ((room -= octets), true),
    give: (octets: number) => void (room += octets),
  };
  const wholeOf = async (name: string): Promise<string> => {
    let text = "";
    const result = await readFileInChunks(join(directory, name), 100, async (chunk) => {
      text += Buffer.from(chunk).toString();
      return undefined;
    });
    return result.ok ? text : result.problem.kind;
  };
  const draft = await FileDraft.open(directory, "list.new", space);
  await draft.write(Buffer.from("12345"));
  assert.equal(await wholeOf("list"), "moved");
  await draft.keep("list");
  assert.equal(await wholeOf("list"), "12345");
  const other = await FileDraft.open(directory, "list.new", space);
  await other.write(Buffer.from("1234"));
  await assert.rejects(other.write(Buffer.from("56")), /no more room/);
  assert.equal(room, 1);
  await other.discard();
  assert.equal(room, 5);
  assert.equal(await wholeOf("list.new"), "moved");
  assert.equal(await wholeOf("list"), "12345");
});
