import { hash } from "node:crypto";
import { formatAddCheckpoint } from "../../router/core/tlog/add-checkpoint.ts";
import { checkpointText } from "../../router/core/tlog/checkpoint.ts";
import { formatSignedNote } from "../../router/core/tlog/signed-note.ts";
import type { TreeHash } from "../../router/core/tlog/tree-hash.ts";
import { formatVerifierKey } from "../../router/core/tlog/verifier-key.ts";
import { createSigner, type NoteSigner } from "../../router/edge/audit/ed25519.ts";
import { nodeHash } from "../../router/edge/audit/node-hash.ts";

/** Where RFC 6962 divides `count` leaves, at least two: the largest power of two below. */
function split(count: number): number {
  let half = 1;
  while (half * 2 < count) half *= 2;
  return half;
}

/** MTH of RFC 6962 section 2.1, as it stands there. */
function rootOf(leaves: readonly TreeHash[]): TreeHash {
  if (leaves.length === 0) return hash("sha256", "", "hex");
  if (leaves.length === 1) return leaves[0] ?? "";
  const half = split(leaves.length);
  return nodeHash(rootOf(leaves.slice(0, half)), rootOf(leaves.slice(half)));
}

/** SUBPROOF of RFC 6962 section 2.1.2. */
function subproof(old: number, leaves: readonly TreeHash[], isWhole: boolean): TreeHash[] {
  if (old === leaves.length) return isWhole ? [] : [rootOf(leaves)];
  const half = split(leaves.length);
  const [left, right] = [leaves.slice(0, half), leaves.slice(half)];
  if (old <= half) return [...subproof(old, left, isWhole), rootOf(right)];
  return [...subproof(old - half, right, false), rootOf(left)];
}

/** A log as its witness sees it; `fork` makes every leaf from there on another. */
export class WitnessedLogFake {
  readonly origin: string;
  readonly signer: NoteSigner;
  readonly #fork: number;

  constructor(origin: string, signer = createSigner(origin), fork = Infinity) {
    this.origin = origin;
    this.signer = signer;
    this.#fork = fork;
  }

  /** The same log by the same key, telling another story from this leaf on. */
  forkAt(leaf: number): WitnessedLogFake {
    return new WitnessedLogFake(this.origin, this.signer, leaf);
  }

  get vkey(): string {
    return formatVerifierKey(this.signer.key);
  }

  root(size: number): TreeHash {
    return rootOf(this.#leaves(size));
  }

  proof(oldSize: number, size: number): readonly TreeHash[] {
    return oldSize === 0 || oldSize >= size ? [] : subproof(oldSize, this.#leaves(size), true);
  }

  text(size: number): string {
    return checkpointText({ origin: this.origin, size, root: this.root(size) });
  }

  note(size: number): string {
    const text = this.text(size);
    return formatSignedNote(text, [this.signer.sign(text)]);
  }

  /** The body of an honest request. */
  request(oldSize: number, size: number): string {
    return formatAddCheckpoint({ oldSize, path: this.proof(oldSize, size), checkpoint: this.note(size) });
  }

  #leaves(size: number): TreeHash[] {
    return Array.from({ length: size }, (_, index) =>
      hash("sha256", `${index >= this.#fork ? "x" : ""}${index}`, "hex"),
    );
  }
}
