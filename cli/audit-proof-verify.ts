import { isUtf8 } from "node:buffer";
import { MAXIMUM_LINE_BYTES } from "../router/core/audit/record.ts";
import { streamOfOrigin } from "../router/core/audit/log-origin.ts";
import { ADD_CHECKPOINT_HEAD, parseAddCheckpoint } from "../router/core/tlog/add-checkpoint.ts";
import { type CheckpointNote, parseCheckpointNote } from "../router/core/tlog/checkpoint-note.ts";
import type { Checkpoint } from "../router/core/tlog/checkpoint.ts";
import { verifyConsistency } from "../router/core/tlog/consistency-proof.ts";
import { verifyInclusion } from "../router/core/tlog/inclusion-proof.ts";
import type { ProofVerdict } from "../router/core/tlog/proof-verdict.ts";
import type { SignedNote } from "../router/core/tlog/signed-note.ts";
import { parseTlogProof, type TlogProof } from "../router/core/tlog/tlog-proof.ts";
import { EMPTY_ROOT } from "../router/core/tlog/tree-hash.ts";
import { leafHash } from "../router/edge/audit/leaf-hash.ts";
import { nodeHash } from "../router/edge/audit/node-hash.ts";
import { readRecord, type ShownRecord } from "./shown-record.ts";
import { shownText, shownWord } from "./shown-text.ts";

/**
 * `unverified`: none of the trusted keys signed the note. `wrong`: a signature bears the name and id of a trusted key, and
 * does not verify; then the whole note is to be rejected.
 */
export type SignatureVerdict = "verified" | "unverified" | "wrong";

export interface ProofTrust {
  readonly checkSignature: (note: SignedNote) => SignatureVerdict;
  /** Texts of checkpoints that were kept elsewhere; they count where a trusted key signed them. */
  readonly anchors: readonly string[];
}

/**
 * `wrong`: the proof does not hold, or a signature does not. `inconsistent`: the checkpoint and an anchor are not of one
 * history, as far as this shows. `unanchored`: it goes on from a tree that no anchor is of. `unsigned`: it holds, and
 * nobody vouches for its checkpoint.
 */
export type ProofResult = "ok" | "wrong" | "malformed" | "inconsistent" | "unanchored" | "unsigned";

/** The exit codes of `sluice audit verify`. */
export const PROOF_EXIT: Readonly<Record<ProofResult, number>> = {
  ok: 0,
  wrong: 1,
  malformed: 2,
  inconsistent: 3,
  unanchored: 4,
  unsigned: 4,
};

/** What a proof file was found to be. What it holds is told for every result, as far as it could be read. */
export interface ProofReport {
  readonly result: ProofResult;
  /** Lines for people, fit for a terminal: the verdict, and what it is about. */
  readonly says: readonly string[];
  readonly checkpoint: Checkpoint | undefined;
  /** The record that it is about; undefined where it is about two trees. */
  readonly record: ShownRecord | undefined;
  /** The size of the old tree; undefined where it is about a record. */
  readonly oldSize: number | undefined;
}

/** In UTF-16 units, of an origin or a target. */
const LONGEST = 400;

/**
 * Verifies a proof as `audit prove` writes it: that a record is in a log (C2SP tlog-proof, the record's line as its extra
 * data), or that a log only went on since an anchor (C2SP add-checkpoint body). It says yes only where a trusted key
 * signed the checkpoint, or where it is an anchor itself.
 */
export function verifyProofFile(text: string, trust: ProofTrust): ProofReport {
  const anchors: CheckpointNote[] = [];
  for (const [index, anchor] of trust.anchors.entries()) {
    const parsed = parseCheckpointNote(anchor);
    if (!parsed.ok) return report("malformed", [`anchor ${index + 1} is no checkpoint: ${parsed.problem}`]);
    if (trust.checkSignature(parsed.value.note) === "wrong") {
      return report("wrong", [`the signature of anchor ${index + 1} does not verify with its key`]);
    }
    anchors.push(parsed.value);
  }
  return text.startsWith(ADD_CHECKPOINT_HEAD) ? verifyGrowth(text, trust, anchors) : verifyRecord(text, trust, anchors);
}

function verifyRecord(text: string, trust: ProofTrust, anchors: readonly CheckpointNote[]): ProofReport {
  const parsed = parseTlogProof(text);
  if (!parsed.ok) return report("malformed", [parsed.problem.message]);
  const proof = parsed.value;
  const note = parseCheckpointNote(proof.checkpoint);
  if (!note.ok) return report("malformed", [`it holds no checkpoint: ${note.problem}`]);
  const { checkpoint } = note.value;
  const line = lineOf(proof);
  const record = line === undefined ? undefined : readRecord(line);
  if (line === undefined || record?.ok !== true) {
    return report("malformed", ["its extra data is no audit record in canonical form"], { checkpoint });
  }
  const about = { checkpoint, record: record.value };
  const { seq, stream } = record.value;
  if (seq !== proof.index || stream !== streamOfOrigin(checkpoint.origin)) {
    const place = `record ${seq} of stream ${stream}`;
    const claim = `record ${proof.index} of ${shownText(checkpoint.origin, LONGEST)}`;
    return report("wrong", [`the record says that it is ${place}, and the proof is of ${claim}`], about);
  }
  const { size, root } = checkpoint;
  const verdict = verifyInclusion({ index: seq, leaf: leafOf(line), size, root, path: proof.path }, nodeHash);
  if (verdict !== "proved")
    return report("wrong", [`the record is not shown to be in the log: ${WHY[verdict]}`], about);
  const says = [
    `record ${seq} of stream ${stream} is in the log as it stands here:`,
    ...recordText(record.value),
    `the log has ${size} records at that checkpoint, and is ${shownText(checkpoint.origin, LONGEST)}`,
  ];
  return vouch(note.value, trust, anchors, says, about);
}

function verifyGrowth(text: string, trust: ProofTrust, anchors: readonly CheckpointNote[]): ProofReport {
  const parsed = parseAddCheckpoint(text);
  if (!parsed.ok) return report("malformed", [parsed.problem.message]);
  const { oldSize, path } = parsed.value;
  const note = parseCheckpointNote(parsed.value.checkpoint);
  if (!note.ok) return report("malformed", [`it holds no checkpoint: ${note.problem}`]);
  const { checkpoint } = note.value;
  const about = { checkpoint, oldSize };
  const origin = shownText(checkpoint.origin, LONGEST);
  const old = anchors.find((one) => one.checkpoint.origin === checkpoint.origin && one.checkpoint.size === oldSize);
  const oldRoot = oldSize === 0 ? EMPTY_ROOT : old?.checkpoint.root;
  if (oldRoot === undefined) {
    return report("unanchored", [`it goes on from ${oldSize} records of ${origin}, and no anchor is of these`], about);
  }
  const { size, root } = checkpoint;
  const verdict = verifyConsistency({ oldSize, oldRoot, newSize: size, newRoot: root, path }, nodeHash);
  if (verdict !== "proved") {
    const sentence = `the log of ${size} records is not shown to go on from that of ${oldSize}: ${WHY[verdict]}`;
    return report("inconsistent", [sentence], about);
  }
  const says = [`size ${oldSize} is a prefix of size ${size}: ${origin} has only been added to`];
  return vouch(note.value, trust, anchors, says, about);
}

/** The last question of every proof: who says that this is the log's root. */
function vouch(
  { checkpoint, note }: CheckpointNote,
  trust: ProofTrust,
  anchors: readonly CheckpointNote[],
  says: readonly string[],
  about: About,
): ProofReport {
  const { origin, size, root } = checkpoint;
  const signature = trust.checkSignature(note);
  if (signature === "wrong") return report("wrong", ["the checkpoint's signature does not verify with its key"], about);
  const same = anchors.filter((one) => one.checkpoint.origin === origin && one.checkpoint.size === size);
  if (same.some((one) => one.checkpoint.root !== root)) {
    return report(
      "inconsistent",
      [`an anchor has another root for the same ${size} records: the log was forked`],
      about,
    );
  }
  if (signature === "verified") return report("ok", [...says, "a trusted key signed the checkpoint"], about);
  if (same.some((one) => trust.checkSignature(one.note) === "verified")) {
    return report("ok", [...says, "the checkpoint is that of an anchor, which a trusted key signed"], about);
  }
  const nobody =
    "nobody vouches for the checkpoint: none of the trusted keys signed it, nor an anchor of the same size";
  return report("unsigned", [...says, nobody], about);
}

const WHY: Readonly<Record<Exclude<ProofVerdict, "proved">, string>> = {
  bad_size: "its number is not within the tree",
  bad_hash: "a hash is none",
  bad_length: "it has too many or too few hashes",
  wrong_old_root: "it leads to another root than the anchor's",
  wrong_root: "it leads to another root than the checkpoint's",
};

type About = Partial<Pick<ProofReport, "checkpoint" | "record" | "oldSize">>;

function report(result: ProofResult, says: readonly string[], about: About = {}): ProofReport {
  return { result, says, checkpoint: about.checkpoint, record: about.record, oldSize: about.oldSize };
}

function recordText({ time, kind, actor, action, target, decision, reason, rule }: ShownRecord): readonly string[] {
  const why = [reason === null ? "" : `, reason ${shownWord(reason, LONGEST)}`];
  if (rule !== null) why.push(`, rule ${shownWord(rule, LONGEST)}`);
  const pod = `${shownWord(actor.namespace, LONGEST)}/${shownWord(actor.pod, LONGEST)}`;
  return [
    `  at ${time}, ${kind} of pod ${pod}, agent ${shownWord(actor.agent, LONGEST)}`,
    `  decision ${decision}: ${shownWord(action, LONGEST)} ${shownText(target, LONGEST)}${why.join("")}`,
  ];
}

function lineOf({ extra }: TlogProof): string | undefined {
  if (extra === undefined || extra.length >= MAXIMUM_LINE_BYTES || !isUtf8(extra)) return undefined;
  return Buffer.from(extra).toString("utf8");
}

function leafOf(line: string): string {
  const bytes = Buffer.from(`\0${line}`);
  return leafHash(bytes, 1, bytes.length);
}
