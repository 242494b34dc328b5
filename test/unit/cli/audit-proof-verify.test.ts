import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { PROOF_EXIT, type ProofResult, verifyProofFile } from "../../../cli/audit-proof-verify.ts";
import { formatAddCheckpoint } from "../../../router/core/tlog/add-checkpoint.ts";
import { consistencyRanges, inclusionRanges } from "../../../router/core/tlog/proof-ranges.ts";
import { RangeHasher } from "../../../router/core/tlog/range-hasher.ts";
import type { SignedNote } from "../../../router/core/tlog/signed-note.ts";
import { formatTlogProof } from "../../../router/core/tlog/tlog-proof.ts";
import { type NoteSigner, signerFromPrivateKey, verifySignature } from "../../../router/edge/audit/ed25519.ts";
import { leafHash } from "../../../router/edge/audit/leaf-hash.ts";
import { nodeHash } from "../../../router/edge/audit/node-hash.ts";
import { SignedStream } from "./proof-fixture.ts";

const LOG = new SignedStream("a", [9, 4]);
const FORK = new SignedStream("a", [8, 6]);
const OTHER = new SignedStream("b", [13]);
const LINES = LOG.lines.flat();

function leavesOf(lines: readonly string[]): string[] {
  return lines.map((line) => {
    const bytes = Buffer.from(`\0${line}`);
    return leafHash(bytes, 1, bytes.length);
  });
}

/** A proof of one line of a log, whatever the line is. */
function proofOf(
  seq: number,
  changes: { line?: string; index?: number; note?: string; lines?: readonly string[] } = {},
) {
  const lines = changes.lines ?? LINES;
  const hasher = new RangeHasher(inclusionRanges(seq, lines.length) ?? assert.fail(), nodeHash);
  hasher.add(leavesOf(lines));
  return formatTlogProof({
    extra: Buffer.from(changes.line ?? lines[seq] ?? ""),
    index: changes.index ?? seq,
    path: hasher.hashes() ?? assert.fail(),
    checkpoint: changes.note ?? LOG.note(LOG.size),
  });
}

function growthOf(from: number, to: number, checkpoint = LOG.note(to), oldSize = from): string {
  const hasher = new RangeHasher(consistencyRanges(from, to) ?? assert.fail(), nodeHash);
  hasher.add(leavesOf(LINES));
  return formatAddCheckpoint({ oldSize, path: hasher.hashes() ?? assert.fail(), checkpoint });
}

/** A log of any lines, signed by the key of `LOG`. */
function forged(lines: readonly string[]): { note: string; lines: readonly string[] } {
  const hasher = new RangeHasher([{ from: 0, to: lines.length }], nodeHash);
  hasher.add(leavesOf(lines));
  const [root = ""] = hasher.hashes() ?? [];
  return {
    note: LOG.signedText(`${LOG.origin}\n${lines.length}\n${Buffer.from(root, "hex").toString("base64")}\n`),
    lines,
  };
}

const stranger: NoteSigner = signerFromPrivateKey(LOG.origin, generateKeyPairSync("ed25519").privateKey);
const broken = LOG.note(13).replace(
  /(.{8})=\n$/,
  (_, tail: string) => `${tail === "AAAAAAAA" ? "BBBBBBBB" : "AAAAAAAA"}=\n`,
);
const control = LINES.with(3, (LINES[3] ?? "").replace("host-3", "\\u001b[2J\u202ehost"));
const spaced = LINES.with(3, (LINES[3] ?? "").replace('"seq":3', '"seq": 3'));
const [PROOF, NOTE] = [proofOf(3), LOG.note(13)];

const rows: readonly [name: string, text: string, anchors: readonly string[], result: ProofResult, says: RegExp][] = [
  [
    "a record",
    PROOF,
    [],
    "ok",
    /^record 3 of stream a{32} is in the log as it stands here:\n {2}at 2026-11-20T00:00:00\.000Z, egress\.decision of pod research\/agent-7f9c, agent researcher\n {2}decision allow: connect host-3\.example:443, rule web\nthe log has 13 records at that checkpoint, and is sluice\.dev\/audit\/research\/agent-7f9c\/a{32}\na trusted key signed the checkpoint$/,
  ],
  [
    "a record, signed by nobody who is known",
    proofOf(3, { note: LOG.note(13, stranger) }),
    [],
    "unsigned",
    /^record 3[^]*\nnobody vouches for the checkpoint: none of the trusted keys signed it, nor an anchor of the same size$/,
  ],
  [
    "a record, and an anchor that nobody who is known has signed",
    proofOf(3, { note: LOG.note(13, stranger) }),
    [LOG.note(13, stranger)],
    "unsigned",
    /nobody vouches/,
  ],
  [
    "a record, and its checkpoint is an anchor",
    proofOf(3, { note: LOG.note(13, stranger) }),
    [NOTE],
    "ok",
    /\nthe checkpoint is that of an anchor, which a trusted key signed$/,
  ],
  [
    "an anchor of another size does not vouch",
    proofOf(3, { note: LOG.note(13, stranger) }),
    [LOG.note(12)],
    "unsigned",
    /nobody vouches/,
  ],
  [
    "an anchor of another log does not vouch",
    proofOf(3, { note: LOG.note(13, stranger) }),
    [OTHER.note(13)],
    "unsigned",
    /nobody vouches/,
  ],
  [
    "a signature that does not verify",
    proofOf(3, { note: broken }),
    [NOTE],
    "wrong",
    /^the checkpoint's signature does not verify with its key$/,
  ],
  [
    "an anchor of a fork",
    PROOF,
    [FORK.note(13)],
    "inconsistent",
    /^an anchor has another root for the same 13 records: the log was forked$/,
  ],
  ["an anchor that is none", PROOF, [NOTE, "x"], "malformed", /^anchor 2 is no checkpoint: No empty line/],
  ["an anchor with a broken signature", PROOF, [broken], "wrong", /^the signature of anchor 1 does not verify/],
  [
    "another record's line",
    proofOf(3, { line: LINES[4] ?? "" }),
    [],
    "wrong",
    /^the record says that it is record 4 of stream a{32}, and the proof is of record 3 of /,
  ],
  ["another index", proofOf(3, { index: 4 }), [], "wrong", /is record 3 of stream/],
  [
    "an edited line",
    proofOf(3, { line: (LINES[3] ?? "").replace("host-3", "host-9") }),
    [],
    "wrong",
    /^the record is not shown to be in the log: it leads to another root than the checkpoint's$/,
  ],
  [
    "another log's record under this log's key",
    proofOf(3, forged(OTHER.lines.flat())),
    [],
    "wrong",
    /is record 3 of stream b{32}, and the proof is of record 3 of sluice\.dev\/audit\/research\/agent-7f9c\/a{32}$/,
  ],
  [
    "an origin of another kind",
    proofOf(3, { note: LOG.note(13, LOG.signer, `example.com/${LOG.stream}`) }),
    [],
    "wrong",
    /the proof is of record 3 of example\.com/,
  ],
  [
    "a line with a space, signed as it is",
    proofOf(3, forged(spaced)),
    [],
    "malformed",
    /^its extra data is no audit record in canonical form$/,
  ],
  ["a line that is no record", proofOf(3, { line: "{}" }), [], "malformed", /no audit record/],
  ["a line with its newline", proofOf(3, { line: `${LINES[3] ?? ""}\n` }), [], "malformed", /no audit record/],
  ["no extra data", PROOF.replace(/extra .*\n/, ""), [], "malformed", /no audit record/],
  ["octets that are no text", PROOF.replace(/extra .*\n/, "extra /w==\n"), [], "malformed", /no audit record/],
  [
    "an octet that is no text within a record",
    PROOF.replace(
      /extra .*\n/,
      () => `extra ${Buffer.from((LINES[3] ?? "").replace("host-3", "\u00ff"), "latin1").toString("base64")}\n`,
    ),
    [],
    "malformed",
    /no audit record/,
  ],
  ["a missing hash", PROOF.replace(/(index 3\n).*\n/, "$1"), [], "wrong", /too many or too few hashes/],
  [
    "a record that steers a terminal",
    proofOf(3, forged(control)),
    [],
    "ok",
    /connect \\u001b\[2J\\u202ehost\.example:443/,
  ],
  ["text behind the checkpoint", `${PROOF}x`, [], "malformed", /^it holds no checkpoint/],
  [
    "a note that is no checkpoint",
    proofOf(3, { note: LOG.signedText("hello\n") }),
    [],
    "malformed",
    /^it holds no checkpoint: The signed text is not/,
  ],
  ["nothing", "", [], "malformed", /^The first line is not/],
  [
    "growth",
    growthOf(5, 13),
    [LOG.note(5)],
    "ok",
    /^size 5 is a prefix of size 13: sluice\.dev\/audit\/\S+ has only been added to\na trusted key signed the checkpoint$/,
  ],
  ["growth from nothing", growthOf(0, 13), [], "ok", /^size 0 is a prefix of size 13/],
  ["no growth", growthOf(13, 13), [NOTE], "ok", /^size 13 is a prefix of size 13/],
  [
    "growth, signed by nobody who is known",
    growthOf(5, 13, LOG.note(13, stranger)),
    [LOG.note(5)],
    "unsigned",
    /nobody vouches/,
  ],
  [
    "growth without an anchor",
    growthOf(5, 13),
    [LOG.note(6), OTHER.note(5)],
    "unanchored",
    /^it goes on from 5 records of \S+, and no anchor is of these$/,
  ],
  ["growth from a fork", growthOf(11, 13), [FORK.note(11)], "inconsistent", /another root than the anchor's$/],
  [
    "growth to a fork",
    growthOf(5, 13, FORK.note(13)),
    [LOG.note(5)],
    "inconsistent",
    /another root than the checkpoint's$/,
  ],
  ["growth from a larger tree", growthOf(5, 13, LOG.note(5), 13), [NOTE], "inconsistent", /not within the tree$/],
  ["growth from no size", growthOf(5, 13).replace("old 5", "old -5"), [LOG.note(5)], "malformed", /^The first line/],
  ["growth with a broken signature", growthOf(5, 13, broken), [LOG.note(5)], "wrong", /does not verify with its key$/],
];

for (const [name, text, anchors, result, says] of rows) {
  test(`a proof file: ${name}`, () => {
    const checkSignature = (note: SignedNote): "verified" | "unverified" | "wrong" => {
      const verdict = verifySignature(note, LOG.signer.key);
      return verdict === "absent" ? "unverified" : verdict;
    };
    const report = verifyProofFile(text, { checkSignature, anchors });
    const said = report.says.join("\n");
    assert.match(said, says);
    assert.deepEqual([report.result, PROOF_EXIT[report.result] === 0], [result, result === "ok"]);
    assert.doesNotMatch(said.replaceAll("\n", ""), /[\p{C}]/u);
  });
}

test("without a key that is trusted and without an anchor no proof is a yes", () => {
  for (const text of [PROOF, growthOf(0, 13), growthOf(5, 13)]) {
    const report = verifyProofFile(text, { checkSignature: () => "unverified", anchors: [LOG.note(5)] });
    assert.equal(PROOF_EXIT[report.result], 4);
  }
});
