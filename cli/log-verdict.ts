import { readdir } from "node:fs/promises";
import type { ChainReport } from "../router/core/audit/chain-report.ts";
import { fail } from "../router/core/base/result.ts";
import { anchorCheck, type AnchorVerdict, type CheckedAnchor } from "../router/core/audit/check-anchor.ts";
import { parseVerifierKey } from "../router/core/tlog/verifier-key.ts";
import { sha256, verifySignature } from "../router/edge/audit/ed25519.ts";
import { listSegments } from "../router/edge/audit/read-segments.ts";
import { verifyLog } from "../router/edge/audit/verify-log.ts";
import { type Anchor, readAnchors } from "./anchor-file.ts";
import { judgeNote, type LogKey } from "./log-key.ts";

/** As of contract.md: 0 anchored, 1 tampered, 2 unreadable, 3 shorter or inconsistent, 4 intact without more. */
export type LogExit = 0 | 1 | 2 | 3 | 4;

const WORST_FIRST: readonly LogExit[] = [1, 3, 2, 4, 0];

export function worstExit(exits: readonly LogExit[]): LogExit {
  return WORST_FIRST.find((code) => exits.includes(code)) ?? 2;
}

/**
 * Whose word a checkpoint is. `pinned`: signed as `--key` asks. `own`: signed by the key that the log itself names, and
 * nobody else vouches for that. `wrong`: by neither, or with a signature that does not verify. `unknown`: no key that was
 * given is for it, and the part of the log that names its own is not here.
 */
export type SignedBy = "pinned" | "own" | "wrong" | "unknown";

/** One checkpoint against the log. */
export interface HeadVerdict {
  readonly file: string;
  readonly stream: string;
  readonly size: number;
  readonly verdict: AnchorVerdict;
  readonly signedBy: SignedBy;
  /** Records of the log that it vouches for; 0 where it is not covered. */
  readonly records: number;
}

export interface LogVerdict {
  readonly path: string;
  readonly exit: LogExit;
  readonly report?: ChainReport;
  /** Kept elsewhere: given with `--anchor`. */
  readonly anchors?: readonly HeadVerdict[];
  /** Checkpoints of a collected log that nobody who counts has signed. */
  readonly ignored?: number;
  /** Beside the log: they show who signs it, and not that nothing is cut off. */
  readonly checkpoints?: readonly HeadVerdict[];
  /** What lies beside the log in the place of a checkpoint, and is none: a sentence each. */
  readonly spoilt?: readonly string[];
  /** Why there is no report. */
  readonly error?: string;
}

export interface Log {
  readonly path: string;
  /** Undefined: `files` are its segments, in their order. */
  readonly directory: string | undefined;
  readonly files: readonly string[];
}

/**
 * Holds a log against itself, against the checkpoints beside it and against the anchors; `isOnly`: these are all its own.
 * Those of a collected log count only where they are signed: others may have written there too.
 */
export async function judgeLog(
  { path, directory, files: named }: Log,
  keys: readonly LogKey[],
  given: readonly Anchor[],
  isOnly: boolean,
): Promise<LogVerdict> {
  const unreadable = (error: string): LogVerdict => ({ path, exit: 2, error });
  try {
    // First the notes: what they cover was written before, also where the log goes on meanwhile.
    const { beside, spoilt } = directory === undefined ? { beside: [], spoilt: [] } : await notesBeside(directory);
    const files = directory === undefined ? named : await listSegments(directory);
    if (files.length === 0) return unreadable("there is no audit segment in this directory");
    const wanted = [...beside, ...given].map(({ stream, checkpoint }) => ({ stream, size: checkpoint.size }));
    const report = await verifyLog(files, wanted);
    const check = anchorCheck(report);
    const checkpoints: HeadVerdict[] = [];
    for (const note of beside) {
      const checked = check({ stream: note.stream, ...note.checkpoint });
      // Segments that were taken away leave their checkpoints behind.
      if (checked.verdict === "unknown_stream" && report.continues !== undefined) continue;
      checkpoints.push(headVerdict(note, checked, keys));
    }
    const anchors: HeadVerdict[] = [];
    let ignored = 0;
    for (const anchor of given) {
      const checked = check({ stream: anchor.stream, ...anchor.checkpoint });
      if (checked.verdict === "unknown_stream" && !isOnly) continue;
      const verdict = headVerdict(anchor, checked, keys);
      if (!anchor.isCollected || verdict.signedBy !== "wrong") anchors.push(verdict);
      else ignored += 1;
    }
    const exit = exitOf(report, checkpoints, anchors, keys.length > 0);
    return {
      path,
      exit: spoilt.length > 0 ? worstExit([exit, 2]) : exit,
      report,
      anchors,
      ignored,
      checkpoints,
      spoilt,
    };
  } catch (error) {
    return unreadable(error instanceof Error ? error.message : String(error));
  }
}

function exitOf(
  report: ChainReport,
  checkpoints: readonly HeadVerdict[],
  anchors: readonly HeadVerdict[],
  isPinned: boolean,
): LogExit {
  const { damage, records, gaps, continues } = report;
  // Where not even the first line is a record, this may be any file at all.
  if (records === 0 && (damage?.kind === "malformed" || damage?.kind === "torn_tail")) return 2;
  if (damage !== undefined) return 1;
  const isFault = ({ verdict }: HeadVerdict): boolean => verdict !== "covered" && verdict !== "beginning_missing";
  if (anchors.some(({ verdict }) => verdict !== "covered") || checkpoints.some(isFault)) return 3;
  if (checkpoints.some(({ signedBy }) => signedBy === "wrong")) return 1;
  // Without its signature an anchor is a file that somebody wrote.
  if (anchors.some(({ signedBy }) => signedBy === "wrong")) return 2;
  const counts = ({ signedBy, records: covered }: HeadVerdict): boolean =>
    covered > 0 && (signedBy === "pinned" || (signedBy === "own" && !isPinned));
  // What the writer says it could not write, and what was not read, is not verified, whoever signs the rest.
  return anchors.some(counts) && gaps === 0 && continues === undefined ? 0 : 4;
}

function headVerdict(anchor: Anchor, checked: CheckedAnchor, keys: readonly LogKey[]): HeadVerdict {
  const { checkpoint, stream, file } = anchor;
  const { verdict, records, key } = checked;
  return { file, stream, size: checkpoint.size, verdict, signedBy: signerOf(anchor, key, keys), records };
}

function signerOf({ note, checkpoint }: Anchor, named: string | undefined, keys: readonly LogKey[]): SignedBy {
  const { origin } = checkpoint;
  const pinned = judgeNote(note, origin, keys);
  if (pinned === "verified") return "pinned";
  if (pinned === "wrong") return "wrong";
  if (named === undefined) return "unknown";
  const own = parseVerifierKey(named, sha256);
  return own?.name === origin && verifySignature(note, own) === "verified" ? "own" : "wrong";
}

const NOTE_NAME = /^checkpoint-[0-9a-f]{32}(?:\.cosigned)?\.note$/;

async function notesBeside(directory: string): Promise<{ readonly beside: Anchor[]; readonly spoilt: string[] }> {
  const beside: Anchor[] = [];
  const spoilt: string[] = [];
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    if (!NOTE_NAME.test(entry.name)) continue;
    const read = entry.isFile() ? await readAnchors(directory, entry.name) : fail(`${entry.name} is no file.`);
    if (read.ok) beside.push(...read.value);
    else spoilt.push(read.problem);
  }
  return { beside, spoilt };
}
