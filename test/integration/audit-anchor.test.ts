import assert from "node:assert/strict";
import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { test, type TestContext } from "node:test";
import { auditVerify } from "../../cli/audit-verify.ts";
import type { AuditEvent } from "../../router/core/audit/audit-event.ts";
import { recordRenderer } from "../../router/core/audit/record.ts";
import { segmentDetail, segmentName } from "../../router/core/audit/segment-header.ts";
import { leafOf } from "../unit/core/audit/chain-fixture.ts";
import { bytes, epochMillis, millis } from "../../router/core/base/quantity.ts";
import type { SignedCheckpoint } from "../../router/edge/audit/checkpoints.ts";
import { createSigner, signerFromPrivateKey } from "../../router/edge/audit/ed25519.ts";
import { checkpointFile, writeNote } from "../../router/edge/audit/note-file.ts";
import { listSegments } from "../../router/edge/audit/read-segments.ts";
import {
  auditEvent,
  checkpointOptions,
  openLog,
  scratchDirectory,
  verifyDirectory,
} from "../unit/edge/audit/log-fixture.ts";

async function verify(cwd: string, ...argv: readonly string[]): Promise<{ exit: number; out: string }> {
  let out = "";
  const say = (text: string): void => void (out += text);
  const exit = await auditVerify(argv, { stdout: say, stderr: say, cwd, now: () => epochMillis(0) });
  return { exit, out };
}

interface Written {
  /** The scratch directory; the log is in `log` below it. */
  readonly root: string;
  readonly log: string;
  readonly checkpoints: readonly SignedCheckpoint[];
  readonly key: string;
  /** The public half of the mounted key, as PEM. */
  readonly pem: string;
}

/** A log of one start, three segments and 13 records; a checkpoint after each batch. */
async function writeLog(t: TestContext): Promise<Written> {
  const root = scratchDirectory(t);
  const log = join(root, "log");
  const checkpoints: SignedCheckpoint[] = [];
  const { privateKey } = generateKeyPairSync("ed25519");
  const written = await openLog(log, {
    segmentBytes: bytes(2_400),
    checkpoints: checkpointOptions({
      records: 1,
      signerOf: (origin) => signerFromPrivateKey(origin, privateKey),
      publish: (checkpoint) => checkpoints.push(checkpoint),
    }),
  });
  const { key } = written.identity;
  await written.append({ ...auditEvent("s"), kind: "start", detail: { key } });
  for (let index = 0; index < 8; index += 1) await written.append(auditEvent(`${index}`));
  await written.close();
  const last = checkpoints.at(-1);
  assert.ok(last !== undefined);
  await writeNote(join(log, checkpointFile(written.identity.stream)), last.note);
  const pem = createPublicKey(privateKey).export({ format: "pem", type: "spki" }).toString();
  writeFileSync(join(root, "key.pem"), pem);
  writeFileSync(join(root, "last.note"), last.note);
  return { root, log, checkpoints, key, pem };
}

/** A record of a writer who knows all but the key. */
function recordAfter(
  stream: string,
  seq: number,
  prev: string,
  kind: AuditEvent["kind"],
  detail: NonNullable<AuditEvent["detail"]>,
): string {
  const at = { seq, prev, time: "2026-11-21T00:00:00.000Z", uptime: millis(9) };
  const render = recordRenderer({ namespace: "research", pod: "agent-7f9c", agent: "researcher" }, stream);
  return render({ ...auditEvent("forged"), kind, detail }, at);
}

function graftOf(stream: string, { size, tree }: SignedCheckpoint, last: string): string {
  const leaf = leafOf(last);
  const previous = { file: "x", segment: 8, stream, seq: size - 1, leaf, bytes: 1, ended: "rotated" } as const;
  const first = recordAfter(stream, size, leaf, "segment", segmentDetail({ segment: 9, previous, tree: tree.hashes }));
  return `${first}\n${recordAfter(stream, size + 1, leafOf(first), "egress.decision", {})}\n`;
}

const otherKey = createSigner("sluice.dev/audit/x/y/00000000000000000000000000000000").key;
const otherPem = generateKeyPairSync("ed25519").publicKey.export({ format: "pem", type: "spki" }).toString();

test("INV-AUDIT-ANCHOR: a log that begins with what was signed is verified to its anchor", async (t) => {
  const { root, checkpoints, key } = await writeLog(t);
  const last = checkpoints.at(-1);
  const early = checkpoints.at(-4);
  assert.ok(last !== undefined && early !== undefined);
  writeFileSync(join(root, "early.note"), early.note);
  writeFileSync(join(root, "keys"), `${key}\n`);
  const logLine = (note: string): string =>
    `${JSON.stringify({ level: "info", checkpoint: note, msg: "audit checkpoint" })}\n`;
  writeFileSync(
    join(root, "sidecar.log"),
    `2026 stdout F {"level":"info","msg":"listening"}\n${checkpoints.map(({ note }) => logLine(note)).join("")}not json {"checkpoint"\n`,
  );
  writeFileSync(join(root, "plain.log"), checkpoints.map(({ note }) => logLine(note)).join(""));

  const rows: readonly [argv: readonly string[], exit: number, out: RegExp][] = [
    [["--anchor", "last.note"], 0, /VERIFIED TO AN ANCHOR\n[^]*nothing is behind the anchor/],
    [["--anchor", "last.note", "--key", key], 0, /signed with a key that you named/],
    [["--anchor", "last.note", "--key", "keys"], 0, /signed with a key that you named/],
    [["--anchor", "last.note", "--key", "key.pem"], 0, /signed with a key that you named/],
    [["--anchor", "last.note"], 0, /the key that the log names itself/],
    [["--anchor", "early.note"], 0, /chained only: \d+ records? behind the anchor/],
    [["--anchor", "early.note", "--anchor", "last.note"], 0, /nothing is behind the anchor/],
    [["--anchor", "plain.log"], 0, /nothing is behind the anchor/],
    [["--anchor", "sidecar.log", "--key", "key.pem"], 0, /nothing is behind the anchor/],
    [[], 4, /INTACT, NOT ANCHORED\n[^]*signed: the first/],
    [["--key", "key.pem"], 4, /signed with a key that you named/],
  ];
  for (const [argv, exit, out] of rows) {
    const said = await verify(root, "log", ...argv);
    assert.equal(said.exit, exit, `${argv.join(" ")}: ${said.out}`);
    assert.match(said.out, out);
  }
  const { exit, out } = await verify(root, "log", "--anchor", "last.note", "--json");
  const answer = JSON.parse(out) as { exit: number; logs: { anchors: { verdict: string; records: number }[] }[] };
  assert.equal(exit, 0);
  assert.deepEqual(
    answer.logs[0]?.anchors.map(({ verdict, records }) => [verdict, records]),
    [["covered", last.size]],
  );
});

test("trap 1.5: INV-AUDIT-ANCHOR: a cut at every line border is found against the anchor, and by the checkpoint beside the log", async (t) => {
  const { root, log, checkpoints } = await writeLog(t);
  const files = await listSegments(log);
  const size = checkpoints.at(-1)?.size ?? 0;
  assert.ok(files.length >= 3 && size >= 12, `${files.length} segments, ${size} records`);
  let cuts = 0;
  for (const [index, file] of files.entries()) {
    const lines = readFileSync(file, "utf8").split("\n").slice(0, -1);
    for (let kept = 0; kept < lines.length; kept += 1) {
      const copy = join(root, `cut-${index}-${kept}`);
      cpSync(log, copy, { recursive: true });
      for (const later of files.slice(index + 1)) rmSync(join(copy, basename(later)));
      const cut = join(copy, basename(file));
      // A segment without its first record is no segment: whoever cuts cleanly takes it away.
      if (kept === 0) rmSync(cut);
      else writeFileSync(cut, `${lines.slice(0, kept).join("\n")}\n`);
      const anchored = await verify(root, copy, "--anchor", "last.note");
      assert.equal(anchored.exit, index === 0 && kept === 0 ? 2 : 3, anchored.out);
      const beside = await verify(root, copy);
      assert.equal(beside.exit, index === 0 && kept === 0 ? 2 : 3, beside.out);
      cuts += 1;
    }
  }
  assert.equal(cuts, size);
});

test("INV-AUDIT-ANCHOR: nothing else passes for the log of the anchor", async (t) => {
  const { root, log, checkpoints, key } = await writeLog(t);
  const note = readFileSync(join(root, "last.note"), "utf8");
  const segments = await listSegments(log);
  const last = segments.at(-1) ?? "";

  const changed = join(root, "changed");
  cpSync(log, changed, { recursive: true });
  const text = readFileSync(join(changed, basename(last)), "utf8");
  // The last record of all: the one that no other vouches for.
  const lines = text.split("\n");
  lines[lines.length - 2] = (lines.at(-2) ?? "").replace(/"uptime":\d+/, '"uptime":424242');
  writeFileSync(join(changed, basename(last)), lines.join("\n"));
  assert.equal((await verifyDirectory(changed)).damage, undefined, "the chain alone does not see it");

  const anew = join(root, "anew");
  const rewritten = await openLog(anew);
  await rewritten.append(auditEvent("0"));
  await rewritten.close();

  const [body = "", signature = ""] = note.split("\n\n");
  const flipped = signature.replace(/.(?=.{6}\n$)/, (letter) => (letter === "A" ? "B" : "A"));
  const forgedNote = `${body.replace(/\n[A-Za-z0-9+/]{43}=/, `\n${"A".repeat(43)}=`)}\n\n${flipped}`;
  mkdirSync(join(root, "empty"));

  // All that was signed taken away, and a segment in its place that says truly what the tree over it was.
  const graft = join(root, "graft");
  mkdirSync(graft);
  const head = checkpoints.at(-1);
  assert.ok(head !== undefined);
  const [stream = ""] = /[0-9a-f]{32}$/.exec(head.origin) ?? [];
  writeFileSync(join(graft, segmentName(9, stream)), graftOf(stream, head, lines.at(-2) ?? ""));

  const junk = join(root, "junk");
  cpSync(log, junk, { recursive: true });
  writeFileSync(join(junk, checkpointFile("0".repeat(32))), "{}\n");

  const stopped = join(root, "stopped");
  cpSync(log, stopped, { recursive: true });
  const stop = text.split("\n").at(-2) ?? "";
  const { seq } = JSON.parse(stop) as { seq: number };
  writeFileSync(
    join(stopped, basename(last)),
    `${text}${recordAfter(stream, seq + 1, leafOf(stop), "egress.decision", {})}\n`,
  );
  const files: Record<string, string> = {
    "forged.note": `${body}\n\n${flipped}`,
    "other-root.note": note.replace(/\n[A-Za-z0-9+/]{43}=\n/, `\n${"A".repeat(43)}=\n`),
    "none.note": "",
    "zero.note": note.replace(/\n\d+\n/, "\n0\n"),
    "stranger.note": note.replace("sluice.dev/audit/", "example.org/"),
    "garbage.log": '{"checkpoint": 7}\n{"checkpoint": "x"}\n',
    "nothing.log": '{"msg":"hello"}\n',
    "other.pem": otherPem,
    "mixed.log": `${JSON.stringify({ checkpoint: forgedNote })}\nstarted {"log": 7}\n${JSON.stringify({ log: `${JSON.stringify({ checkpoint: note })}\n` })}\n`,
    "forged.log": `${JSON.stringify({ checkpoint: forgedNote })}\n`,
  };
  for (const [name, content] of Object.entries(files)) writeFileSync(join(root, name), content);
  const otherVkey = `${otherKey.name}+${otherKey.keyId}+${Buffer.concat([Buffer.of(1), otherKey.publicKey]).toString("base64")}`;

  const rows: readonly [name: string, argv: readonly string[], exit: number, out: RegExp][] = [
    ["the last record changed", ["changed", "--anchor", "last.note"], 3, /NOT THE LOG of this checkpoint/],
    ["the last record changed, no anchor", ["changed"], 3, /NOT WHAT WAS SIGNED/],
    ["written anew", ["anew", "--anchor", "last.note"], 3, /holds NOTHING of the stream/],
    ["an empty directory", ["empty", "--anchor", "last.note"], 2, /no audit segment/],
    [
      "junk in a checkpoint's place",
      ["junk", "--anchor", "last.note"],
      2,
      /covers 13 records[^]*there is no checkpoint in it/,
    ],
    ["no directory", ["nowhere", "--anchor", "last.note"], 2, /UNREADABLE/],
    ["a signature changed", ["log", "--anchor", "forged.note"], 2, /no signature that counts/],
    [
      "a signature changed, with the key",
      ["log", "--anchor", "forged.note", "--key", key],
      2,
      /no signature that counts/,
    ],
    ["another root", ["log", "--anchor", "other-root.note"], 3, /NOT THE LOG/],
    ["an empty anchor", ["log", "--anchor", "none.note"], 2, /no checkpoint/],
    ["an anchor over nothing", ["log", "--anchor", "zero.note"], 2, /vouches for nothing/],
    ["an anchor of another kind of log", ["log", "--anchor", "stranger.note"], 2, /not the origin of an audit log/],
    ["a log in which the checkpoint is none", ["log", "--anchor", "garbage.log"], 2, /no checkpoint/],
    ["a collected log with a forged one", ["log", "--anchor", "mixed.log"], 0, /nothing is behind the anchor/],
    [
      "a collected log with nothing but a forged one",
      ["log", "--anchor", "forged.log"],
      4,
      /1 checkpoint in a collected log: ignored/,
    ],
    ["a graft", ["graft", "--anchor", "last.note"], 3, /LOST ITS BEGINNING/],
    ["a graft, with the key", ["graft", "--anchor", "last.note", "--key", key], 3, /LOST ITS BEGINNING/],
    [
      "records behind the stop",
      ["stopped", "--anchor", "last.note"],
      1,
      /behind record \d+, with which its stream was/,
    ],
    ["a log without a checkpoint", ["log", "--anchor", "nothing.log"], 2, /no checkpoint/],
    ["a missing anchor", ["log", "--anchor", "gone.note"], 2, /ENOENT/],
    ["another key", ["log", "--anchor", "last.note", "--key", "other.pem"], 4, /no anchor counts/],
    ["another log's key", ["log", "--anchor", "last.note", "--key", otherVkey], 4, /no anchor counts/],
    ["another key, no anchor", ["log", "--key", "other.pem"], 4, /the key that the log names itself/],
    ["a key that is none", ["log", "--key", "nonsense"], 2, /neither a verifier key nor a file/],
    ["an anchor of neither log", ["log", "anew", "--anchor", "last.note", "--json"], 4, /"strayAnchors":\[\]/],
    ["two logs, and an anchor of neither", ["anew", "anew", "--anchor", "last.note"], 3, /no log here is/],
  ];
  for (const [name, argv, exit, out] of rows) {
    const said = await verify(root, ...argv);
    assert.equal(said.exit, exit, `${name}: ${said.out}`);
    assert.match(said.out, out, name);
  }
  assert.ok(checkpoints.length > 8);
});

test("INV-AUDIT-ANCHOR: a log that tells of a gap is never quite verified", async (t) => {
  const { root, log } = await writeLog(t);
  const notes: string[] = [];
  const again = await openLog(log, {
    checkpoints: checkpointOptions({ publish: ({ note }) => notes.push(note) }),
  });
  await again.append({ ...auditEvent("s"), kind: "start", detail: { key: again.identity.key } });
  await again.append({ ...auditEvent("g"), kind: "gap", detail: { dropped: 3 } });
  await again.close();
  writeFileSync(join(root, "after.note"), notes.at(-1) ?? "");
  const before = await verify(root, "log", "--anchor", "last.note", "--anchor", "after.note");
  assert.equal(before.exit, 4, before.out);
  assert.match(before.out, /INTACT, WITH GAPS\n[^]*1 gap record/);
});

test("INV-AUDIT-ANCHOR: a log without its first segments is not what was signed, and its rest is told to be", async (t) => {
  const { root, log } = await writeLog(t);
  rmSync((await listSegments(log))[0] ?? "");
  const { exit, out } = await verify(root, "log", "--anchor", "last.note", "--key", "key.pem");
  assert.equal(exit, 3, out);
  assert.match(out, /LOST ITS BEGINNING[^]*the rest is as it was signed/);
  assert.match(out, /begins after audit-00000001/);
  assert.equal((await verify(root, "log")).exit, 4, "the checkpoint beside it is no anchor");
});

test("INV-AUDIT-ANCHOR: keys of one start do not speak against the checkpoints of another", async (t) => {
  const { root, log, key } = await writeLog(t);
  const notes: string[] = [];
  const again = await openLog(log, { checkpoints: checkpointOptions({ publish: ({ note }) => notes.push(note) }) });
  await again.append({ ...auditEvent("s"), kind: "start", detail: { key: again.identity.key } });
  await again.close();
  writeFileSync(join(root, "second.note"), notes.at(-1) ?? "");
  const rows: readonly [argv: readonly string[], exit: number][] = [
    [["--key", again.identity.key, "--anchor", "second.note"], 0],
    [["--key", again.identity.key, "--anchor", "second.note", "--anchor", "last.note"], 0],
    [["--key", again.identity.key], 4],
    [["--key", key, "--anchor", "last.note"], 0],
    [["--key", key, "--anchor", "second.note"], 4],
    [["--key", key, "--key", again.identity.key, "--anchor", "second.note"], 0],
  ];
  for (const [argv, exit] of rows) {
    const said = await verify(root, "log", ...argv);
    assert.equal(said.exit, exit, `${argv.join(" ")}\n${said.out}`);
  }
});

test("INV-AUDIT-ANCHOR: a day's worth of checkpoints is no burden", async (t) => {
  const { root, log, checkpoints } = await writeLog(t);
  const last = checkpoints.at(-1);
  assert.ok(last !== undefined);
  const many = Array.from({ length: 8_640 }, (_, index) => last.note.replace(/\n\d+\n/, `\n${index + 1}\n`));
  writeFileSync(join(root, "day.log"), many.map((note) => `${JSON.stringify({ checkpoint: note })}\n`).join(""));
  const began = performance.now();
  const { exit, out } = await verify(root, log, "--anchor", "day.log");
  assert.ok(performance.now() - began < 8_000, `${performance.now() - began} ms`);
  assert.equal(exit, 0, out);
  assert.ok(out.split("\n").length < 30, out);
});
