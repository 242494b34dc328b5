/**
 * What we write for others to check, checked by others: Go's sumdb/note, transparency-dev's formats and merkle, gowebpki's
 * RFC 8785 and the OTLP messages (`test/tools/tlog`). They share no line with us. And what they write, read by us.
 */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { type TestContext, test } from "node:test";
import { auditProve } from "../../cli/audit-prove.ts";
import { WitnessOutput } from "../../router/app/witness-output.ts";
import { epochMillis } from "../../router/core/base/quantity.ts";
import { ok } from "../../router/core/base/result.ts";
import { otlpBody } from "../../router/core/export/otlp-body.ts";
import { formatAddCheckpoint } from "../../router/core/tlog/add-checkpoint.ts";
import { parseCheckpoint } from "../../router/core/tlog/checkpoint.ts";
import { type CompactRange, emptyRange, joinRanges } from "../../router/core/tlog/compact-range.ts";
import { rangeConsistency } from "../../router/core/tlog/range-consistency.ts";
import { formatSignedNote, parseSignedNote } from "../../router/core/tlog/signed-note.ts";
import { formatTlogProof, parseTlogProof } from "../../router/core/tlog/tlog-proof.ts";
import { formatVerifierKey, parseVerifierKey } from "../../router/core/tlog/verifier-key.ts";
import type { SignedCheckpoint } from "../../router/edge/audit/checkpoints.ts";
import {
  cosignedAt,
  cosignerFromPrivateKey,
  createSigner,
  sha256,
  verifySignature,
} from "../../router/edge/audit/ed25519.ts";
import { nodeHash } from "../../router/edge/audit/node-hash.ts";
import { Witness } from "../../router/edge/audit/witness.ts";
import { openWitnessServer } from "../../router/edge/audit/witness-server.ts";
import { WitnessStore } from "../../router/edge/audit/witness-store.ts";
import { auditSample } from "../fakes/audit-sample.ts";
import { type CheckpointedLog, checkpointedLog, fileIn, type LoggedStream } from "../fakes/checkpointed-log.ts";
import { tlog, tlogTool, tlogWitness } from "../fakes/tlog-tool.ts";
import { requirement } from "../require.ts";
import { scratchDirectory } from "../unit/edge/audit/log-fixture.ts";

const need = requirement("tlog", tlogTool !== undefined, "node test/tools/build.ts has not built it");

/** The program must refuse, and say why. */
async function refused(reason: RegExp, ...args: readonly string[]): Promise<void> {
  const { exit, said } = await tlog(...args);
  assert.equal(exit, 1, `${args.join(" ")}: ${JSON.stringify(said)}`);
  assert.match(String(said["problem"]), reason);
}

async function accepted(...args: readonly string[]): Promise<{ readonly [key: string]: unknown }> {
  const { exit, said } = await tlog(...args);
  assert.equal(exit, 0, `${args.join(" ")}: ${JSON.stringify(said)}`);
  return said;
}

function written(directory: string, name: string, text: string): string {
  const path = fileIn(directory, name);
  writeFileSync(path, text);
  return path;
}

/** What `sluice audit prove` gives for the log, with this as its newest head. */
async function prove(directory: string, newest: SignedCheckpoint, ...more: readonly string[]): Promise<string> {
  const checkpoint = written(directory, "newest", newest.note);
  let [out, err] = ["", ""];
  const exit = await auditProve([directory, "--checkpoint", checkpoint, ...more], {
    stdout: (text) => void (out += text),
    stderr: (text) => void (err += text),
    cwd: directory,
    now: () => epochMillis(0),
  });
  assert.equal(exit, 0, err);
  return out;
}

/** The longest stream, its newest head, and one before. */
function longest(
  log: CheckpointedLog,
): LoggedStream & { readonly last: SignedCheckpoint; readonly early: SignedCheckpoint } {
  const stream = log.streams[0];
  const [early, last] = [stream?.checkpoints[1], stream?.checkpoints.at(-1)];
  assert.ok(stream !== undefined && early !== undefined && last !== undefined && early.size < last.size);
  return { ...stream, last, early };
}

test("from the raw lines alone: RFC 8785, links, and the root of every head that was signed", need, async (t) => {
  const { directory, segments, streams } = await checkpointedLog(t);
  const records = streams.reduce((sum, { lines }) => sum + lines.length, 0);
  assert.ok(segments.length > 4 && records > 30, "several segments");
  assert.deepEqual(await accepted("jcs", directory), { lines: records });

  assert.deepEqual(await accepted("log", directory), {
    records,
    segments: segments.length,
    continues: false,
    streams: streams.map(({ stream, lines, checkpoints }) => ({
      stream,
      begin: 0,
      size: lines.length,
      root: checkpoints.at(-1)?.root,
    })),
  });
  for (const { stream, vkey, checkpoints } of streams) {
    for (const { note, size, root } of checkpoints) {
      const file = written(directory, "head", note);
      const said = await accepted("log", "--stream", stream, "--note", file, "--vkey", vkey, directory);
      assert.deepEqual(said["streams"], [{ stream, begin: 0, size, root }]);
    }
  }
});

test("a later segment alone, with the subtrees that its first record names", need, async (t) => {
  const log = await checkpointedLog(t);
  const { stream, vkey, last, early } = longest(log);
  const [first = "", ...rest] = log.segments;
  rmSync(first);
  const note = written(log.directory, "head", last.note);
  const said = await accepted("log", "--stream", stream, "--note", note, "--vkey", vkey, log.directory);
  assert.equal(said["continues"], true);
  const [{ begin, root } = { begin: 0, root: "" }] = said["streams"] as { begin: number; root: string }[];
  assert.ok(begin > 0);
  assert.equal(root, last.root);

  const file = written(log.directory, "early", early.note);
  await refused(
    /holds records .* not a tree of/,
    "log",
    "--stream",
    stream,
    "--note",
    file,
    "--vkey",
    vkey,
    log.directory,
  );
  rmSync(rest[0] ?? "");
  const segment = readFileSync(rest[1] ?? "", "utf8");
  writeFileSync(rest[1] ?? "", segment.replace(/"tree":\["[0-9a-f]{8}/, '"tree":["00000000'));
  await refused(/has root|prev is/, "log", "--stream", stream, "--note", note, "--vkey", vkey, log.directory);
});

/** Changes of one segment, which has the middle of the longest stream. */
const tampering: readonly [name: string, change: (lines: string[]) => string[], reason: RegExp][] = [
  [
    "a decision turned",
    (lines) => lines.map((line) => line.replace('"decision":"allow"', '"decision":"deny"')),
    /prev is/,
  ],
  ["a record taken out", (lines) => lines.toSpliced(2, 1), /prev is/],
  ["two records exchanged", ([a = "", b = "", c = "", ...rest]) => [a, c, b, ...rest], /prev is/],
  ["a record twice", ([a = "", b = "", ...rest]) => [a, b, b, ...rest], /prev is/],
  ["the last line torn", (lines) => [...lines.slice(0, -2), `${lines.at(-2)}`.slice(0, -1)], /last line has no end/],
  [
    "another number",
    (lines) => lines.with(0, `${lines[0]}`.replace(/"seq":\d+(?=,"stream":"\w+","target")/, '"seq":999')),
    /seq is 999/,
  ],
  [
    "another subtree",
    (lines) => lines.with(0, `${lines[0]}`.replace(/"tree":\["[0-9a-f]{8}/, '"tree":["00000000')),
    /detail.tree is/,
  ],
];

test("a changed log is refused", need, async (t) => {
  const { directory, segments } = await checkpointedLog(t);
  for (const [name, change, reason] of tampering) {
    const copy = join(scratchDirectory(t), name);
    cpSync(directory, copy, { recursive: true });
    const segment = join(copy, basename(segments[1] ?? ""));
    const lines = readFileSync(segment, "utf8").split("\n");
    writeFileSync(segment, change(lines).join("\n"));
    await refused(reason, "log", copy);
  }
});

test("the last record of all, for which no other vouches: the signed head does", need, async (t) => {
  const { directory, segments, streams } = await checkpointedLog(t);
  const { stream = "", vkey = "", checkpoints = [] } = streams.at(-1) ?? {};
  const note = written(directory, "head", checkpoints.at(-1)?.note ?? "");
  const head = ["log", "--stream", stream, "--note", note, "--vkey", vkey, directory];
  const segment = segments.at(-1) ?? "";
  const text = readFileSync(segment, "utf8");
  writeFileSync(segment, text.replace(/"uptime":\d+(?=,"v":1\}\n$)/, '"uptime":1000000'));
  await accepted("log", directory);
  await refused(/has root/, ...head);
  writeFileSync(segment, text.replace(/.*\n$/, ""));
  await accepted("log", directory);
  await refused(/not a tree of/, ...head);
  writeFileSync(segment, text);
  await accepted(...head);
});

test("open: our notes, and no forgery of them", need, async (t) => {
  const log = await checkpointedLog(t);
  const { vkey, last, early, stream } = longest(log);
  const { origin, size, root } = last;
  const file = written(log.directory, "head", last.note);
  assert.deepEqual(await accepted("open", "--vkey", vkey, file), { origin, size, root, cosigners: [] });

  const other = formatVerifierKey(createSigner(origin).key);
  const elsewhere = formatVerifierKey(createSigner(`${origin}0`).key);
  const rootText = Uint8Array.fromHex(root).toBase64();
  const forgeries: readonly [name: string, note: string, key: string, reason: RegExp][] = [
    ["another key of that name", last.note, other, /no verifiable signatures/],
    ["a key of another log", last.note, elsewhere, /no verifiable signatures/],
    ["a smaller tree", last.note.replace(`\n${size}\n`, `\n${size - 1}\n`), vkey, /invalid signature/],
    ["another root", last.note.replace(rootText, early.root), vkey, /invalid signature/],
    ["another stream", last.note.replace(stream, "0".repeat(32)), vkey, /invalid signature/],
    ["one line more", last.note.replace("\n\n", "\nx\n\n"), vkey, /invalid signature/],
    ["another head's signature", last.note.replace(/.*\n$/, lastLine(early.note)), vkey, /invalid signature/],
    ["no signature", last.note.replace(/.*\n$/, ""), vkey, /malformed note/],
  ];
  for (const [name, note, key, reason] of forgeries) {
    await refused(reason, "open", "--vkey", key, written(log.directory, name, note));
  }
});

function lastLine(text: string): string {
  return text.slice(text.lastIndexOf("\n", text.length - 2) + 1);
}

test("inclusion: a proof for every record, against every kind of head", need, async (t) => {
  const log = await checkpointedLog(t);
  for (const stream of log.streams) {
    const { vkey, checkpoints, lines } = stream;
    for (const checkpoint of checkpoints.slice(-2)) {
      for (let index = 0; index < checkpoint.size; index += 1) {
        const proof = await prove(log.directory, checkpoint, "--seq", `${index}`);
        const said = await accepted("inclusion", "--vkey", vkey, written(log.directory, "proof", proof));
        assert.deepEqual(
          [said["index"], said["size"], said["root"], said["record"]],
          [index, checkpoint.size, checkpoint.root, JSON.parse(lines[index] ?? "")],
        );
      }
    }
  }
});

test("inclusion: every part of a proof counts", need, async (t) => {
  const log = await checkpointedLog(t);
  const stream = longest(log);
  const parsed = parseTlogProof(await prove(log.directory, stream.last, "--seq", "5"));
  assert.ok(parsed.ok);
  const proof = parsed.value;
  const [sibling = "", ...rest] = proof.path;
  const other = formatVerifierKey(createSigner(stream.last.origin).key);
  const changed = Uint8Array.from(Buffer.from((stream.lines[5] ?? "").replace('"allow"', '"deny"')));
  const forgeries: readonly [name: string, text: string, reason: RegExp, key?: string][] = [
    ["another index", formatTlogProof({ ...proof, index: 4 }), /root/],
    ["an index beyond", formatTlogProof({ ...proof, index: stream.last.size }), /index is beyond size/],
    ["a changed record", formatTlogProof({ ...proof, extra: changed }), /root/],
    ["no record", formatTlogProof({ ...proof, extra: undefined }), /no extra data/],
    [
      "another sibling",
      formatTlogProof({ ...proof, path: [`${sibling.slice(0, -1)}${sibling.endsWith("0") ? "1" : "0"}`, ...rest] }),
      /root/,
    ],
    ["a hash too few", formatTlogProof({ ...proof, path: rest }), /wrong proof size/],
    ["a hash too many", formatTlogProof({ ...proof, path: [sibling, ...proof.path] }), /wrong proof size/],
    ["in another order", formatTlogProof({ ...proof, path: proof.path.toReversed() }), /root/],
    ["an older head", formatTlogProof({ ...proof, checkpoint: stream.early.note }), /root|beyond|proof size/],
    ["another key", formatTlogProof(proof), /no verifiable signatures/, other],
    ["another form", formatTlogProof(proof).replace("index 5", "index 05"), /not in the form/],
  ];
  for (const [name, text, reason, key = stream.vkey] of forgeries) {
    await refused(reason, "inclusion", "--vkey", key, written(log.directory, name, text));
  }
});

test("consistency: from every head to every later one", need, async (t) => {
  const log = await checkpointedLog(t);
  for (const { vkey, checkpoints } of log.streams) {
    const olds = [undefined, ...checkpoints];
    for (const [from, older] of olds.entries()) {
      for (let to = from; to < checkpoints.length; to += 1) {
        const [body, newer] = growth(older, checkpoints.slice(from, to + 1));
        const file = written(log.directory, "body", body);
        const old = older === undefined ? [] : ["--old", written(log.directory, "old", older.note)];
        const [, oldFile] = old;
        if (newer !== undefined && oldFile !== undefined) {
          assert.equal(await prove(log.directory, newer, "--from", oldFile), body, "from the lines as from the ranges");
        }
        const said = await accepted("consistency", "--vkey", vkey, ...old, file);
        assert.deepEqual([said["old"], said["size"], said["root"]], [older?.size ?? 0, newer?.size, newer?.root]);
      }
    }
  }
});

/** The add-checkpoint body from one head over those that follow it to the last of them. */
function growth(
  older: SignedCheckpoint | undefined,
  following: readonly SignedCheckpoint[],
): readonly [body: string, newer: SignedCheckpoint | undefined] {
  const newer = following.at(-1);
  const tree: CompactRange = older?.tree ?? emptyRange(0);
  let since = emptyRange(tree.end);
  for (const checkpoint of following) since = joinRanges(since, checkpoint.since, nodeHash) ?? since;
  const path = rangeConsistency(tree, since, nodeHash);
  return [formatAddCheckpoint({ oldSize: tree.end, path, checkpoint: newer?.note ?? "" }), newer];
}

test("consistency: a tree that does not go on from the old one is refused", need, async (t) => {
  const log = await checkpointedLog(t);
  const { vkey, checkpoints, early, last } = longest(log);
  const [body] = growth(early, checkpoints.slice(2));
  const hashes = body.split("\n").slice(1, body.split("\n").indexOf(""));
  const fork = createSigner(last.origin);
  const forkKey = formatVerifierKey(fork.key);
  const forked = (text: string) => formatSignedNote(text, [fork.sign(text)]);
  const head = (size: number, root: string) =>
    forked(`${last.origin}\n${size}\n${Uint8Array.fromHex(root).toBase64()}\n`);
  const signed = (old: SignedCheckpoint) => [head(old.size, old.root), head(old.size, last.root)] as const;
  const [honest, lying] = signed(early);
  const bodyOf = (note: string) => body.slice(0, body.indexOf("\n\n") + 2) + note;
  const whole = bodyOf(head(last.size, last.root));
  assert.ok(hashes.length > 1);
  await accepted(
    "consistency",
    "--vkey",
    forkKey,
    "--old",
    written(log.directory, "o", honest),
    written(log.directory, "b", whole),
  );
  const forgeries: readonly [name: string, body: string, old: string, reason: RegExp, key?: string][] = [
    ["another old root", whole, lying, /root/],
    ["another new root", bodyOf(head(last.size, early.root)), honest, /root/],
    // A proof says little of the new size: many have the same shape. The signature says it.
    ["a new size of another shape", bodyOf(head(last.size + 64, last.root)), honest, /root|proof size/],
    ["a hash too few", whole.replace(`${hashes[0]}\n`, ""), honest, /root|proof size/],
    ["another hash", whole.replace(`${hashes[0]}`, `${hashes[1]}`), honest, /root/],
    ["an old size that is not the old head's", whole.replace(/^old \d+/, "old 1"), honest, /goes on from size 1/],
    ["the old head as the new one", `old ${early.size}\n${hashes[0]}\n\n${honest}`, honest, /not empty/],
    ["hashes for a first head", whole.replace(/^old \d+/, "old 0"), head(0, "e3".repeat(32)), /expected empty proof/],
    ["another key", whole, honest, /no verifiable signatures/, vkey],
  ];
  for (const [name, text, old, reason, key = forkKey] of forgeries) {
    const files = [written(log.directory, "old", old), written(log.directory, name, text)] as const;
    await refused(reason, "consistency", "--vkey", key, "--old", ...files);
  }
});

test("jcs: the library refuses what is no RFC 8785 form", need, async (t) => {
  const directory = scratchDirectory(t);
  const rows = [
    '{"b":1,"a":2}',
    '{"a": 1}',
    '{"a":1.0}',
    '{"a":1E3}',
    '{"a":-0}',
    '{"a":"\\u00e9"}',
    '{"a":"\\/"}',
    '{"a":1,"a":1}',
    '{"a":1}{}',
    "",
  ];
  for (const row of rows) await refused(/./, "jcs", written(directory, "line", `{}\n${row}\n`));
  await refused(/no end/, "jcs", written(directory, "line", "{}"));
});

test("notes and cosignatures that Go's libraries make are ours to read", need, async (t) => {
  const log = await checkpointedLog(t);
  const { last, vkey } = longest(log);
  const pair = await accepted("keygen", "--name", last.origin);
  const text = last.note.slice(0, last.note.indexOf("\n\n") + 1);
  const file = written(log.directory, "text", text);
  const { note } = await accepted("sign", "--skey", String(pair["skey"]), file);
  const key = parseVerifierKey(String(pair["vkey"]), sha256);
  const read = parseSignedNote(String(note));
  assert.ok(key !== undefined && read.ok);
  assert.equal(verifySignature(read.value, key), "verified");
  assert.deepEqual(parseCheckpoint(read.value.text), { origin: last.origin, size: last.size, root: last.root });
  assert.equal(formatVerifierKey(key), pair["vkey"]);
  const changed = { ...read.value, text: text.replace(`\n${last.size}\n`, "\n1\n") };
  assert.equal(verifySignature(changed, key), "wrong");

  const witness = await accepted("keygen", "--name", "witness.example/w1", "--cosigner");
  const head = written(log.directory, "head", last.note);
  const made = await accepted("cosign", "--skey", String(witness["skey"]), "--vkey", vkey, head);
  const cosigned = parseSignedNote(String(made["note"]));
  const [logKey, witnessKey] = [parseVerifierKey(vkey, sha256), parseVerifierKey(String(witness["vkey"]), sha256)];
  assert.ok(cosigned.ok && logKey !== undefined && witnessKey !== undefined);
  assert.equal(verifySignature(cosigned.value, logKey), "verified");
  const at = cosignedAt(cosigned.value, witnessKey) ?? 0;
  assert.ok(Math.abs(at - Date.now() / 1_000) < 60, String(at));
});

test("cosignatures that we make are Go's to read, and no forgery of them", need, async (t) => {
  const log = await checkpointedLog(t);
  const { last, vkey } = longest(log);
  const cosigner = cosignerFromPrivateKey("witness.example/w1", generateKeyPairSync("ed25519").privateKey);
  const read = parseSignedNote(last.note);
  assert.ok(read.ok);
  const { text, signatures } = read.value;
  const cosigned = formatSignedNote(text, [...signatures, cosigner.cosign(text, 1_800_000_000)]);
  const trust = ["open", "--vkey", vkey, "--cosigner", formatVerifierKey(cosigner.key)] as const;
  const said = await accepted(...trust, written(log.directory, "head", cosigned));
  assert.deepEqual(said["cosigners"], [{ name: "witness.example/w1", time: "2027-01-15T08:00:00Z" }]);

  await refused(/has not cosigned/, ...trust, written(log.directory, "head", last.note));
  const { signature } = cosigner.cosign(text, 1_800_000_001);
  signature.set(cosigner.cosign(text, 1_800_000_000).signature.subarray(0, 8));
  const forged = formatSignedNote(text, [...signatures, { ...cosigner.cosign(text, 0), signature }]);
  await refused(/invalid signature/, ...trust, written(log.directory, "head", forged));
});

test("our witness client against a witness of Go's libraries", need, async (t) => {
  const log = await checkpointedLog(t);
  const { checkpoints, vkey, last, early } = longest(log);
  const pair = await accepted("keygen", "--name", "witness.example/w1", "--cosigner");
  const key = parseVerifierKey(String(pair["vkey"]), sha256);
  assert.ok(key !== undefined);
  const logs = written(log.directory, "logs", "");
  const url = await tlogWitness(t, String(pair["skey"]), logs);
  const statuses: number[] = [];
  const notes: string[] = [];
  const problems: (string | undefined)[] = [];
  const output = new WitnessOutput({
    key,
    post: async (body) => {
      const response = await fetch(`${url}/add-checkpoint`, { method: "POST", body });
      statuses.push(response.status);
      const contentType = response.headers.get("content-type") ?? undefined;
      return ok({ status: response.status, contentType, body: await response.text() });
    },
    onCosigned: (note) => void notes.push(note),
    onProblem: (sentence) => void problems.push(sentence),
  });
  for (const checkpoint of checkpoints.slice(0, 2)) output.offer(checkpoint);
  await until(() => statuses.length > 0);
  assert.deepEqual([statuses, problems], [[404], ["The witness answered 404."]], "not known there");

  writeFileSync(logs, `${vkey}\n`);
  for (const checkpoint of checkpoints.slice(2)) output.offer(checkpoint);
  await output.close();
  assert.equal(output.status().cosignedSize, last.size);
  const note = notes.at(-1) ?? "";
  const trust = ["--vkey", vkey, "--cosigner", String(pair["vkey"])] as const;
  await accepted("open", ...trust, written(log.directory, "cosigned", note));

  const [stale] = growth(early, checkpoints.slice(2));
  const again = await accepted("feed", ...trust, url, written(log.directory, "stale", stale));
  assert.deepEqual([again["status"], again["body"]], [409, `${last.size}\n`]);
});

/** Our witness, as `sluice audit witness` runs it, for one log. */
async function ourWitness(t: TestContext, log: string): Promise<{ readonly url: string; readonly vkey: string }> {
  const opened = await WitnessStore.open(join(scratchDirectory(t), "witness"));
  const cosigner = cosignerFromPrivateKey("witness.example/ours", generateKeyPairSync("ed25519").privateKey);
  const key = parseVerifierKey(log, sha256);
  assert.ok(opened.ok && key !== undefined);
  const trust = { named: new Map([[key.name, [key]]]), shared: undefined, enroll: [] };
  const now = () => epochMillis(Date.now());
  const witness = new Witness({ store: opened.value, cosigner, trust, maximumLogs: 1, now });
  const server = await openWitnessServer(
    { host: "127.0.0.1", port: 0 },
    (body, offered) => witness.addCheckpoint(body, offered),
    (thrown) => assert.fail(String(thrown)),
  );
  t.after(async () => {
    await server[Symbol.asyncDispose]();
    opened.value.close();
  });
  return { url: `http://${server.bound}`, vkey: formatVerifierKey(cosigner.key) };
}

// The order of the checks is ours in both, from the specification; signatures and trees are checked by two codes.
test("our witness and that of Go's libraries answer a Go client alike", need, async (t) => {
  const log = await checkpointedLog(t);
  const { checkpoints, vkey, last, early } = longest(log);
  const first = checkpoints[0];
  const stranger = log.streams[1]?.checkpoints[0];
  const pair = await accepted("keygen", "--name", "witness.example/go", "--cosigner");
  const go = await tlogWitness(t, String(pair["skey"]), written(log.directory, "logs", `${vkey}\n`));
  const witnesses = [await ourWitness(t, vkey), { url: go, vkey: String(pair["vkey"]) }] as const;

  const [begin] = growth(undefined, checkpoints.slice(0, 1));
  const [onward] = growth(first, checkpoints.slice(1, 2));
  const [finish] = growth(early, checkpoints.slice(2));
  const impostor = createSigner(last.origin);
  const text = `${last.origin}\n${last.size}\n${Uint8Array.fromHex(last.root).toBase64()}\n`;
  const forged = formatSignedNote(text, [impostor.sign(text)]);
  const hash = `${Uint8Array.fromHex(last.root).toBase64()}\n`;
  const sizes = { first: first?.size ?? 0, early: early.size, last: last.size };
  const rows: readonly [name: string, body: string, status: number, held?: number][] = [
    ["a log that is not known", `old 0\n\n${stranger?.note}`, 404],
    ["another key", `old 0\n\n${forged}`, 403],
    ["nothing", "", 400],
    ["no old size", begin.replace("old 0\n", ""), 400],
    ["an old size with a zero before it", begin.replace("old 0", "old 00"), 400],
    ["an old size beyond the new", `old 1000\n\n${first?.note}`, 400],
    ["from a size that it does not have", onward, 409, 0],
    ["hashes for the first head", begin.replace("\n\n", `\n${hash}\n`), 422],
    ["the first head", begin, 200],
    ["it again", begin, 409, sizes.first],
    ["it as its own successor", `old ${sizes.first}\n\n${first?.note}`, 200],
    ["a hash too many", onward.replace("\n\n", `\n${hash}\n`), 422],
    ["no hashes", `old ${sizes.first}\n\n${early.note}`, 422],
    ["the next head", onward, 200],
    ["64 hashes", `old ${sizes.early}\n${hash.repeat(64)}\n${last.note}`, 400],
    ["a hash of 31 octets", `old ${sizes.early}\n${"A".repeat(42)}==\n\n${last.note}`, 400],
    ["the newest head", finish, 200],
    ["back to an older one", `old ${sizes.early}\n\n${early.note}`, 409, sizes.last],
  ];
  for (const [name, body, status, held] of rows) {
    const file = written(log.directory, "row", body);
    for (const witness of witnesses) {
      const trust = ["--vkey", vkey, "--cosigner", witness.vkey] as const;
      const said = await accepted("feed", "--raw", ...trust, witness.url, file);
      assert.equal(said["status"], status, `${name}: ${JSON.stringify(said)}`);
      if (held === undefined) continue;
      assert.deepEqual([said["contentType"], said["body"]], ["text/x.tlog.size", `${held}\n`], name);
    }
  }
});

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5));
}

test("OTLP: a logs request with every kind of record", need, async (t) => {
  const directory = scratchDirectory(t);
  const sample = auditSample();
  const { body } = otlpBody(sample, "0.1.0", epochMillis(1_800_000_000_000));
  const said = await accepted("otlp", written(directory, "body", body));
  assert.deepEqual([said["resources"], said["scopes"], said["records"]], [1, 1, sample.length]);
  const kinds = new Set(sample.map(({ kind }) => `sluice.audit.${kind}`));
  assert.deepEqual(new Set(said["events"] as string[]), kinds);

  const spoiled: readonly [name: string, from: RegExp, to: string, reason: RegExp][] = [
    ["a field that is none", /"eventName"/, '"event"', /unknown field/],
    ["snake_case", /"timeUnixNano"/, '"time_unix_nano"', /another form/],
    ["a number for a 64-bit text", /"timeUnixNano":"(\d+)"/, '"timeUnixNano":$1', /another form/],
    ["an enum by name", /"severityNumber":9/, '"severityNumber":"SEVERITY_NUMBER_INFO"', /another form/],
    ["an id in base64", /"traceId":"[0-9a-f]+"/, '"traceId":"CvdlGRbNQ92ESOshHIAxnA=="', /octets in hex/],
    ["a text for a number", /"severityNumber":9/, '"severityNumber":"x"', /invalid value/],
  ];
  for (const [name, from, to, reason] of spoiled) {
    assert.match(body, from, name);
    await refused(reason, "otlp", written(directory, name, body.replace(from, to)));
  }
});
