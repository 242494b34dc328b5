import type { Checkpoint } from "./checkpoint.ts";
import { verifyConsistency } from "./consistency-proof.ts";
import { EMPTY_ROOT, type NodeHash, type TreeHash } from "./tree-hash.ts";

/** What a witness keeps of a log: the latest head that it cosigned. */
export interface WitnessedHead {
  readonly size: number;
  readonly root: TreeHash;
}

/** A request to `add-checkpoint`, read. */
export interface WitnessRequest {
  /** The size from which the client proves. */
  readonly oldSize: number;
  readonly path: readonly TreeHash[];
  readonly checkpoint: Checkpoint;
}

/** What the log's trusted keys say of the note; `unknown_origin` where there are none. */
export type NoteTrust = "unknown_origin" | "not_signed" | "signed";

/**
 * Why a checkpoint is not cosigned. `stale`: the proof does not begin at the latest cosigned head. The last two are said
 * of notes that the log did sign: `fork`, another root for that head's size; `not_proved`, no proof that the log only grew.
 */
export type WitnessRefusal = "unknown_origin" | "not_signed" | "old_above_new" | "stale" | "fork" | "not_proved";

/** `size` is that of the latest cosigned head: the body of a 409. */
export type WitnessJudgement =
  | { readonly status: 200; readonly head: WitnessedHead; readonly isNew: boolean }
  | { readonly status: 409; readonly reason: "stale" | "fork"; readonly size: number }
  | { readonly status: 400 | 403 | 404 | 422; readonly reason: Exclude<WitnessRefusal, "stale" | "fork"> };

const NOTHING_SEEN: WitnessedHead = { size: 0, root: EMPTY_ROOT };

/**
 * Whether a witness cosigns, and the status of its reply (C2SP tlog-witness); `known` is undefined for a log of which it
 * never cosigned a checkpoint. On 200 `head` is to be durable before the reply, and no other request for this origin may
 * be judged in between. Never judge with a `known` that could not be read.
 */
export function judgeAddCheckpoint(
  request: WitnessRequest,
  trust: NoteTrust,
  known: WitnessedHead | undefined,
  node: NodeHash,
): WitnessJudgement {
  const { oldSize, path, checkpoint } = request;
  const { size, root } = checkpoint;
  const latest = known ?? NOTHING_SEEN;
  if (trust === "unknown_origin") return { status: 404, reason: "unknown_origin" };
  if (trust === "not_signed") return { status: 403, reason: "not_signed" };
  if (oldSize > size) return { status: 400, reason: "old_above_new" };
  if (oldSize !== latest.size) return { status: 409, reason: "stale", size: latest.size };
  if (size === latest.size && root !== latest.root) return { status: 409, reason: "fork", size: latest.size };
  const proof = { oldSize, oldRoot: latest.root, newSize: size, newRoot: root, path };
  if (verifyConsistency(proof, node) !== "proved") return { status: 422, reason: "not_proved" };
  return { status: 200, head: { size, root }, isNew: known === undefined || size > known.size };
}
