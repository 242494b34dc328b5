import { fail, ok, type Result } from "../base/result.ts";
import { parseBase64 } from "./base64.ts";
import { MAXIMUM_NOTE } from "./signed-note.ts";
import type { TreeHash } from "./tree-hash.ts";

/** What the text formats of proofs share: after lines of their own, hashes, an empty line, and a checkpoint. */
export interface ProofBody {
  readonly path: readonly TreeHash[];
  /** The signed note as it stands there, not looked into. */
  readonly checkpoint: string;
}

export interface ProofTextProblem {
  readonly code:
    | "too_long"
    | "bad_head"
    | "bad_extra"
    | "bad_number"
    | "bad_hash"
    | "too_many_hashes"
    | "no_checkpoint";
  /** One sentence. */
  readonly message: string;
}

/** A proof of a tree with below 2^64 leaves has no more (C2SP tlog-witness). */
export const MAXIMUM_HASHES = 63;
/** In octets: what a proof of ours carries is one record. */
export const MAXIMUM_EXTRA = 128 * 1024;
/** In UTF-16 units; the hashes take 45 each, and the lines before them little. */
export const MAXIMUM_PROOF_TEXT = Math.ceil(MAXIMUM_EXTRA / 3) * 4 + MAXIMUM_HASHES * 45 + MAXIMUM_NOTE + 1024;

const HASH_OCTETS = 32;
/** Base64 of 32 octets. */
const HASH_LINE = 44;

/** The line that begins at `at`, without its newline; undefined where none ends there, or only beyond `longest`. */
export function lineAt(text: string, at: number, longest: number): string | undefined {
  const end = text.slice(at, at + longest + 1).indexOf("\n");
  return end === -1 ? undefined : text.slice(at, at + end);
}

/** Reads from `at`, where the lines before the hashes end, to the end of the text. */
export function parseProofBody(text: string, at: number): Result<ProofBody, ProofTextProblem> {
  const path: TreeHash[] = [];
  for (let begin = at; ;) {
    const line = lineAt(text, begin, HASH_LINE);
    if (line === "") {
      const checkpoint = text.slice(begin + 1);
      return checkpoint === "" ? noCheckpoint() : ok({ path, checkpoint });
    }
    if (begin >= text.length) return noCheckpoint();
    if (path.length === MAXIMUM_HASHES) {
      return problem("too_many_hashes", `A proof has at most ${MAXIMUM_HASHES} hashes.`);
    }
    const octets = parseBase64(line ?? "");
    if (line === undefined || octets?.length !== HASH_OCTETS) {
      return problem("bad_hash", `Hash ${path.length + 1} is not a line with 32 octets in base64.`);
    }
    path.push(octets.toHex());
    begin += line.length + 1;
  }
}

export function formatProofBody({ path, checkpoint }: ProofBody): string {
  const hashes = path.map((hash) => `${Uint8Array.fromHex(hash).toBase64()}\n`);
  return `${hashes.join("")}\n${checkpoint}`;
}

export function problem(code: ProofTextProblem["code"], message: string): Result<never, ProofTextProblem> {
  return fail({ code, message });
}

function noCheckpoint(): Result<never, ProofTextProblem> {
  return problem("no_checkpoint", "The text ends before an empty line and a checkpoint.");
}
