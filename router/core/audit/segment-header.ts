import { subtreeSizes } from "../tlog/compact-range.ts";
import { isTreeHash, type TreeHash } from "../tlog/tree-hash.ts";
import type { AuditValue } from "./audit-event.ts";
import { isList } from "./canonical-json.ts";

/** The `prev` of a chain's very first record, and the leaf of a segment in which nothing could be read. */
export const NO_LEAF = "0".repeat(64);

const ENDINGS = ["rotated", "moved", "stopped", "unclean", "torn", "failed", "damaged"] as const;

/**
 * How a segment ended: `rotated` went on in the next; `moved` was renamed by somebody else while it was written, and is
 * whole under its new name; `stopped` has a stop record; `unclean` has none (killed);
 * `torn` also held half a line, which was cut; `failed` was cut back to its last durable record after a failed write;
 * `damaged` is left as it was found, and the chain goes on from its last good record.
 */
export type SegmentEnding = (typeof ENDINGS)[number];

/** Where a chain stood when it went over to another segment: what the first record of a segment says of the one before. */
export interface PreviousSegment {
  readonly file: string;
  readonly segment: number;
  /** Of its last good record; "", -1 and `NO_LEAF` where it has none. */
  readonly stream: string;
  readonly seq: number;
  readonly leaf: string;
  /** Its size in octets. */
  readonly bytes: number;
  readonly ended: SegmentEnding;
}

/** The `detail` of a `segment` record, the first of each file. */
export interface SegmentHeader {
  /** Counts from 1 within a directory, over restarts. */
  readonly segment: number;
  /** Null: nothing was in the directory, the chain begins here. */
  readonly previous: PreviousSegment | null;
  /**
   * The subtrees over the stream's records before this one (`CompactRange` from 0): with them a segment can be checked
   * against a checkpoint without those before it, and the checkpoint's root vouches for them in turn.
   */
  readonly tree: readonly TreeHash[];
}

export function segmentDetail({ segment, previous, tree }: SegmentHeader): { readonly [key: string]: AuditValue } {
  return { segment, previous: previous === null ? null : { ...previous }, tree };
}

/** Undefined where the detail is not that of a segment record with this number in its stream. */
export function parseSegmentDetail(
  recordSeq: number,
  detail: { readonly [key: string]: AuditValue },
): SegmentHeader | undefined {
  const { segment, previous } = detail;
  const tree = parseTree(recordSeq, detail["tree"]);
  if (!isCount(segment) || previous === undefined || tree === undefined) return undefined;
  if (previous === null) return { segment, previous, tree };
  if (typeof previous !== "object" || isList(previous)) return undefined;
  const { file, stream, seq, leaf, bytes, ended } = previous;
  const ending = ENDINGS.find((name) => name === ended);
  if (ending === undefined || typeof file !== "string" || typeof stream !== "string" || typeof leaf !== "string") {
    return undefined;
  }
  if (!isCount(previous["segment"]) || typeof seq !== "number" || !Number.isSafeInteger(seq) || !isCount(bytes)) {
    return undefined;
  }
  return { segment, previous: { file, segment: previous["segment"], stream, seq, leaf, bytes, ended: ending }, tree };
}

function parseTree(size: number, value: AuditValue | undefined): readonly TreeHash[] | undefined {
  if (value === undefined || value === null || typeof value !== "object" || !isList(value)) return undefined;
  const tree = value.filter((hash) => typeof hash === "string").filter(isTreeHash);
  return tree.length === value.length && tree.length === subtreeSizes(0, size).length ? tree : undefined;
}

function isCount(value: AuditValue | undefined): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

/** A name with a larger number is none: what is planted to exhaust the numbers is not followed. */
export const MAXIMUM_SEGMENT = 999_999_999_999;
const NAME = /^audit-(?<segment>[0-9]{8,12})-(?<stream>[0-9a-f]{32})\.jsonl$/;

/** Names sort in the order of the chain, whatever the clock did, and no two pods make the same. */
export function segmentName(segment: number, stream: string): string {
  return `audit-${String(segment).padStart(8, "0")}-${stream}.jsonl`;
}

/** Undefined for the name of any other file. */
export function parseSegmentName(name: string): { readonly segment: number; readonly stream: string } | undefined {
  const groups = NAME.exec(name)?.groups;
  return groups === undefined ? undefined : { segment: Number(groups["segment"]), stream: groups["stream"] ?? "" };
}
