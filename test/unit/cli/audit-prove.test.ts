import assert from "node:assert/strict";
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { auditProve } from "../../../cli/audit-prove.ts";
import { verifyProofFile } from "../../../cli/audit-proof-verify.ts";
import { bytes, epochMillis } from "../../../router/core/base/quantity.ts";
import { parseTlogProof } from "../../../router/core/tlog/tlog-proof.ts";
import type { SignedCheckpoint } from "../../../router/edge/audit/checkpoints.ts";
import { verifySignature } from "../../../router/edge/audit/ed25519.ts";
import { checkpointFile } from "../../../router/edge/audit/note-file.ts";
import { auditEvent, checkpointOptions, openLog, scratchDirectory } from "../edge/audit/log-fixture.ts";
import { SignedStream } from "./proof-fixture.ts";

const LOG = new SignedStream("a", [5, 1, 4, 3]);
const NEXT = new SignedStream("b", [3], 5);
const trust = {
  checkSignature: (note: Parameters<typeof verifySignature>[0]) =>
    verifySignature(note, LOG.signer.key) === "verified" ? ("verified" as const) : ("unverified" as const),
};

function scratch(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "sluice-prove-"));
  t.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

async function run(cwd: string, argv: string): Promise<{ exit: number; out: string; err: string }> {
  let [out, err] = ["", ""];
  const exit = await auditProve(
    argv.split(" ").filter((word) => word !== ""),
    {
      stdout: (text) => void (out += text),
      stderr: (text) => void (err += text),
      cwd,
      now: () => epochMillis(0),
    },
  );
  return { exit, out, err };
}

test("every record of a log is shown by a proof that verifies on its own", async (t) => {
  const cwd = scratch(t);
  LOG.write(cwd);
  for (const [seq, line] of LOG.lines.flat().entries()) {
    const said = await run(cwd, `. --seq ${seq}`);
    assert.deepEqual([said.exit, said.err], [0, ""]);
    const proof = parseTlogProof(said.out);
    assert.ok(proof.ok);
    assert.equal(Buffer.from(proof.value.extra ?? []).toString("utf8"), line);
    assert.equal(proof.value.checkpoint, LOG.note(LOG.size));
    const report = verifyProofFile(said.out, { ...trust, anchors: [] });
    assert.deepEqual([report.result, report.record?.seq, report.oldSize], ["ok", seq, undefined]);
  }
});

test("every checkpoint of a log is shown to go on from every earlier one", async (t) => {
  const cwd = scratch(t);
  LOG.write(cwd);
  for (let to = 1; to <= LOG.size; to += 1) {
    writeFileSync(join(cwd, "new.note"), LOG.note(to));
    for (let from = 0; from <= to; from += 1) {
      writeFileSync(join(cwd, "old.note"), LOG.note(from));
      const said = await run(cwd, ". --from old.note --checkpoint new.note");
      assert.deepEqual([said.exit, said.err], [0, ""]);
      assert.ok(said.out.startsWith(`old ${from}\n`) && said.out.endsWith(`\n\n${LOG.note(to)}`));
      const report = verifyProofFile(said.out, { ...trust, anchors: [LOG.note(from)] });
      assert.deepEqual([report.result, report.oldSize, report.checkpoint?.size], ["ok", from, to]);
    }
  }
});

type Change = (files: readonly string[], cwd: string) => void;
const none: Change = () => undefined;
const edit: Change = ([first = ""]) => writeFileSync(first, readFileSync(first, "utf8").replace("host-2", "host-9"));
const without =
  (...gone: readonly number[]): Change =>
  (files) => {
    for (const index of gone) rmSync(files[index] ?? "");
  };

const rows: readonly [name: string, change: Change, argv: string, exit: number, says: RegExp][] = [
  [
    "the default stream is the last one",
    none,
    ". --seq 1",
    0,
    /^c2sp\.org\/tlog-proof@v1\nextra \S+\nindex 1\n[^]*\/b{32}\n3\n/,
  ],
  ["a stream by name", none, `. --seq 12 --stream ${LOG.stream}`, 0, /\nindex 12\n/],
  ["a stream by its checkpoint", none, `. --seq 12 --checkpoint ${checkpointFile(LOG.stream)}`, 0, /\nindex 12\n/],
  [
    "another stream",
    none,
    `. --seq 1 --stream ${"c".repeat(32)}`,
    2,
    /no stream c{32} in this log; it has a{32}, b{32}\n/,
  ],
  [
    "a checkpoint of another stream",
    none,
    `. --seq 1 --stream ${NEXT.stream} --checkpoint ${checkpointFile(LOG.stream)}`,
    2,
    /the checkpoint is of sluice\.dev\/audit\/research\/agent-7f9c\/a{32}, not of stream b{32}/,
  ],
  [
    "not covered yet",
    (_, cwd) => writeFileSync(join(cwd, checkpointFile(NEXT.stream)), NEXT.note(2)),
    ". --seq 2",
    2,
    /record 2 of stream b{32} is not covered by the checkpoint yet: it covers the records before 2\n/,
  ],
  [
    "no checkpoint",
    (_, cwd) => rmSync(join(cwd, checkpointFile(NEXT.stream))),
    ". --seq 1",
    2,
    /there is no checkpoint to be read: ENOENT/,
  ],
  [
    "a checkpoint that is none",
    (_, cwd) => writeFileSync(join(cwd, "x"), "hello\n"),
    ". --seq 1 --checkpoint x",
    2,
    /x is no checkpoint: No empty line/,
  ],
  [
    "a checkpoint of octets",
    (_, cwd) => writeFileSync(join(cwd, "x"), Buffer.of(255)),
    ". --seq 1 --checkpoint x",
    2,
    /x is no checkpoint: it is too long or not UTF-8\n/,
  ],
  [
    "a checkpoint that never ends",
    none,
    ". --seq 1 --checkpoint /dev/zero",
    2,
    /\/dev\/zero is no checkpoint: it is too long/,
  ],
  ["a directory for a checkpoint", none, ". --seq 1 --checkpoint .", 2, /EISDIR/],
  ["an edited record", edit, `. --seq 7 --stream ${LOG.stream}`, 3, /The first 13 records of the log are not those/],
  ["the edited record itself", edit, `. --seq 2 --stream ${LOG.stream}`, 3, /its root is another/],
  [
    "an end that is cut off",
    without(3),
    `. --seq 2 --stream ${LOG.stream}`,
    3,
    /has 10 of the first 13 records of stream a{32}\.\n/,
  ],
  [
    "a middle that is gone",
    without(2),
    `. --seq 2 --stream ${LOG.stream}`,
    3,
    /Record 6 is not in line 1 of \S+, but 10\.\n/,
  ],
  ["a record from behind a lost beginning", without(0, 1), `. --seq 7 --stream ${LOG.stream}`, 0, /\nindex 7\n/],
  [
    "a record of a lost beginning",
    without(0, 1),
    `. --seq 2 --stream ${LOG.stream}`,
    2,
    /needs records before 6, which is the first/,
  ],
  [
    "a torn line behind all that is needed",
    ([, , , last = ""]) => appendFileSync(last, "{"),
    `. --seq 12 --stream ${LOG.stream}`,
    0,
    /\nindex 12\n/,
  ],
  [
    "a line that is no record",
    ([first = ""]) => writeFileSync(first, readFileSync(first, "utf8").replace('"host-3', '"host-\n3')),
    `. --seq 2 --stream ${LOG.stream}`,
    3,
    /Record 3 is not in line 6 of \S+, but 4; what stands in line 4 of \S+ is no record\.\n/,
  ],
  [
    "a record of a lost beginning, whose leaf is still known",
    without(0),
    `. --seq 4 --stream ${LOG.stream}`,
    2,
    /needs records before 5, which/,
  ],
  [
    "growth from within a lost beginning",
    (files, cwd) => (without(0, 1)(files, cwd), writeFileSync(join(cwd, "old"), LOG.note(3))),
    ". --from old",
    2,
    /needs records before 6, which/,
  ],
  [
    "growth from a lost beginning",
    (files, cwd) => (without(0, 1)(files, cwd), writeFileSync(join(cwd, "old"), LOG.note(6))),
    ". --from old",
    0,
    /^old 6\n/,
  ],
  [
    "growth to what was edited",
    ([, , third = ""], cwd) => (
      writeFileSync(third, readFileSync(third, "utf8").replace("host-8", "host-9")),
      writeFileSync(join(cwd, "old"), LOG.note(6))
    ),
    ". --from old",
    3,
    /The first 13 records of the log are not those/,
  ],
  [
    "a last record without its newline",
    ([, , , last = ""]) => writeFileSync(last, readFileSync(last, "utf8").trimEnd()),
    `. --seq 2 --stream ${LOG.stream}`,
    3,
    /has 12 of the first 13 records of stream a{32}; what stands in line 3 of/,
  ],
  ["segments by their names", none, "$0 $1 $2 $3 --seq 2", 0, /\nindex 2\n/],
  ["a segment twice", none, "$0 $0 $1 $2 $3 --seq 2", 3, /Record 5 is not in line 1 of \S+, but 0\.\n/],
  ["segments in the wrong order", none, "$1 $0 $2 $3 --seq 2", 2, /needs records before 5/],
  [
    "segments by other names",
    (files, cwd) => files.forEach((file, index) => renameSync(file, join(cwd, `x${index}`))),
    `x0 x1 x2 x3 --seq 8`,
    0,
    /\nindex 8\n/,
  ],
  [
    "an empty directory",
    (_, cwd) => mkdirSync(join(cwd, "empty")),
    "empty --seq 1",
    2,
    /there is no audit record there\n/,
  ],
  ["nothing there", none, "nowhere --seq 1", 2, /ENOENT/],
  ["an empty file", (_, cwd) => writeFileSync(join(cwd, "x"), ""), "x --seq 1", 2, /there is no audit record there\n/],
  ["no path", none, "--seq 1", 2, /name a directory/],
  ["neither record nor checkpoint", none, ".", 2, /say either --seq N/],
  ["both", none, ". --seq 1 --from x", 2, /say either --seq N/],
  ["a negative record", none, ". --seq=-1", 2, /a whole number/],
  ["half a record", none, ". --seq 1.5", 2, /a whole number/],
  ["too large a record", none, ". --seq 9007199254740992", 2, /a whole number/],
  ["an unknown option", none, ". --seq 1 --what", 2, /Unknown option/],
  [
    "an old checkpoint that is later",
    (_, cwd) => writeFileSync(join(cwd, "new"), LOG.note(3)),
    `. --from ${checkpointFile(LOG.stream)} --checkpoint new`,
    2,
    /is the later one: it covers 13\n/,
  ],
  [
    "an old checkpoint of another log",
    none,
    `. --from ${checkpointFile(LOG.stream)} --stream ${NEXT.stream}`,
    2,
    /the checkpoints are of two logs/,
  ],
  [
    "an old checkpoint of a fork",
    (_, cwd) => writeFileSync(join(cwd, "old"), new SignedStream("a", [2, 4]).note(6)),
    ". --from old",
    3,
    /The first 6 records of the log are not those/,
  ],
];

for (const [name, change, argv, exit, says] of rows) {
  test(`sluice audit prove: ${name}`, async (t) => {
    const cwd = scratch(t);
    const files = LOG.write(cwd);
    NEXT.write(cwd);
    change(files, cwd);
    const said = await run(
      cwd,
      argv.replace(/\$[0-9]/g, (place) => files[Number(place.slice(1))] ?? ""),
    );
    assert.match(said.out + said.err, says);
    assert.deepEqual([said.exit, exit === 0 ? said.err : said.out], [exit, ""]);
  });
}

test("--out writes the proof into a new file, and never over another", async (t) => {
  const cwd = scratch(t);
  const [first = ""] = LOG.write(cwd);
  const said = await run(cwd, ". --seq 3 --out record.tlog-proof");
  assert.deepEqual(said, { exit: 0, out: "", err: "" });
  assert.equal(readFileSync(join(cwd, "record.tlog-proof"), "utf8"), (await run(cwd, ". --seq 3")).out);
  const before = readFileSync(first, "utf8");
  assert.match((await run(cwd, `. --seq 3 --out ${first}`)).err, /EEXIST/);
  assert.equal(readFileSync(first, "utf8"), before);
});

test("streams in one file are told apart, and only some are named", async (t) => {
  const cwd = scratch(t);
  LOG.write(cwd);
  NEXT.write(cwd);
  const lines = [...LOG.lines.flat(), ...NEXT.lines.flat()].map((line) => `${line}\n`);
  writeFileSync(join(cwd, "all"), lines.join(""));
  assert.match((await run(cwd, "all --seq 1")).out, /\nindex 1\n/);
  assert.match((await run(cwd, `all --seq 9 --stream ${LOG.stream}`)).out, /\nindex 9\n/);
  const letters = "0123456789abcdef";
  for (const one of letters) {
    for (const other of letters) writeFileSync(join(cwd, `audit-00000009-${(one + other).repeat(16)}.jsonl`), "");
  }
  const { err } = await run(cwd, ". --seq 1 --stream none");
  assert.match(err, /there is no stream none in this log/);
  assert.equal(err.match(/[0-9a-f]{32}/g)?.length, 20);
});

test("a log as the writer writes it: every record under each of its checkpoints", async (t) => {
  const cwd = scratchDirectory(t);
  const notes: SignedCheckpoint[] = [];
  const checkpoints = checkpointOptions({ records: 5, publish: (one) => void notes.push(one) });
  const log = await openLog(cwd, { segmentBytes: bytes(2_400), checkpoints });
  for (let index = 0; index < 12; index += 1) await log.append(auditEvent(`${index}`));
  await log.close();
  assert.ok(notes.length > 2);
  for (const { note, size } of notes) {
    writeFileSync(join(cwd, "x.note"), note);
    for (const seq of [0, size >> 1, size - 1]) {
      const said = await run(cwd, `. --seq ${seq} --checkpoint x.note`);
      assert.deepEqual([said.exit, said.err], [0, ""]);
      const report = verifyProofFile(said.out, { checkSignature: () => "verified", anchors: [] });
      assert.deepEqual([report.result, report.record?.seq, report.checkpoint?.size], ["ok", seq, size]);
    }
  }
});
