import { parseBase64 } from "./base64.ts";
import type { TreeHash } from "./tree-hash.ts";
import { parseTreeSize } from "./tree-size.ts";

/** The head of a log's tree (C2SP tlog-checkpoint), as the text of a signed note says it. */
export interface Checkpoint {
  /** Which log: one line, not empty. Nothing else may be assumed of it. */
  readonly origin: string;
  /** Leaves in the tree, below 2^53. */
  readonly size: number;
  readonly root: TreeHash;
}

const HASH_OCTETS = 32;
/** In UTF-16 units; the format sets no bound. The name of a key has the same. */
const MAXIMUM_ORIGIN = 1024;
/** What is below U+0020. */
const CONTROL = /[^ -\u{10ffff}]/u;

/** Throws on what `parseCheckpoint` would not read back. */
export function checkpointText(checkpoint: Checkpoint): string {
  const root = Uint8Array.fromHex(checkpoint.root).toBase64();
  const text = `${checkpoint.origin}\n${checkpoint.size}\n${root}\n`;
  if (parseCheckpoint(text)?.root !== checkpoint.root) throw new Error("not a checkpoint");
  return text;
}

/**
 * Reads origin, size and root of the text of a note; undefined where it is no checkpoint. Lines behind these
 * three are another log's extensions: they are signed, must not be empty, and mean nothing here.
 */
export function parseCheckpoint(text: string): Checkpoint | undefined {
  if (!text.endsWith("\n") || text.startsWith("\n") || text.includes("\n\n")) return undefined;
  const [origin = "", size = "", root = ""] = text.split("\n", 3);
  if (origin.length > MAXIMUM_ORIGIN || CONTROL.test(origin) || !origin.isWellFormed()) return undefined;
  const leaves = parseTreeSize(size);
  const octets = parseBase64(root);
  if (leaves === undefined || octets?.length !== HASH_OCTETS) return undefined;
  return { origin, size: leaves, root: octets.toHex() };
}
