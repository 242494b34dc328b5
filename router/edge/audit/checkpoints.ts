import type { Clock } from "../../core/base/clock.ts";
import type { EpochMillis, Millis } from "../../core/base/quantity.ts";
import { checkpointText } from "../../core/tlog/checkpoint.ts";
import { type CompactRange, rangeRoot } from "../../core/tlog/compact-range.ts";
import { formatSignedNote } from "../../core/tlog/signed-note.ts";
import type { TreeHash } from "../../core/tlog/tree-hash.ts";
import type { NoteSigner } from "./ed25519.ts";
import { nodeHash } from "./node-hash.ts";
import type { StreamTree } from "./stream-tree.ts";

/** A signed head of the stream (C2SP tlog-checkpoint). All that it covers is durable. */
export interface SignedCheckpoint {
  readonly origin: string;
  readonly size: number;
  readonly root: TreeHash;
  /** The signed note: what is kept elsewhere. */
  readonly note: string;
  readonly at: EpochMillis;
  readonly tree: CompactRange;
  /** What of the tree is new since the checkpoint before. */
  readonly since: CompactRange;
}

export interface CheckpointOptions {
  /** The stream's key, by the name of its log. */
  readonly signerOf: (origin: string) => NoteSigner;
  /** A head is signed after so many records, and after so long where there are any. */
  readonly records: number;
  readonly interval: Millis;
  /** Must not throw and must not wait. */
  readonly publish: (checkpoint: SignedCheckpoint) => void;
}

/**
 * Signs the heads of one stream: never two of the same size, and each goes on from the one before, because the tree only
 * grows by what is durable. About 30 us each.
 */
export class Checkpoints {
  readonly #options: CheckpointOptions;
  readonly #clock: Clock;
  readonly #tree: StreamTree;
  readonly #signer: NoteSigner;
  #last: SignedCheckpoint | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: CheckpointOptions, clock: Clock, tree: StreamTree, origin: string) {
    this.#options = options;
    this.#clock = clock;
    this.#tree = tree;
    this.#signer = options.signerOf(origin);
  }

  get signer(): NoteSigner {
    return this.#signer;
  }

  get last(): SignedCheckpoint | undefined {
    return this.#last;
  }

  /** Told of every batch that became durable; `now`: a segment, the first batch or a heartbeat ended with it. */
  committed(now: boolean): void {
    if (now || this.#last === undefined || this.#tree.size - this.#tree.markedSize >= this.#options.records) {
      this.sign();
    } else {
      this.#timer ??= setTimeout(() => this.sign(), this.#options.interval).unref();
    }
  }

  /** Signs what is durable, if any of it is new. */
  sign(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#tree.size === this.#tree.markedSize) return;
    const { whole, since } = this.#tree.mark();
    const origin = this.#signer.key.name;
    const root = rangeRoot(whole, nodeHash);
    const text = checkpointText({ origin, size: whole.end, root });
    const note = formatSignedNote(text, [this.#signer.sign(text)]);
    this.#last = { origin, size: whole.end, root, note, at: this.#clock.now(), tree: whole, since };
    this.#options.publish(this.#last);
  }
}
