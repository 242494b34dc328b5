import { fail, ok, type Result } from "../base/result.ts";
import { type Checkpoint, parseCheckpoint } from "../tlog/checkpoint.ts";
import { parseSignedNote, type SignedNote } from "../tlog/signed-note.ts";
import { parseVerifierKey, type Sha256, type VerifierKey } from "../tlog/verifier-key.ts";
import type { AttestCode, AttestProblem } from "./attest-problem.ts";
import type { RunFacts } from "./run-facts.ts";

/** What core is given to check signatures with. */
export interface Verifying {
  readonly sha256: Sha256;
  readonly verify: (note: SignedNote, key: VerifierKey) => "verified" | "absent" | "wrong";
}

/**
 * The key that a statement names: a log's own (a witness's signs something else), by the name of this log. By itself it
 * shows nothing: whoever writes a statement names a key.
 */
export function namedKey({ key: text, origin }: RunFacts["audit"], sha256: Sha256): Result<VerifierKey, AttestProblem> {
  const key = parseVerifierKey(text, sha256);
  if (key?.algorithm !== "ed25519") return refuse("key_malformed", "The statement's audit.key is no Ed25519 vkey.");
  if (key.name === origin) return ok(key);
  return refuse("key_mismatch", "The statement's audit.key is that of another log than audit.origin.");
}

/** Whether the checkpoint in a statement is signed with this key and says the origin, size and root that stand beside it. */
export function checkLogHead(
  audit: RunFacts["audit"],
  key: VerifierKey,
  verifying: Verifying,
): Result<Checkpoint, AttestProblem> {
  const head = readLogHead(audit.checkpoint, key, verifying);
  if (!head.ok) return head;
  const { origin, size, root } = head.value;
  if (origin === audit.origin && size === audit.size && root === audit.root) return head;
  return refuse(
    "checkpoint_mismatch",
    "The checkpoint says another origin, size or root than the statement beside it.",
  );
}

/** A checkpoint of a log, with a signature by its key; others on it say nothing here. */
export function readLogHead(
  source: string,
  key: VerifierKey,
  { verify }: Verifying,
): Result<Checkpoint, AttestProblem> {
  const note = parseSignedNote(source);
  if (!note.ok) return refuse("checkpoint_malformed", `The checkpoint is no signed note: ${note.problem.message}`);
  const signed = verify(note.value, key);
  if (signed === "absent") {
    return refuse("checkpoint_signature", "The checkpoint is not signed with this log's key: it is of another log.");
  }
  if (signed === "wrong") return refuse("checkpoint_signature", "The checkpoint's signature does not verify.");
  const checkpoint = parseCheckpoint(note.value.text);
  if (checkpoint === undefined) return refuse("checkpoint_malformed", "The note is signed, and is no checkpoint.");
  return ok(checkpoint);
}

function refuse(code: AttestCode, message: string): Result<never, AttestProblem> {
  return fail({ code, message });
}
