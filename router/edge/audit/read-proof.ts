import { basename } from "node:path";
import { parseSegmentName } from "../../core/audit/segment-header.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";
import type { Checkpoint } from "../../core/tlog/checkpoint.ts";
import { verifyConsistency } from "../../core/tlog/consistency-proof.ts";
import { verifyInclusion } from "../../core/tlog/inclusion-proof.ts";
import { consistencyRanges, inclusionRanges } from "../../core/tlog/proof-ranges.ts";
import type { ProofVerdict } from "../../core/tlog/proof-verdict.ts";
import type { TreeHash } from "../../core/tlog/tree-hash.ts";
import { nodeHash } from "./node-hash.ts";
import { type RangeProblem, RangeReader, type RangesRead, type RangesWanted } from "./range-reader.ts";
import { readLines } from "./read-segments.ts";

/**
 * Why a log gives no proof, besides what `RangeProblem` says. `impossible`: there is no such proof, whatever the log holds.
 * `other_root`: its records are not those of the checkpoint.
 */
export interface ReadProofProblem {
  readonly code: RangeProblem["code"] | "impossible" | "other_root";
  /** One sentence. */
  readonly message: string;
}

/** A record with what shows that it is in the tree of a checkpoint. */
export interface InclusionRead {
  /** Without its newline. */
  readonly line: string;
  readonly path: readonly TreeHash[];
}

/** The inclusion proof of a record, from one reading of the log's files. Throws what the file system throws. */
export async function readInclusion(
  files: readonly string[],
  stream: string,
  seq: number,
  { size, root }: Checkpoint,
): Promise<Result<InclusionRead, ReadProofProblem>> {
  const siblings = inclusionRanges(seq, size);
  if (siblings === undefined) return fail({ code: "impossible", message: `There is no record ${seq} in ${size}.` });
  const ranges = [{ from: 0, to: size }, { from: seq, to: seq + 1 }, ...siblings];
  const read = await readRanges(files, { stream, size, ranges, seq });
  if (!read.ok) return read;
  const [whole, leaf = "", ...path] = read.value.hashes;
  if (whole !== root) return otherRoot(size);
  mustBeProved(verifyInclusion({ index: seq, leaf, size, root, path }, nodeHash));
  return ok({ line: read.value.line, path });
}

/** The consistency proof between two checkpoints of one log. Throws what the file system throws. */
export async function readConsistency(
  files: readonly string[],
  stream: string,
  before: Checkpoint,
  after: Checkpoint,
): Promise<Result<readonly TreeHash[], ReadProofProblem>> {
  const nodes = consistencyRanges(before.size, after.size);
  if (nodes === undefined) {
    return fail({
      code: "impossible",
      message: `A tree of ${before.size} is not the beginning of one of ${after.size}.`,
    });
  }
  const ranges = [{ from: 0, to: before.size }, { from: 0, to: after.size }, ...nodes];
  const read = await readRanges(files, { stream, size: after.size, ranges });
  if (!read.ok) return read;
  const [oldRoot, newRoot, ...path] = read.value.hashes;
  if (oldRoot !== before.root) return otherRoot(before.size);
  if (newRoot !== after.root) return otherRoot(after.size);
  mustBeProved(verifyConsistency({ oldSize: before.size, oldRoot, newSize: after.size, newRoot, path }, nodeHash));
  return ok(path);
}

async function readRanges(files: readonly string[], wanted: RangesWanted): Promise<Result<RangesRead, RangeProblem>> {
  const reader = new RangeReader(wanted);
  for (const file of files) {
    // A segment of another stream holds nothing of this one.
    if ((parseSegmentName(basename(file))?.stream ?? wanted.stream) !== wanted.stream) continue;
    if (!(await readLines(file, (line) => reader.add(line)))) break;
  }
  return reader.finish();
}

function otherRoot(size: number): Result<never, ReadProofProblem> {
  const message = `The first ${size} records of the log are not those that the checkpoint was made of: its root is another.`;
  return fail({ code: "other_root", message });
}

/** A proof whose roots are the checkpoints' and that does not hold is a bug of ours, and must not be handed out. */
function mustBeProved(verdict: ProofVerdict): void {
  if (verdict !== "proved") throw new Error(`a proof that was made here does not hold: ${verdict}`);
}
