import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { isKarsLine, karsText, listKarsFiles, verifyKarsFiles } from "../../../cli/audit-verify-kars.ts";
import { ChainFixture } from "../core/audit/chain-fixture.ts";
import { karsLog } from "../core/audit/kars-fixture.ts";

function directoryWith(t: TestContext, files: { readonly [name: string]: string }): string {
  const directory = mkdtempSync(join(tmpdir(), "sluice-kars-"));
  t.after(() => rmSync(directory, { recursive: true }));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), content);
  return directory;
}

const ended = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join("");
const log = karsLog("abcdef");

const rows: readonly [name: string, files: { readonly [name: string]: string }, exit: number, says: RegExp][] = [
  ["intact", { "2026-05-13.jsonl": ended(log) }, 4, /INTACT, NOT SIGNED\n {2}a log of kars; entries: 6, chains: 1/],
  [
    "over midnight, the files named in the order of their days",
    { "2026-05-14.jsonl": ended(log.slice(3)), "2026-05-13.jsonl": ended(log.slice(0, 3)) },
    4,
    /entries: 6, chains: 1/,
  ],
  ["a restart", { "2026-05-13.jsonl": ended(karsLog("ab!cd")) }, 4, /entries: 4, chains: 2/],
  [
    "a day taken away",
    { "2026-05-13.jsonl": ended(log.slice(0, 2)), "2026-05-15.jsonl": ended(log.slice(4)) },
    1,
    /missing/,
  ],
  [
    "an entry changed",
    { "2026-05-13.jsonl": ended(log).replace('"c"', '"x"') },
    1,
    /2026-05-13\.jsonl:3, octet \d{3}, entry 2: edited\n {2}It hashes to [0-9a-f]{64}, and says/,
  ],
  ["half a line at the end", { "2026-05-13.jsonl": ended(log) + (log[0] ?? "").slice(0, 9) }, 1, /torn_tail/],
  [
    "two breaks",
    { "2026-05-13.jsonl": ended(log.with(1, "x").with(4, "y")) },
    1,
    /malformed\n.*\n {2}and 1 more after it/,
  ],
  ["no entry", { "2026-05-13.jsonl": "x\ny\n" }, 2, /UNREADABLE[^]*:1, octet 0: malformed[^]*not one entry/],
  ["an empty file", { "2026-05-13.jsonl": "" }, 2, /UNREADABLE\n {2}not one entry/],
  ["no file", {}, 2, /UNREADABLE\n {2}not one entry/],
  ["not UTF-8", { "2026-05-13.jsonl": `${ended(log)}\ud800\n` }, 1, /malformed/],
  [
    "a time that would move a terminal's cursor",
    { "2026-05-13.jsonl": ended(karsLog("a", 9, { ts: "\u001b[2J\u202e" })) },
    4,
    /entry 0, \\u001b\[2J\\u202e, /,
  ],
];

for (const [name, files, exit, says] of rows) {
  test(`verifyKarsFiles: ${name}`, async (t) => {
    const directory = directoryWith(t, files);
    const verdict = await verifyKarsFiles(await listKarsFiles(directory));
    const text = karsText("log", verdict);
    assert.equal(verdict.exit, exit);
    assert.match(text, says);
    assert.match(text, /Nothing is signed/);
    assert.ok(text.endsWith("\n"));
  });
}

test("a line longer than any ends its file, and the next is read", async (t) => {
  const directory = directoryWith(t, {
    "2026-05-13.jsonl": `${ended(log.slice(0, 2))}${"x".repeat(200_000)}\n${ended(log)}`,
    "2026-05-14.jsonl": ended(log.slice(3)),
  });
  const { exit, report } = await verifyKarsFiles(await listKarsFiles(directory));
  assert.deepEqual([exit, report.entries, report.breaks, report.damage?.kind], [1, 5, 1, "malformed"]);
});

test("a file that is not there is thrown", async () => {
  await assert.rejects(verifyKarsFiles([join(tmpdir(), "sluice-kars-is-not-there")]), { code: "ENOENT" });
});

test("only daily files are listed, by their days", async (t) => {
  const days = ["2026-05-13", "2025-12-31", "2026-05-20", "2026-05-14", "2026-01-01", "2026-05-02"];
  const others = { "2026-05-13.jsonl.gz": "", "unknown.jsonl": "", a: "" };
  const files = Object.fromEntries(days.map((day) => [`${day}.jsonl`, ""]));
  const directory = directoryWith(t, { ...files, ...others });
  assert.deepEqual(
    await listKarsFiles(directory),
    days.toSorted().map((day) => join(directory, `${day}.jsonl`)),
  );
});

const first: readonly [name: string, line: string, isKars: boolean][] = [
  ["an entry", log[0] ?? "", true],
  ["a torn entry", (log[0] ?? "").slice(0, 20), true],
  ["an entry that another wrote", '{"action":"a","agent_id":"b","hash":"","prev_hash":""}', true],
  ["a record of Sluice", new ChainFixture(["a", "x"]).files[0]?.[0] ?? "", false],
  [
    "a record of Sluice with a target that says otherwise",
    new ChainFixture(["a", "x"]).files[0]?.[1]?.replace(
      '"target":"x"',
      `"target":${JSON.stringify('{"sandbox":"","prev_hash":"","agent_id":""}')}`,
    ) ?? "",
    false,
  ],
  ["nothing", "", false],
  ["another log", '{"level":30}', false],
];

for (const [name, line, expected] of first) {
  test(`isKarsLine: ${name}`, () => {
    assert.equal(isKarsLine(line), expected);
  });
}
