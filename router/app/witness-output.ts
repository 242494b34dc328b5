import type { Result } from "../core/base/result.ts";
import { assertNever } from "../core/base/assert-never.ts";
import { parseAddCheckpointReply } from "../core/tlog/add-checkpoint-reply.ts";
import type { PostAnswer } from "../edge/upstream/post.ts";
import { formatAddCheckpoint } from "../core/tlog/add-checkpoint.ts";
import { type CompactRange, emptyRange, joinRanges } from "../core/tlog/compact-range.ts";
import { rangeConsistency } from "../core/tlog/range-consistency.ts";
import { formatSignedNote, type NoteSignature, parseSignedNote } from "../core/tlog/signed-note.ts";
import type { VerifierKey } from "../core/tlog/verifier-key.ts";
import type { SignedCheckpoint } from "../edge/audit/checkpoints.ts";
import { verifySignature } from "../edge/audit/ed25519.ts";
import { nodeHash } from "../edge/audit/node-hash.ts";

/** Posts the body of an add-checkpoint request; the problem is one sentence. */
export type PostCheckpoint = (
  body: string,
) => Promise<Result<Pick<PostAnswer, "status" | "contentType" | "body">, string>>;

export interface WitnessOptions {
  readonly key: VerifierKey;
  readonly post: PostCheckpoint;
  /** A checkpoint with the witness's signature on it: what a verifier can be given as an anchor. */
  readonly onCosigned: (note: string) => void;
  /** Told at each change: what is wrong, or undefined. */
  readonly onProblem: (sentence: string | undefined) => void;
}

/** Joined beyond: an outage of the witness must not cost memory. */
const MOST_PIECES = 256;
const FIRST_WAIT = 1_000;
const LONGEST_WAIT = 60_000;

/**
 * Feeds one witness (C2SP tlog-witness): always the newest checkpoint, with the proof that it only goes on from the one
 * that the witness has. The proofs come from compact ranges, so nothing of the log is read again. Nobody waits for it.
 */
export class WitnessOutput {
  readonly #options: WitnessOptions;
  /** The tree that the witness has. */
  #witnessed: CompactRange = emptyRange(0);
  /** What was signed since: how the tree went on, checkpoint by checkpoint. */
  #pieces: Pick<SignedCheckpoint, "tree" | "since">[] = [];
  #newest: SignedCheckpoint | undefined;
  #cosignedSize = 0;
  #problem: string | undefined;
  #working: Promise<void> | undefined;
  #wait = FIRST_WAIT;
  #retry: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: WitnessOptions) {
    this.#options = options;
  }

  /** For people: which witness, how far it came, and what is wrong. */
  status(): { readonly witness: string; readonly cosignedSize: number; readonly problem: string | undefined } {
    return { witness: this.#options.key.name, cosignedSize: this.#cosignedSize, problem: this.#problem };
  }

  offer(checkpoint: SignedCheckpoint): void {
    this.#newest = checkpoint;
    this.#pieces.push({ tree: checkpoint.tree, since: checkpoint.since });
    if (this.#pieces.length > MOST_PIECES) this.#joinOldest();
    if (this.#retry === undefined) this.#work();
  }

  /** One last attempt for what is not cosigned yet; resolves when it ended. */
  async close(): Promise<void> {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    await this.#working;
    this.#closed = true;
    this.#work();
    await this.#working;
    clearTimeout(this.#retry);
  }

  #work(): void {
    this.#working ??= this.#submitAll().finally(() => {
      this.#working = undefined;
    });
  }

  async #submitAll(): Promise<void> {
    while (this.#newest !== undefined && this.#cosignedSize < this.#newest.size) {
      const problem = await this.#submit(this.#newest);
      if (problem !== this.#problem) this.#options.onProblem(problem);
      this.#problem = problem;
      if (problem === undefined) {
        this.#wait = FIRST_WAIT;
        continue;
      }
      if (this.#closed) return;
      this.#retry = setTimeout(() => {
        this.#retry = undefined;
        this.#work();
      }, this.#wait).unref();
      this.#wait = Math.min(2 * this.#wait, LONGEST_WAIT);
      return;
    }
  }

  /** Undefined: it went on, and should be asked again until the newest is cosigned. */
  async #submit(checkpoint: SignedCheckpoint): Promise<string | undefined> {
    const oldSize = this.#witnessed.end;
    const path = rangeConsistency(this.#witnessed, this.#sinceWitnessed(), nodeHash);
    const posted = await this.#options.post(formatAddCheckpoint({ oldSize, path, checkpoint: checkpoint.note }));
    if (!posted.ok) return posted.problem;
    const { status, contentType, body } = posted.value;
    const reply = parseAddCheckpointReply(status, contentType, body);
    if (!reply.ok) return reply.problem;
    switch (reply.value.kind) {
      case "cosigned":
        return this.#cosigned(checkpoint, reply.value.signatures);
      case "refused":
        return `The witness answered ${status}.`;
      case "conflict": {
        // It has another size than was thought: one of those it was given, where an answer got lost.
        const { size } = reply.value;
        if (size !== oldSize && this.#goOnFrom(size)) return undefined;
        return `The witness holds ${size} records of this log, which it never had from here.`;
      }
      default:
        return assertNever(reply.value);
    }
  }

  #cosigned(checkpoint: SignedCheckpoint, lines: readonly NoteSignature[]): string | undefined {
    const note = parseSignedNote(checkpoint.note);
    if (!note.ok) throw new Error("a checkpoint of ours is a note");
    const { text, signatures } = note.value;
    const { key, onCosigned } = this.#options;
    const cosigned = { text, signatures: [...signatures, ...lines.filter(({ name }) => name === key.name)] };
    if (verifySignature(cosigned, key) !== "verified") return "The witness's signature does not verify with its key.";
    this.#goOnFrom(checkpoint.size);
    this.#cosignedSize = checkpoint.size;
    onCosigned(formatSignedNote(cosigned.text, cosigned.signatures));
    return undefined;
  }

  /** False where no checkpoint of this size was signed, or it is forgotten. */
  #goOnFrom(size: number): boolean {
    const index = this.#pieces.findIndex(({ tree }) => tree.end === size);
    const piece = this.#pieces[index];
    if (piece === undefined) return this.#witnessed.end === size;
    this.#witnessed = piece.tree;
    this.#pieces = this.#pieces.slice(index + 1);
    return true;
  }

  #sinceWitnessed(): CompactRange {
    let range = emptyRange(this.#witnessed.end);
    for (const { since } of this.#pieces) range = joinRanges(range, since, nodeHash) ?? range;
    return range;
  }

  /** Two increments become one: the size between them cannot be gone on from any more. */
  #joinOldest(): void {
    const [first, second, ...rest] = this.#pieces;
    if (first === undefined || second === undefined) return;
    const since = joinRanges(first.since, second.since, nodeHash);
    if (since !== undefined) this.#pieces = [{ tree: second.tree, since }, ...rest];
  }
}
