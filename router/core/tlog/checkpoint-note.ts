import { fail, ok, type Result } from "../base/result.ts";
import { type Checkpoint, parseCheckpoint } from "./checkpoint.ts";
import { parseSignedNote, type SignedNote } from "./signed-note.ts";

/** A checkpoint with what is to vouch for it. */
export interface CheckpointNote {
  readonly checkpoint: Checkpoint;
  readonly note: SignedNote;
}

/** Reads a signed note whose text is a checkpoint; verifies nothing. The problem is one sentence. */
export function parseCheckpointNote(text: string): Result<CheckpointNote, string> {
  const note = parseSignedNote(text);
  if (!note.ok) return fail(note.problem.message);
  const checkpoint = parseCheckpoint(note.value.text);
  if (checkpoint === undefined) return fail("The signed text is not an origin, a size and a root hash.");
  return ok({ checkpoint, note: note.value });
}
