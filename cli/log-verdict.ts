import { readdir } from "node:fs/promises";
import type { ChainReport } from "../router/core/audit/chain-report.ts";
import { type AnchorVerdict, checkAnchor } from "../router/core/audit/check-anchor.ts";
import { parseVerifierKey } from "../router/core/tlog/verifier-key.ts";
import { sha256, verifySignature } from "../router/edge/audit/ed25519.ts";
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
 * nobody else vouches for that. `unsigned`: neither. `unknown`: no key was given, and the part of the log that names its
 * own is not here.
 */
export type SignedBy = "pinned" | "own" | "unsigned" | "unknown";

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
  /** Beside the log: they show who signs it, and not that nothing is cut off. */
  readonly checkpoints?: readonly HeadVerdict[];
  /** Why there is no report. */
  readonly error?: string;
}

interface Log {
  readonly path: string;
  readonly directory: string | undefined;
  readonly files: readonly string[];
}

/** Holds a log against itself, against the checkpoints beside it and against the anchors; `isOnly`: they are all its own. */
export async function judgeLog(
  log: Log,
  keys: readonly LogKey[],
  given: readonly Anchor[],
  isOnly: boolean,
): Promise<LogVerdict> {
  const { path, directory, files } = log;
  const unreadable = (error: string): LogVerdict => ({ path, exit: 2, error });
  if (files.length === 0) return unreadable("there is no audit segment in this directory");
  try {
    const beside = directory === undefined ? [] : await notesBeside(directory);
    const report = await verifyLog(
      files,
      [...beside, ...given].map(({ stream, checkpoint }) => ({ stream, size: checkpoint.size })),
    );
    // A witness's signature is asked for on what is to be an anchor.
    const logKeys = keys.filter((key) => key.name === undefined || key.algorithm === "ed25519");
    const ofThisLog = ({ stream }: Anchor): boolean => report.extents.some((extent) => extent.stream === stream);
    // Segments that were taken away leave their checkpoints behind.
    const checkpoints = beside
      .filter((note) => ofThisLog(note) || report.continues === undefined)
      .map((note) => headVerdict(report, note, logKeys));
    const anchors = given
      .filter((anchor) => isOnly || ofThisLog(anchor))
      .map((note) => headVerdict(report, note, keys));
    return { path, exit: exitOf(report, checkpoints, anchors), report, anchors, checkpoints };
  } catch (error) {
    return unreadable(error instanceof Error ? error.message : String(error));
  }
}

function exitOf(report: ChainReport, checkpoints: readonly HeadVerdict[], anchors: readonly HeadVerdict[]): LogExit {
  const { damage, records, gaps } = report;
  // Where not even the first line is a record, this may be any file at all.
  if (records === 0 && (damage?.kind === "malformed" || damage?.kind === "torn_tail")) return 2;
  if (damage !== undefined) return 1;
  const all = [...anchors, ...checkpoints];
  if (all.some(({ verdict }) => verdict !== "covered" && verdict !== "earlier")) return 3;
  if (checkpoints.some(({ signedBy }) => signedBy === "unsigned")) return 1;
  // Without its signature an anchor is a file that somebody wrote.
  if (anchors.some(({ signedBy }) => signedBy === "unsigned")) return 2;
  const isAnchored = anchors.some(({ verdict, signedBy }) => verdict === "covered" && signedBy !== "unknown");
  // What the writer says it could not write is not verified, whoever signs that.
  return isAnchored && gaps === 0 ? 0 : 4;
}

function headVerdict(report: ChainReport, anchor: Anchor, keys: readonly LogKey[]): HeadVerdict {
  const { checkpoint, note, stream, file } = anchor;
  const { size, root, origin } = checkpoint;
  const verdict = checkAnchor(report, { stream, size, root });
  const found = report.heads.find((head) => head.stream === stream && head.size === size);
  const records = verdict === "covered" ? (found?.records ?? 0) : 0;
  const pinned = judgeNote(note, origin, keys);
  if (pinned !== "not_asked") {
    return { file, stream, size, verdict, signedBy: pinned === "verified" ? "pinned" : "unsigned", records };
  }
  const named = report.extents.find((extent) => extent.stream === stream)?.key;
  if (named === undefined) return { file, stream, size, verdict, signedBy: "unknown", records };
  const own = parseVerifierKey(named, sha256);
  const isOwn = own?.name === origin && verifySignature(note, own) === "verified";
  return { file, stream, size, verdict, signedBy: isOwn ? "own" : "unsigned", records };
}

const NOTE_NAME = /^checkpoint-[0-9a-f]{32}(?:\.cosigned)?\.note$/;

async function notesBeside(directory: string): Promise<Anchor[]> {
  const anchors: Anchor[] = [];
  for (const name of (await readdir(directory)).filter((entry) => NOTE_NAME.test(entry)).toSorted()) {
    const read = await readAnchors(directory, name);
    if (!read.ok) throw new Error(read.problem);
    anchors.push(...read.value);
  }
  return anchors;
}
