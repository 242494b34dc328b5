import assert from "node:assert/strict";
import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { test } from "node:test";
import { auditVerify } from "../../cli/audit-verify.ts";
import { bytes, epochMillis } from "../../router/core/base/quantity.ts";
import { listSegments } from "../../router/edge/audit/read-segments.ts";
import { karsLine } from "../unit/core/audit/kars-fixture.ts";
import { auditEvent, openLog, scratchDirectory } from "../unit/edge/audit/log-fixture.ts";

async function verify(cwd: string, ...argv: readonly string[]): Promise<{ exit: number; out: string; err: string }> {
  let [out, err] = ["", ""];
  const exit = await auditVerify(argv, {
    stdout: (text) => void (out += text),
    stderr: (text) => void (err += text),
    cwd,
    now: () => epochMillis(0),
  });
  return { exit, out, err };
}

/** A log of two segments, nine records. */
async function writeLog(directory: string): Promise<string[]> {
  const log = await openLog(directory, { segmentBytes: bytes(2_400) });
  for (let index = 0; index < 6; index += 1) await log.append(auditEvent(`${index}`));
  await log.close();
  return listSegments(directory);
}

const edit = (from: string, to: string) => (file: string) =>
  writeFileSync(file, readFileSync(file, "utf8").replace(from, to));

const rows: readonly [name: string, change: (file: string, next: string) => void, exit: number, out: RegExp][] = [
  ["intact", () => undefined, 4, /: INTACT, NOT ANCHORED\n {2}covers 9 records in 2 segments, 1 start\n/],
  [
    "an edited record",
    edit('"request":"1"', '"request":"7"'),
    1,
    /: TAMPERED\n {2}\S+:3, octet \d+, record 2: edited\n {2}It hashes to [0-9a-f]{64}; the next record holds/,
  ],
  [
    "a segment missing",
    (file) => rmSync(file),
    4,
    /begins after audit-00000001-[0-9a-f]{32}\.jsonl, which was not read/,
  ],
  ["a torn tail", (_, next) => appendFileSync(next, "{"), 1, /TAMPERED\n {2}\S+, octet \d+: torn_tail\n/],
  ["the stop record cut off", (_, next) => cutLine(next), 4, /ends without a stop record/],
  [
    "all of the first segment replaced",
    (file) => writeFileSync(file, "hello\n"),
    2,
    /UNREADABLE\n {2}\S+:1, octet 0: malformed/,
  ],
  ["an emptied segment", (_, next) => writeFileSync(next, ""), 1, /TAMPERED\n {2}\S+:1, octet 0: torn_tail/],
];

function cutLine(file: string): void {
  const lines = readFileSync(file, "utf8").split("\n");
  writeFileSync(file, `${lines.slice(0, -2).join("\n")}\n`);
}

for (const [name, change, exit, out] of rows) {
  test(`trap 1.4: sluice audit verify: ${name}`, async (t) => {
    const directory = scratchDirectory(t);
    const [file = "", next = ""] = await writeLog(directory);
    change(file, next);
    const said = await verify("/", directory);
    assert.match(said.out, out);
    assert.equal(said.exit, exit);
  });
}

test("trap 1.5: INV-AUDIT-EMPTY: what holds no record is exit 2, and never 0 or 4", async (t) => {
  const directory = scratchDirectory(t);
  mkdirSync(join(directory, "none"));
  writeFileSync(join(directory, "empty.jsonl"), "");
  writeFileSync(join(directory, "other.jsonl"), '{"level":30}\n');
  writeFileSync(join(directory, "nul.jsonl"), Buffer.alloc(300_000));
  for (const path of ["none", "empty.jsonl", "other.jsonl", "nul.jsonl", "absent", "absent/x.jsonl"]) {
    assert.equal((await verify(directory, path)).exit, 2, path);
  }
  assert.equal((await verify(directory)).exit, 2);
  assert.equal((await verify(directory, "--key", "x")).exit, 2);
});

test("files are one chain in the order given, directories one each, and the worst verdict counts", async (t) => {
  const directory = scratchDirectory(t);
  const files = (await writeLog(directory)).map((file) => basename(file));
  const [first = "", second = ""] = files;
  assert.equal((await verify(directory, first, second)).exit, 4);
  assert.equal((await verify(directory, second)).exit, 4);
  assert.equal((await verify(directory, second, first)).exit, 1);
  const other = scratchDirectory(t);
  assert.equal((await verify(directory, ".", other)).exit, 2);
  await writeLog(other);
  assert.equal((await verify(directory, ".", other)).exit, 4);
  appendFileSync(join(directory, second), "x");
  assert.equal((await verify(directory, other, ".", "absent")).exit, 1);
});

test("--json says the same to machines", async (t) => {
  const directory = scratchDirectory(t);
  const [file = ""] = await writeLog(directory);
  edit('"request":"2"', '"request":"9"')(file);
  const { out } = await verify("/", "--json", directory);
  const said = JSON.parse(out) as {
    exit: number;
    logs: { path: string; exit: number; report: Record<string, unknown> }[];
  };
  const { damage, records } = said.logs[0]?.report ?? {};
  const { place, kind, seq } = damage as { place: { file: string; line: number }; kind: string; seq: number };
  assert.deepEqual(
    [said.exit, said.logs.length, records, kind, seq, place.file, place.line],
    [1, 1, 3, "edited", 3, file, 4],
  );
});

test("a log of the reference system is read, judged, and never said to be verified", async (t) => {
  const directory = scratchDirectory(t);
  const entry = { sandbox: "s", ts: "2026-11-20T00:00:00Z", agent_id: "a", action: "fetch", decision: "allow" };
  const first = karsLine({ ...entry, seq: 0, prev_hash: "" });
  const hashed = (JSON.parse(first) as { hash: string }).hash;
  const text = `${first}\n${karsLine({ ...entry, seq: 1, prev_hash: hashed })}\n`;
  const file = join(directory, "2026-11-20.jsonl");
  writeFileSync(file, text);
  for (const path of [directory, file]) {
    const { exit, out } = await verify("/", path);
    assert.equal(exit, 4, out);
    assert.match(out, /unsigned|not signed|signature/i);
  }
  writeFileSync(file, text.replace('"deny"', '"allow"').replace('"seq":1', '"seq":7'));
  assert.equal((await verify("/", file)).exit, 1);
  const { out } = await verify("/", file, "--json");
  const said = JSON.parse(out) as { exit: number; kars: { verdict: { exit: number } }[] };
  assert.deepEqual([said.exit, said.kars[0]?.verdict.exit], [1, 1]);
});
